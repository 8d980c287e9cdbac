"""Committed offsets belong to group, topic and partition, and move only when somebody commits."""

import pytest

from mini_kafka.core.errors import GroupLimitReached, OffsetLimitReached
from mini_kafka.core.offsets import CommitDetails, CommittedOffsets, TopicPartition

ORDERS, OTHER = TopicPartition("orders", 0), TopicPartition("orders", 1)
ALIEN = TopicPartition("orders2", 0)


@pytest.fixture
def offsets() -> CommittedOffsets:
    return CommittedOffsets()


def test_what_was_never_committed_is_none(offsets: CommittedOffsets) -> None:
    assert offsets.committed("g", ORDERS) is None
    assert offsets.of_group("g") == {}
    assert list(offsets.groups()) == []


def test_every_group_and_every_partition_has_its_own_offset(offsets: CommittedOffsets) -> None:
    offsets.commit("g", ORDERS, 1)
    offsets.commit("g", OTHER, 2)
    offsets.commit("h", ORDERS, 3)
    assert offsets.of_group("g") == {ORDERS: 1, OTHER: 2}
    assert offsets.of_group("h") == {ORDERS: 3}
    assert offsets.committed("h", OTHER) is None


def test_a_commit_may_move_back(offsets: CommittedOffsets) -> None:
    offsets.commit("g", ORDERS, 9)
    offsets.commit("g", ORDERS, 0)
    assert offsets.committed("g", ORDERS) == 0


def test_an_offset_of_zero_is_an_offset(offsets: CommittedOffsets) -> None:
    offsets.commit("g", ORDERS, 0)
    assert offsets.committed("g", ORDERS) == 0
    assert list(offsets.groups()) == ["g"]


def test_what_is_given_out_is_a_copy(offsets: CommittedOffsets) -> None:
    offsets.commit("g", ORDERS, 1)
    given = offsets.of_group("g")
    offsets.commit("g", ORDERS, 2)
    assert given == {ORDERS: 1}


def test_asking_for_a_group_does_not_make_it(offsets: CommittedOffsets) -> None:
    offsets.of_group("g")
    offsets.committed("g", ORDERS)
    assert list(offsets.groups()) == []


def test_a_deleted_topic_takes_its_offsets_from_every_group_and_no_others(offsets: CommittedOffsets) -> None:
    offsets.commit("g", ORDERS, 1)
    offsets.commit("g", OTHER, 2)
    offsets.commit("g", ALIEN, 3)
    offsets.commit("h", ORDERS, 4)
    offsets.forget_topic("orders")
    assert offsets.of_group("g") == {ALIEN: 3}
    assert list(offsets.groups()) == ["g"]


def test_beyond_the_limit_a_new_group_is_refused_and_the_others_go_on() -> None:
    offsets = CommittedOffsets(max_groups=2)
    for group in ("a", "b"):
        offsets.commit(group, TopicPartition("t", 0), 0)
    with pytest.raises(GroupLimitReached, match=r"MINI_KAFKA_MAX_GROUPS \(2\)"):
        offsets.commit("c", TopicPartition("t", 0), 0)
    offsets.commit("b", TopicPartition("t", 0), 7)
    assert set(offsets.groups()) == {"a", "b"}
    offsets.forget_topic("t")
    offsets.commit("c", TopicPartition("t", 0), 0)


def test_a_group_can_be_forgotten_alone() -> None:
    offsets = CommittedOffsets()
    for group in ("a", "b"):
        offsets.commit(group, TopicPartition("orders", 0), 1)
    offsets.forget_group("a")
    offsets.forget_group("nobody")
    assert (list(offsets.groups()), offsets.has_group("a"), offsets.has_group("b")) == (["b"], False, True)


def test_one_groups_offsets_of_a_topic_can_be_forgotten_and_its_last_topic_takes_the_group_along() -> None:
    offsets = CommittedOffsets()
    for group in ("a", "b"):
        for topic in ("orders", "bills"):
            offsets.commit(group, TopicPartition(topic, 0), 1)
    offsets.forget_topic("orders", "a")
    assert set(offsets.of_group("a")) == {TopicPartition("bills", 0)}
    assert len(offsets.of_group("b")) == 2
    offsets.forget_topic("bills", "a")
    assert list(offsets.groups()) == ["b"]


def test_room_is_checked_before_a_group_commits() -> None:
    offsets = CommittedOffsets(max_groups=1)
    offsets.check_room("a")
    offsets.commit("a", TopicPartition("orders", 0), 1)
    offsets.check_room("a")
    with pytest.raises(GroupLimitReached):
        offsets.check_room("b")


def test_details_stay_with_the_offset_that_they_came_with() -> None:
    offsets = CommittedOffsets()
    offsets.commit("g", ORDERS, 5, CommitDetails(3, "mine", 1000))
    assert offsets.details("g", ORDERS) == CommitDetails(3, "mine", 1000)
    offsets.commit("g", ORDERS, 6)
    assert (offsets.committed("g", ORDERS), offsets.details("g", ORDERS)) == (6, None)


@pytest.mark.parametrize("forget", ["partition", "topic", "group"])
def test_what_is_forgotten_takes_its_details_along(forget: str) -> None:
    offsets = CommittedOffsets()
    offsets.commit("g", ORDERS, 5, CommitDetails(3, "mine", 1000))
    if forget == "partition":
        offsets.forget("g", ORDERS)
    elif forget == "topic":
        offsets.forget_topic("orders")
    else:
        offsets.forget_group("g")
    assert not offsets.has_group("g")
    assert offsets.details("g", ORDERS) is None


def test_forgetting_one_offset_leaves_the_others() -> None:
    offsets = CommittedOffsets()
    offsets.commit("g", ORDERS, 5)
    offsets.commit("g", TopicPartition("orders", 1), 6)
    offsets.forget("g", ORDERS)
    offsets.forget("g", ORDERS)
    assert offsets.of_group("g") == {TopicPartition("orders", 1): 6}


def test_all_groups_together_have_only_so_many_offsets_and_give_their_room_back() -> None:
    offsets = CommittedOffsets(max_offsets=3)
    a, b = TopicPartition("orders", 0), TopicPartition("bills", 0)
    for group, partition in (("g", a), ("g", b), ("h", a)):
        offsets.commit(group, partition, 1)
    for group in ("h", "i"):
        with pytest.raises(OffsetLimitReached, match=r"MINI_KAFKA_MAX_COMMITTED_OFFSETS \(3\)"):
            offsets.commit(group, b, 1)
    assert not offsets.has_group("i")
    offsets.commit("g", a, 7)
    offsets.check_room("g", (a, b))
    offsets.forget_topic("orders", "g")
    offsets.commit("h", b, 1)
    offsets.forget_topic("bills")
    offsets.check_room("i", (a, b))
    with pytest.raises(OffsetLimitReached):
        offsets.check_room("i", (a, b, TopicPartition("rates", 0)))
    offsets.forget_group("h")
    offsets.forget_group("h")
    offsets.check_room("i", (a, b, TopicPartition("rates", 0)))
