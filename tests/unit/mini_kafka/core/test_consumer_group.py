"""What members of a group are told: who leads, who is in, what is theirs. After Apache Kafka 4.3.1."""

import pytest

from mini_kafka.core.errors import (
    GroupFull,
    IllegalGeneration,
    MemberFenced,
    MemberIdRequired,
    RebalanceInProgress,
    UnknownMember,
)
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import JoinedMember, Leaver, Protocol, Synced
from tests.support.consumer_group import RANGE, REBALANCE_MS, GroupOnTrial, wish

CHANGED = (Protocol("range", b"changed"),)


def test_the_first_member_leads_and_alone_is_told_who_else_is_there() -> None:
    trial = GroupOnTrial()
    one, two = trial.join("one"), trial.join("two", wish(instance_id="s"))
    trial.advance(0)
    assert one.joined().members == (JoinedMember("one", None, b"r"), JoinedMember("two", "s", b"r"))
    assert two.joined().members == ()
    assert {one.joined().leader, two.joined().leader} == {"one"}
    assert (one.joined().member_id, two.joined().member_id) == ("one", "two")


def test_every_member_gets_what_the_leader_assigned_to_it_and_nothing_where_it_did_not() -> None:
    trial = GroupOnTrial()
    for member_id in ("one", "two", "three"):
        trial.join(member_id)
    trial.advance(0)
    two, three = trial.sync("two"), trial.sync("three")
    assert two.waits
    one = trial.sync("one", {"one": b"a", "two": b"b", "stranger": b"c"})
    assert [inbox.synced().assignment for inbox in (one, two, three)] == [b"a", b"b", b""]
    assert one.synced() == Synced("consumer", "range", b"a")


def test_who_syncs_after_the_leader_gets_its_assignment_at_once_and_again() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    assert trial.sync("two").synced().assignment == b"two"
    assert trial.sync("two").synced().assignment == b"two"


def test_nobody_keeps_the_assignment_of_a_generation_that_was_broken_off() -> None:
    trial = GroupOnTrial().stabilize("one", "two")
    trial.join("three")
    trial.again("one")
    trial.again("two")
    two = trial.sync("two")
    trial.join("four")
    assert two.refusal() is RebalanceInProgress
    assert {member.assignment for member in trial.group.members} == {b""}


def test_when_the_leader_goes_the_oldest_member_leads() -> None:
    trial = GroupOnTrial().stabilize("one", "two", "three")
    trial.group.leave(trial.now_ms, [Leaver("one")])
    two, three = trial.again("two"), trial.again("three")
    assert two.joined().leader == three.joined().leader == "two"


def test_a_member_that_goes_while_it_waits_is_told_so() -> None:
    trial = GroupOnTrial().stabilize("one")
    two = trial.join("two")
    trial.group.leave(trial.now_ms, [Leaver("two")])
    assert two.refusal() is UnknownMember


def test_a_member_that_asks_twice_is_answered_twice() -> None:
    """Kafka never answers the earlier one; here its connection must not be stuck for ever."""
    trial = GroupOnTrial().stabilize("one", "two")
    first = trial.again("one", protocols=CHANGED)
    second = trial.again("one", protocols=CHANGED)
    assert first.refusal() is RebalanceInProgress
    trial.again("two")
    assert second.joined().generation == 2
    earlier = trial.sync("two")
    later = trial.sync("two")
    assert earlier.refusal() is RebalanceInProgress
    trial.sync("one", {"two": b"b"})
    assert later.synced().assignment == b"b"


def test_an_id_that_was_given_out_is_good_for_one_join() -> None:
    trial = GroupOnTrial()
    trial.pending("one")
    assert len(trial.group.members) == 0
    inbox = trial.again("one")
    trial.advance(0)
    assert inbox.joined().member_id == "one"


def test_two_ids_hold_up_a_rebalance_until_both_have_joined() -> None:
    trial = GroupOnTrial().stabilize("one")
    trial.pending("two")
    trial.pending("three")
    two, one = trial.again("two"), trial.again("one")
    assert one.waits
    trial.again("three")
    assert len(one.joined().members) == 3
    assert two.joined().generation == 2


def test_a_static_member_needs_no_id_first() -> None:
    trial = GroupOnTrial()
    inbox = trial.join("one", wish(instance_id="s", takes_id_first=True))
    trial.advance(0)
    assert inbox.joined().member_id == "one"
    with pytest.raises(MemberIdRequired):
        trial.join("two", wish(takes_id_first=True))


def test_a_static_member_that_starts_anew_keeps_its_assignment_and_nobody_rebalances() -> None:
    trial = static_pair()
    again = trial.join("new", wish(instance_id="s"))
    assert (again.joined().generation, again.joined().member_id) == (1, "new")
    assert trial.sync("new", instance_id="s").synced().assignment == b"static"
    with pytest.raises(MemberFenced):
        trial.heartbeat("static", instance_id="s")
    with pytest.raises(UnknownMember):
        trial.heartbeat("static")


def test_a_static_leader_that_starts_anew_is_told_to_keep_the_assignment() -> None:
    trial = static_leader()
    again = trial.join("new", wish(instance_id="s")).joined()
    assert (again.leader, again.skip_assignment) == ("new", True)
    assert [member.member_id for member in again.members] == ["two", "new"]


def test_an_old_client_that_led_is_not_told_that_it_leads() -> None:
    trial = static_leader()
    again = trial.join("new", wish(instance_id="s", skips_assignment=False)).joined()
    assert (again.leader, again.skip_assignment, again.members) == ("static", False, ())


def test_a_static_member_that_changes_the_protocol_of_all_makes_them_rebalance() -> None:
    both = (Protocol("range", b""), Protocol("sticky", b""))
    trial = GroupOnTrial()
    trial.join("static", wish(instance_id="s", protocols=both))
    trial.join("two", wish(protocols=tuple(reversed(both))))
    trial.advance(0)
    trial.sync("static", instance_id="s")
    assert trial.group.cycle.protocol == "range"
    inbox = trial.join("new", wish(instance_id="s", protocols=both[1:]))
    assert (trial.state, inbox.waits) == ("PreparingRebalance", True)
    trial.again("two", protocols=tuple(reversed(both)))
    assert inbox.joined().protocol == "sticky"


def test_a_static_member_that_joins_again_without_its_name_keeps_it_until_it_leaves() -> None:
    trial = GroupOnTrial()
    trial.join("static", wish(instance_id="s"))
    trial.advance(0)
    trial.sync("static", instance_id="s")
    again = trial.again("static").joined()
    assert (again.generation, again.members) == (2, (JoinedMember("static", "s", b"r"),))
    trial.heartbeat("static", instance_id="s")
    trial.group.leave(trial.now_ms, [Leaver("static")])
    assert trial.join("new", wish(instance_id="s")).waits


def test_whatever_a_static_members_earlier_self_waits_for_is_refused() -> None:
    trial = static_pair()
    trial.join("three")
    earlier = trial.again("static", instance_id="s")
    trial.join("new", wish(instance_id="s"))
    assert earlier.refusal() is MemberFenced


def test_a_static_member_that_started_anew_must_sync_in_the_others_time() -> None:
    """Its new id takes the place of the old one among those who have not synced."""
    trial = GroupOnTrial()
    trial.join("one", wish(session_ms=600_000))
    trial.join("static", wish(instance_id="s", session_ms=600_000))
    trial.advance(0)
    trial.sync("one")
    trial.join("new", wish(instance_id="s", session_ms=600_000))
    trial.sync("new", instance_id="s")
    trial.advance(2 * REBALANCE_MS)
    assert (trial.state, trial.generation) == ("Stable", 1)


def test_an_id_that_was_given_out_cannot_become_a_static_member() -> None:
    trial = static_pair()
    trial.pending("p")
    with pytest.raises(MemberFenced):
        trial.again("p", instance_id="s")
    with pytest.raises(UnknownMember):
        trial.again("p", instance_id="t")


@pytest.mark.parametrize("state", ["initial", "stable", "rebalancing"])
def test_a_full_group_takes_nobody_in(state: str) -> None:
    trial = GroupOnTrial(GroupLimits(max_size=2, initial_rebalance_delay_ms=1000))
    trial.join("one")
    trial.join("two")
    if state != "initial":
        trial.advance(2000)
        trial.sync("one")
    if state == "rebalancing":
        trial.again("one")
        trial.again("two", protocols=RANGE)
        trial.again("one", protocols=CHANGED)
        trial.again("two")
    with pytest.raises(GroupFull):
        trial.join("three")
    assert len(trial.group.members) == 2


def test_no_more_ids_are_given_out_than_there_may_be_members() -> None:
    trial = GroupOnTrial(GroupLimits(max_size=2))
    trial.pending("one")
    trial.pending("two")
    with pytest.raises(GroupFull):
        trial.join("three", wish(takes_id_first=True))
    trial.again("one")
    trial.pending("three")


def test_who_leaves_is_answered_for_itself() -> None:
    trial = GroupOnTrial().stabilize("one", "two", "three")
    results = trial.group.leave(trial.now_ms, [Leaver("one"), Leaver("stranger"), Leaver("two", "s"), Leaver("one")])
    assert [result and type(result) for result in results] == [None, UnknownMember, UnknownMember, UnknownMember]
    assert {member.member_id for member in trial.group.members} == {"two", "three"}


def test_who_is_of_an_older_generation_neither_commits_nor_beats() -> None:
    trial = GroupOnTrial().stabilize("one")
    trial.join("two")
    trial.again("one")
    trial.sync("one")
    with pytest.raises(IllegalGeneration):
        trial.group.check_commit(trial.now_ms, trial.place("one", generation=1))
    with pytest.raises(IllegalGeneration):
        trial.heartbeat("one", generation=1)
    trial.group.check_commit(trial.now_ms, trial.place("one"))


def test_a_commit_is_a_sign_of_life() -> None:
    trial = GroupOnTrial().stabilize("one")
    for _ in range(5):
        trial.advance(9_999)
        trial.group.check_commit(trial.now_ms, trial.place("one"))
    assert trial.state == "Stable"


def static_pair() -> GroupOnTrial:
    trial = GroupOnTrial()
    trial.join("one")
    trial.join("static", wish(instance_id="s"))
    trial.advance(0)
    trial.sync("one", {"one": b"one", "static": b"static"})
    trial.sync("static", instance_id="s")
    return trial


def static_leader() -> GroupOnTrial:
    trial = GroupOnTrial()
    trial.join("static", wish(instance_id="s"))
    trial.join("two")
    trial.advance(0)
    trial.sync("static", {"static": b"static"}, instance_id="s")
    trial.sync("two")
    return trial
