"""What a member hears becomes shares: of the topic that was wanted, from where it was committed, each offset once."""

from uuid import UUID

import pytest

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import Record
from mini_kafka.core.share_group import TopicShare
from mini_kafka.core.share_partition import SharePartition
from mini_kafka.engine.kafka_cluster.feed import Feed
from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark
from mini_kafka.engine.kafka_cluster.joined_group import GroupTopic, JoinedGroup
from mini_kafka.engine.kafka_cluster.membership import Assigned, Received

PLACE = TopicPartition("t", 0)
ID, OTHER_ID = UUID(int=1), UUID(int=2)


class Owner:
    """Makes and ends shares, and keeps what it was told."""

    def __init__(self) -> None:
        self.looked_for: list[str] = []
        self.woken = 0

    def now_ms(self) -> int:
        return 0

    def new_share(self, group: JoinedGroup, offset: int) -> SharePartition:
        return SharePartition(offset, 5, group.share.in_flight, iter(range(100)))

    def end_share(self, shared: TopicShare[Feed]) -> None:
        shared.group.end_share(shared)

    def wake(self, group: JoinedGroup) -> None:
        self.woken += 1

    def look_for(self, topic: str) -> None:
        self.looked_for.append(topic)

    def drop(self, group: JoinedGroup) -> None:
        pass


@pytest.fixture
def owner() -> Owner:
    """Give who owns the group."""
    return Owner()


@pytest.fixture
def group(owner: Owner) -> JoinedGroup:
    """Give a group that wants one topic."""
    group = JoinedGroup(owner, "g", 100)
    group.topics = {"t": GroupTopic("t", ID)}
    return group


def assigned(topic_id: UUID, offset: int = 5, end: int = 9) -> Assigned:
    return Assigned(PLACE, offset, end, Mark("shared", topic_id=topic_id), is_new=False)


def test_a_partition_is_shared_from_where_it_was_committed_and_its_mark_goes_with_each_commit(
    group: JoinedGroup, owner: Owner
) -> None:
    group.assigned([assigned(ID)])
    assert group.share.shares[PLACE].share.committed_offset == 5
    assert (group.ready, owner.looked_for) == ({"t"}, [])
    assert group.taken_back([PLACE]) == {PLACE: Committed(5, Mark("shared", topic_id=ID))}
    assert group.share.shares == {}


def test_a_partition_of_a_topic_that_was_made_anew_is_not_shared_under_the_old_ones_id(
    group: JoinedGroup, owner: Owner
) -> None:
    group.assigned([assigned(OTHER_ID)])
    assert (group.share.shares, owner.looked_for) == ({}, ["t"])


def test_offsets_that_are_used_again_are_shared_again_and_the_commit_falls_with_them(
    group: JoinedGroup, owner: Owner
) -> None:
    group.assigned([assigned(ID)])
    group.received([Received(PLACE, [Record(5, 0, None, b"lost"), Record(6, 0, None, b"lost")], 7)])
    before = group.share.shares[PLACE]
    group.received([Received(PLACE, [Record(2, 0, None, b"new")], 3)])
    after = group.share.shares[PLACE]
    assert (before.ended, after.share.committed_offset, after.log.high_watermark) == (True, 2, 3)
    assert after.log.committed != after.share.committed_offset  # so the next change is committed, whatever it is
    assert owner.looked_for == ["t"]
