"""A share group over its partitions: where it starts, what it gives back when a share ends, and what stays."""

from uuid import uuid4

import pytest

from mini_kafka.core.errors import GroupLimitReached, OffsetLimitReached
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import CommittedOffsets, TopicPartition
from mini_kafka.core.share_group import LogGroup, LogShare, ShareGroups
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import TopicConfig
from tests.support.batches import new_batch
from tests.support.shares import each, new

FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)


@pytest.fixture
def offsets() -> CommittedOffsets:
    return CommittedOffsets(max_groups=1)


@pytest.fixture
def groups(offsets: CommittedOffsets) -> ShareGroups:
    return ShareGroups(offsets, max_delivery_count=3, max_in_flight=100)


@pytest.fixture
def topic() -> Topic:
    """Give a topic of two partitions, the first with ten records in batches of one."""
    topic = Topics(MemoryBudget(2**30)).create("orders", uuid4(), TopicConfig(), 2)
    for _ in range(10):
        topic.logs[0].append(new_batch())
    return topic


@pytest.fixture
def group(groups: ShareGroups, topic: Topic) -> LogGroup:
    return groups.open("g", [topic])


def share_of(groups: ShareGroups, group: LogGroup, topic: Topic) -> LogShare:
    shared = groups.share_of(group, topic, 0)
    assert shared is not None
    return shared


def test_a_group_that_joins_has_a_committed_offset_in_every_partition_and_keeps_those_it_had(
    groups: ShareGroups, offsets: CommittedOffsets, topic: Topic
) -> None:
    offsets.commit("g", FIRST, 7)
    group = groups.open("g", [topic])
    assert offsets.of_group("g") == {FIRST: 7, SECOND: 0}
    assert share_of(groups, group, topic).share.next_offset == 7


def test_partitions_that_are_added_are_joined_at_their_start(
    groups: ShareGroups, group: LogGroup, offsets: CommittedOffsets, topic: Topic
) -> None:
    topic.add_partitions(3)
    groups.open("g", [topic])
    assert offsets.committed("g", TopicPartition("orders", 2)) == 0


def test_a_partition_without_records_costs_no_share(groups: ShareGroups, group: LogGroup, topic: Topic) -> None:
    assert groups.share_of(group, topic, 1) is None
    topic.logs[1].append(new_batch())
    assert groups.share_of(group, topic, 1) is groups.share_of(group, topic, 1) is not None


def test_a_share_that_ends_gives_its_room_back_and_keeps_what_is_committed(
    groups: ShareGroups, group: LogGroup, offsets: CommittedOffsets, topic: Topic
) -> None:
    shared = share_of(groups, group, topic)
    lock = new(shared.share, 10)
    shared.share.accept(0, each(lock)[:2])
    groups.copy_offset(shared)
    assert (group.in_flight.in_flight, group.locked) == (8, 8)
    group.end_share(shared)
    assert (group.in_flight.in_flight, group.locked, shared.ended) == (0, 0, True)
    again = share_of(groups, group, topic)
    assert again is not shared
    assert (again.share.next_offset, offsets.committed("g", FIRST)) == (2, 2)
    assert not again.share.accept(0, [lock]).records


def test_a_group_ends_with_its_last_topic_and_a_topic_of_the_same_name_is_another_one(
    groups: ShareGroups, group: LogGroup, topic: Topic
) -> None:
    shared = share_of(groups, group, topic)
    new(shared.share, 4)
    other = Topic("orders", uuid4(), TopicConfig(), 1, MemoryBudget(2**30))
    assert groups.end_topic(group, other) == []
    groups.open("g", [topic])
    assert groups.end_topic(group, topic) == [shared]
    assert (groups.find("g"), group.in_flight.in_flight) == (None, 0)


def test_a_group_that_ends_leaves_its_committed_offsets(
    groups: ShareGroups, group: LogGroup, offsets: CommittedOffsets, topic: Topic
) -> None:
    shared = share_of(groups, group, topic)
    assert groups.end(group) == [shared]
    assert (groups.find("g"), list(groups), shared.ended) == (None, [], True)
    assert offsets.of_group("g") == {FIRST: 0, SECOND: 0}


def test_one_group_too_many_is_not_opened(groups: ShareGroups, group: LogGroup, topic: Topic) -> None:
    with pytest.raises(GroupLimitReached):
        groups.open("h", [topic])
    assert groups.find("h") is None
    groups.end(group)
    groups.open("g", [topic])  # its offsets are there, so it is no group more


def test_a_group_without_room_for_all_of_its_offsets_is_not_opened_and_has_none(topic: Topic) -> None:
    offsets = CommittedOffsets(max_offsets=3)
    groups = ShareGroups(offsets)
    groups.open("g", [topic])
    with pytest.raises(OffsetLimitReached):
        groups.open("h", [topic])
    assert (groups.find("h"), offsets.has_group("h")) == (None, False)
    topic.add_partitions(3)
    groups.open("g", [topic])
    topic.add_partitions(4)
    with pytest.raises(OffsetLimitReached):
        groups.open("g", [topic])
    assert len(offsets.of_group("g")) == 3


@pytest.mark.parametrize("start", [1, 5, 10])
def test_a_share_catches_up_with_the_log_in_steps(
    groups: ShareGroups, group: LogGroup, topic: Topic, start: int
) -> None:
    shared = share_of(groups, group, topic)
    new(shared.share, 10)
    assert not shared.catch_up(2)
    for _ in range(start):
        topic.logs[0].drop_head()
    steps = 1
    while shared.catch_up(2):
        steps += 1
    assert (shared.share.committed_offset, group.in_flight.in_flight) == (start, 10 - start)
    assert steps == {1: 1, 5: 3, 10: 5}[start]


def test_a_share_without_records_in_flight_catches_up_at_once(
    groups: ShareGroups, group: LogGroup, topic: Topic
) -> None:
    shared = share_of(groups, group, topic)
    for _ in range(9):
        topic.logs[0].drop_head()
    assert not shared.catch_up(1)
    assert shared.share.next_offset == 9
