"""What groups hold of what their clients say is counted, bounded, and given back when a member or a group goes."""

import pytest

from mini_kafka.core.consumer_groups import GROUP_BYTES, ConsumerGroups
from mini_kafka.core.errors import GroupLimitReached, GroupMemoryReached, MemberIdRequired
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import MEMBER_BYTES, Leaver, Protocol
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import CommitDetails, CommittedOffsets, TopicPartition
from tests.support.consumer_group import RANGE, GroupOnTrial, Inbox, wish

ORDERS = TopicPartition("orders", 0)
WORDY = (Protocol("range", b"r" * 10_000),)


def limited(limit: int) -> GroupOnTrial:
    it = GroupOnTrial()
    it.memory = MemoryBudget(limit, GroupMemoryReached)
    it.group.members._memory = it.memory
    return it


def held(it: GroupOnTrial) -> int:
    return it.memory.used


def test_what_a_member_says_and_is_assigned_counts_until_it_goes() -> None:
    it = GroupOnTrial().stabilize("a", "b")
    alone = wish().cost
    assert held(it) == 2 * alone + len("a") + len("b")
    it.group.leave(it.now_ms, [Leaver("b")])
    it.again("a", protocols=WORDY)
    assert held(it) == wish(protocols=WORDY).cost + len("a")
    it.group.leave(it.now_ms, [Leaver("a")])
    assert held(it) == 0


def test_a_static_member_that_starts_anew_counts_once() -> None:
    it = GroupOnTrial()
    it.join("a", wish(instance_id="till"))
    it.advance(0)
    it.sync("a", {"a": b"x" * 500})
    before = held(it)
    it.join("b", wish(instance_id="till"))
    assert held(it) == before


def test_an_id_that_was_given_out_counts_until_it_is_used_or_too_old() -> None:
    it = GroupOnTrial()
    it.pending("used")
    it.pending("late")
    assert held(it) == 2 * (MEMBER_BYTES + len("used"))
    it.advance(5_000)
    it.again("used")
    it.advance(5_000)
    assert held(it) == wish().cost


def test_a_member_for_which_there_is_no_memory_is_not_let_in_and_changes_nothing() -> None:
    it = limited(5_000)
    with pytest.raises(GroupMemoryReached, match=r"would pass MINI_KAFKA_MAX_GROUP_BYTES \(5000\)"):
        it.join("a", wish(protocols=WORDY))
    assert (held(it), it.state) == (0, "Empty")
    it.join("b")
    it.advance(0)
    with pytest.raises(GroupMemoryReached):
        it.again("b", protocols=WORDY)
    assert held(it) == wish().cost


def test_assignments_for_which_there_is_no_memory_are_refused_and_the_leader_may_send_smaller_ones() -> None:
    it = limited(5_000)
    it.join("a")
    it.advance(0)
    with pytest.raises(GroupMemoryReached):
        it.sync("a", {"a": b"x" * 5_000})
    assert it.state == "CompletingRebalance"
    it.sync("a", {"a": b"x" * 100, "nobody": b"x" * 5_000})  # what is for nobody is not kept
    assert it.state == "Stable"
    assert held(it) == wish().cost + 100


class Groups(ConsumerGroups):
    """All groups, and what is committed, in one budget."""

    def __init__(self, memory_bytes: int = 2**30, max_groups: int = 100) -> None:
        self.memory = MemoryBudget(memory_bytes, GroupMemoryReached)
        self.committed = CommittedOffsets(max_groups, memory=self.memory)
        super().__init__(self.committed, GroupLimits(), max_groups, self.memory)

    def give_out(self, name: str, member_id: str) -> None:
        with pytest.raises(MemberIdRequired):
            self.open(name).join(0, wish(takes_id_first=True), member_id, Inbox().append)


def test_a_groups_name_counts_until_the_group_goes_and_what_its_members_hold_goes_with_it() -> None:
    groups = Groups()
    groups.give_out("g" * 100, "id")
    assert groups.memory.used == GROUP_BYTES + 100 + MEMBER_BYTES + 2
    groups.forget("g" * 100)
    assert groups.memory.used == 0


def test_a_group_for_whose_name_there_is_no_memory_is_not_made() -> None:
    groups = Groups(memory_bytes=GROUP_BYTES + 10)
    with pytest.raises(GroupMemoryReached):
        groups.open("g" * 11)
    assert groups.find("g" * 11) is None
    groups.open("g" * 10)


def test_names_and_texts_of_committed_offsets_count_until_they_go() -> None:
    groups = Groups(memory_bytes=1_000)
    commit = groups.committed.commit
    commit("g", ORDERS, 1, CommitDetails(0, "x" * 500, 0))
    assert groups.memory.used == 501
    commit("g", ORDERS, 2, CommitDetails(0, "x" * 100, 0))
    assert groups.memory.used == 101
    commit("g", ORDERS, 3)
    assert groups.memory.used == 1
    with pytest.raises(GroupMemoryReached):
        commit("g", ORDERS, 4, CommitDetails(0, "x" * 1_000, 0))
    assert groups.committed.committed("g", ORDERS) == 3
    with pytest.raises(GroupMemoryReached):
        commit("h" * 1_000, ORDERS, 0)
    commit("g", ORDERS, 4, CommitDetails(0, "x", 0))
    groups.committed.forget_topic("orders")
    assert groups.memory.used == 0


def test_groups_that_only_gave_ids_out_make_room_for_new_ones_the_oldest_first() -> None:
    groups = Groups(max_groups=3)
    for name in ("oldest", "joined", "newest"):
        groups.give_out(name, f"id-{name}")
    group = groups.find("joined")
    assert group is not None
    group.join(0, wish("id-joined", protocols=RANGE), "", Inbox().append)
    dropped = groups.make_room()
    assert dropped is not None
    assert (dropped.name, groups.find("oldest")) == ("oldest", None)
    assert groups.make_room() is None  # there is room
    groups.give_out("next", "id")
    dropped = groups.make_room()
    assert dropped is not None
    assert dropped.name == "newest"  # the oldest that is left: one that has a member stays
    assert groups.find("joined") is group


def test_groups_with_members_or_offsets_make_room_for_nobody() -> None:
    groups = Groups(max_groups=2)
    groups.open("joined").join(0, wish(), "a", Inbox().append)
    groups.open("committed")
    groups.committed.commit("committed", ORDERS, 1)
    assert groups.make_room() is None
    with pytest.raises(GroupLimitReached):
        groups.open("late")
