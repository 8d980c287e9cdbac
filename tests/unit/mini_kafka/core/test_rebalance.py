"""What time does to a group: delays, sessions, and those who do not join or sync. After Apache Kafka 4.3.1."""

from contextlib import suppress

import pytest

from mini_kafka.core.consumer_group import NEW_MEMBER_MS
from mini_kafka.core.errors import RebalanceInProgress, UnknownMember
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Leaver
from mini_kafka.core.rebalance import LEAST_RETRY_MS
from tests.support.consumer_group import REBALANCE_MS, SESSION_MS, GroupOnTrial, wish


def keep_alive(trial: GroupOnTrial, member_ids: list[str], duration_ms: int) -> None:
    """Let time pass while these members send heartbeats."""
    for _ in range(0, duration_ms, SESSION_MS // 2):
        for member_id in member_ids:
            with suppress(RebalanceInProgress):
                trial.heartbeat(member_id)
        trial.advance(SESSION_MS // 2)


def test_without_a_delay_a_first_member_has_its_generation_at_once() -> None:
    trial = GroupOnTrial()
    inbox = trial.join("one")
    assert trial.group.cycle.next_deadline_ms == trial.now_ms
    trial.advance(0)
    assert inbox.joined().generation == 1


def test_members_who_come_within_the_initial_delay_share_the_first_generation() -> None:
    trial = GroupOnTrial(GroupLimits(initial_rebalance_delay_ms=3000))
    one = trial.join("one")
    trial.advance(2999)
    two = trial.join("two")
    trial.advance(1)
    assert one.waits
    trial.advance(2999)
    assert one.waits
    trial.advance(1)
    assert (one.joined().generation, two.joined().generation) == (1, 1)


def test_the_initial_delay_goes_on_for_newcomers_no_longer_than_a_rebalance_may_take() -> None:
    trial = GroupOnTrial(GroupLimits(initial_rebalance_delay_ms=3000))
    one = trial.join("0", wish(rebalance_ms=7000))
    for number in range(1, 7):
        trial.advance(1000)
        trial.join(str(number), wish(rebalance_ms=7000))
        assert one.waits
    trial.advance(1000)
    assert len(one.joined().members) == 7


def test_a_later_rebalance_ends_when_all_have_joined_and_waits_no_delay() -> None:
    trial = GroupOnTrial(GroupLimits(initial_rebalance_delay_ms=3000))
    trial.join("one")
    trial.advance(3000)
    two = trial.join("two")
    one = trial.again("one")
    assert (one.joined().generation, two.joined().generation) == (2, 2)


def test_who_does_not_join_in_time_is_no_member_of_the_next_generation() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    three = trial.join("three")
    two = trial.again("two")
    keep_alive(trial, ["one"], REBALANCE_MS)
    assert two.joined().leader == "two"  # the leader is gone, and the oldest who joined leads
    assert [member.member_id for member in two.joined().members] == ["two", "three"]
    assert three.joined().members == ()
    with pytest.raises(UnknownMember):
        trial.heartbeat("one", generation=2)


def test_the_slowest_members_time_for_a_rebalance_counts() -> None:
    trial = GroupOnTrial()
    trial.join("one", wish(rebalance_ms=20_000, session_ms=60_000))
    trial.join("two", wish(rebalance_ms=40_000, session_ms=60_000))
    trial.advance(0)
    three = trial.join("three", wish(rebalance_ms=1000))
    trial.advance(39_999)
    assert three.waits
    trial.advance(1)
    assert three.joined().leader == "three"


def test_a_member_that_is_silent_for_its_session_is_gone_and_the_others_rebalance() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    trial.advance(SESSION_MS - 1)
    trial.heartbeat("one")
    assert trial.state == "Stable"
    trial.advance(1)
    assert trial.state == "PreparingRebalance"
    assert trial.again("one").joined().members[0].member_id == "one"


def test_a_silent_group_is_empty_after_its_session_and_keeps_its_generation() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    trial.advance(SESSION_MS + REBALANCE_MS)
    assert (trial.state, len(trial.group.members)) == ("Empty", 0)
    generation = trial.generation
    trial.stabilize("three")
    assert trial.generation == generation + 1


def test_an_empty_group_has_no_deadline() -> None:
    trial = GroupOnTrial().stabilize("one")
    trial.group.leave(trial.now_ms, [Leaver("one")])
    trial.advance(10 * SESSION_MS)
    assert trial.group.cycle.next_deadline_ms is None
    assert trial.group.cycle.empty_since_ms == trial.now_ms - 10 * SESSION_MS


def test_a_member_that_waits_for_the_others_cannot_be_missing() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    one = trial.again("one", protocols=(trial.group.members["one"].wish.protocols[0]._replace(metadata=b"new"),))
    keep_alive(trial, ["two"], 3 * SESSION_MS)
    assert one.waits
    two = trial.again("two")
    assert {member.member_id for member in one.joined().members} == {"one", "two"}
    assert two.joined().generation == 2
    trial.advance(SESSION_MS)  # from here on it can
    assert "one" not in trial.group.members


def test_a_new_member_whose_answer_nobody_takes_is_given_up_after_five_minutes() -> None:
    trial = GroupOnTrial(GroupLimits(max_session_timeout_ms=10 * NEW_MEMBER_MS))
    patient = wish(session_ms=10 * NEW_MEMBER_MS, rebalance_ms=10 * NEW_MEMBER_MS)
    trial.join("one", patient)
    trial.advance(0)
    two = trial.join("two", patient)
    trial.advance(NEW_MEMBER_MS - 1)
    assert two.waits
    trial.advance(1)
    assert two.refusal() is UnknownMember
    assert len(trial.group.members) == 1


def test_an_id_that_nobody_joins_with_holds_a_rebalance_up_no_longer_than_its_session() -> None:
    trial = GroupOnTrial().stabilize("one")
    trial.pending("two")
    one = trial.again("one")
    trial.advance(SESSION_MS - 1)
    assert one.waits
    trial.advance(1)
    assert one.joined().generation == 2


def test_who_does_not_sync_within_the_time_for_a_rebalance_is_sent_away() -> None:
    trial = GroupOnTrial()
    trial.join("one")
    trial.join("two")
    trial.advance(0)
    one = trial.sync("one")
    assert one.synced() is not None
    keep_alive(trial, ["one", "two"], REBALANCE_MS)
    assert trial.state == "PreparingRebalance"
    assert "two" not in trial.group.members
    assert trial.again("one").joined().generation == 2


def test_a_leader_that_never_syncs_is_sent_away_and_the_others_are_told_to_join_again() -> None:
    trial = GroupOnTrial()
    trial.join("one")
    trial.join("two")
    trial.advance(0)
    two = trial.sync("two")
    keep_alive(trial, ["one", "two"], REBALANCE_MS)
    assert two.refusal() is RebalanceInProgress
    assert next(iter(trial.group.members)).member_id == "two"


def test_all_who_synced_are_left_alone() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    keep_alive(trial, ["one", "two"], 3 * REBALANCE_MS)
    assert (trial.state, trial.generation) == ("Stable", 1)


def test_a_static_member_may_miss_a_rebalance_and_keeps_its_place_until_all_should_have_synced() -> None:
    trial = GroupOnTrial()
    trial.join("one")
    trial.join("static", wish(instance_id="s", session_ms=3 * REBALANCE_MS))
    trial.advance(0)
    trial.sync("one")
    trial.sync("static", instance_id="s")
    trial.join("two")
    one = trial.again("one")
    keep_alive(trial, ["one"], REBALANCE_MS)
    assert {member.member_id for member in one.joined().members} == {"one", "static", "two"}
    trial.sync("one")
    trial.sync("two")
    keep_alive(trial, ["one", "two"], REBALANCE_MS - SESSION_MS)
    assert "static" in trial.group.members
    keep_alive(trial, ["one", "two"], SESSION_MS)
    assert "static" not in trial.group.members


def test_a_rebalance_that_nobody_joined_is_tried_again_and_not_all_the_time() -> None:
    trial = GroupOnTrial()
    trial.join("one")
    trial.join("static", wish(instance_id="s", rebalance_ms=0, session_ms=60_000))
    trial.advance(0)
    trial.sync("one")
    trial.sync("static", instance_id="s")
    trial.group.leave(trial.now_ms, [Leaver("one")])
    trial.advance(0)
    assert trial.group.cycle.next_deadline_ms == trial.now_ms + LEAST_RETRY_MS
    assert trial.state == "PreparingRebalance"
    again = trial.again("static", instance_id="s", rebalance_ms=0)
    assert again.joined().leader == "static"
