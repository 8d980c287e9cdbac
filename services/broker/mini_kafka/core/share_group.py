"""Share groups: which records each group shares now, partition by partition, and what it keeps when it ends.

The rules of one partition are `share_partition`'s. This room joins a group to the partitions of its topics, makes a
share of a partition once the log has something for it (a group costs little for partitions that stay empty), and
copies each committed offset to where every kind of group has them. It reads no log and wakes nobody.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import CommittedOffsets, TopicPartition
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.share_partition import InFlightLimit, SharePartition
from mini_kafka.core.topic import Topic

MAX_DELIVERY_COUNT = 5
"""Kafka's default for a share group's deliveries of one record (group.share.delivery.count.limit, KIP-932)."""
MAX_IN_FLIGHT = 10_000
"""Records in flight in one group, unless the broker is told otherwise: five times what Kafka allows on one partition
(group.share.partition.max.record.locks), and at most about 4 MB when each was settled alone."""


class SharedTopic(Protocol):
    """What a share has to know of its topic: the id makes locks on one of an earlier life late."""

    @property
    def name(self) -> str:
        """Give its name."""

    @property
    def topic_id(self) -> UUID:
        """Give the id that no other topic ever has."""


class SharedLog(Protocol):
    """What a share has to know of its partition's log: where the records that can be had begin and end."""

    @property
    def log_start_offset(self) -> int:
        """Give the first offset that has not been dropped."""

    @property
    def high_watermark(self) -> int:
        """Give the offset after the last record that can be had."""


L = TypeVar("L", bound=SharedLog)


class TopicShare(Generic[L]):
    """A group's share of one partition; `ended` once somebody has reset, forgotten or deleted it."""

    __slots__ = ("ended", "group", "log", "partition", "share", "topic")

    def __init__(
        self, group: "ShareGroup[L]", topic: SharedTopic, partition: TopicPartition, log: L, share: SharePartition
    ) -> None:
        self.group = group
        self.topic = topic
        self.partition = partition
        self.log = log
        self.share = share
        self.ended = False

    @property
    def in_flight(self) -> int:
        """Count the records of this partition that were delivered and are not done."""
        return sum(self.share.count(state) for state in State)

    def catch_up(self, max_ranges: int) -> bool:
        """Count what the log has dropped as done, at most `max_ranges` ranges in flight; say whether there is more."""
        start = self.log.log_start_offset
        if self.share.committed_offset >= start:
            return False
        if self.in_flight > max_ranges:
            self.share.advance_log_start(min(start, self.share.committed_offset + max_ranges))
        else:
            self.share.advance_log_start(start)
        return self.share.committed_offset < start


class ShareGroup(Generic[L]):
    """A share group: its shares by partition, and the limit that they have in common."""

    __slots__ = ("in_flight", "joined", "name", "shares", "turn", "wants_room")

    def __init__(self, name: str, max_in_flight: int) -> None:
        self.name = name
        self.in_flight = InFlightLimit(max_in_flight)
        self.shares: dict[TopicPartition, TopicShare[L]] = {}
        self.joined: dict[UUID, int] = {}
        """By topic, how many of its partitions have a committed offset of this group."""
        self.turn = 0
        """Which partition is asked first next time."""
        self.wants_room = False
        """Whether somebody found new records and no room for them."""

    @property
    def locked(self) -> int:
        """Count the records that somebody has acquired."""
        return sum(shared.share.count(State.ACQUIRED) for shared in self.shares.values())

    def end_share(self, shared: TopicShare[L]) -> None:
        """Let go of a share: its locks are late from now on, and what is committed stays."""
        shared.ended = True
        shared.share.reset(shared.share.committed_offset)
        del self.shares[shared.partition]


LogShare = TopicShare[PartitionLog]
LogGroup = ShareGroup[PartitionLog]


class ShareGroups:
    """All groups that share records now."""

    def __init__(
        self,
        offsets: CommittedOffsets,
        max_delivery_count: int = MAX_DELIVERY_COUNT,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self._offsets = offsets
        self._max_delivery_count = max_delivery_count
        self._max_in_flight = max_in_flight
        self._groups: dict[str, LogGroup] = {}
        self._acquisitions = count(1)

    def __iter__(self) -> Iterator[LogGroup]:
        return iter(self._groups.values())

    def find(self, name: str) -> LogGroup | None:
        """Give a group, or None where no group of this name shares records now."""
        return self._groups.get(name)

    def check_room(self, name: str) -> None:
        """Refuse a group that would be one too many.

        Raises:
            GroupLimitReached: there are too many already.
        """
        self._offsets.check_room(name)

    def open(self, name: str, topics: Iterable[Topic]) -> LogGroup:
        """Give a group that shares records of topics from now on.

        It gets a committed offset in each partition where it has none: the log start offset.

        Raises:
            GroupLimitReached, OffsetLimitReached: there is no room for it; nothing was changed.
        """
        group = self._groups.get(name) or ShareGroup(name, self._max_in_flight)
        news = [topic for topic in topics if group.joined.get(topic.topic_id) != len(topic.logs)]
        self._offsets.check_room(name, [partition for topic in news for partition in topic.partitions])
        self._groups[name] = group
        for topic in news:
            for partition, log in zip(topic.partitions, topic.logs, strict=True):
                if self._offsets.committed(name, partition) is None:
                    self._offsets.commit(name, partition, log.log_start_offset)
            group.joined[topic.topic_id] = len(topic.logs)
        return group

    def share_of(self, group: LogGroup, topic: Topic, number: int) -> LogShare | None:
        """Give the group's share of a partition, or None while there has been nothing to share."""
        partition = topic.partitions[number]
        found = group.shares.get(partition)
        if found is None:
            log = topic.logs[number]
            committed = self._offsets.committed(group.name, partition) or 0
            if max(committed, log.log_start_offset) < log.high_watermark:
                share = SharePartition(committed, self._max_delivery_count, group.in_flight, self._acquisitions)
                found = group.shares[partition] = TopicShare(group, topic, partition, log, share)
        return found

    def copy_offset(self, shared: LogShare) -> None:
        """Commit the first offset of a share that is not done."""
        self._offsets.commit(shared.group.name, shared.partition, shared.share.committed_offset)

    def end_topic(self, group: LogGroup, topic: Topic) -> list[LogShare]:
        """Let go of all that a group shares of a topic, and give what it was; the group goes with its last topic."""
        ended = [shared for shared in group.shares.values() if shared.topic is topic]
        for shared in ended:
            group.end_share(shared)
        group.joined.pop(topic.topic_id, None)
        if not group.joined:
            self._groups.pop(group.name, None)
        return ended

    def end(self, group: LogGroup) -> list[LogShare]:
        """Let a group share no more, and give what it shared; its committed offsets stay."""
        ended = list(group.shares.values())
        for shared in ended:
            group.end_share(shared)
        self._groups.pop(group.name, None)
        return ended
