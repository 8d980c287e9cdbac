"""A group that this gateway is a member of: what its member hears becomes shares and windows of partitions.

Who acquires, waits and settles is `shared_groups`', which owns all groups and hears of each change.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.share_group import ShareGroup, TopicShare
from mini_kafka.core.share_partition import SharePartition
from mini_kafka.engine.kafka_cluster.feed import MAX_BYTES, Feed
from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark
from mini_kafka.engine.kafka_cluster.membership import Assigned, Membership, Received

GROUP_BYTES = 16 * 1024 * 1024
"""What the windows of one group hold together at most, while it has no more partitions than `GROUP_BYTES` has
`LEAST_BYTES`."""
LEAST_BYTES = 64 * 1024
GATHER_MS = 500
"""How long after an assignment the first records of all partitions are waited for: as long as an empty fetch takes."""


class GroupOwner(Protocol):
    """What a group needs of who owns all of them."""

    def now_ms(self) -> int:
        """Give the time, in milliseconds since 1970."""

    def new_share(self, group: "JoinedGroup", offset: int) -> SharePartition:
        """Make a share that begins at an offset."""

    def end_share(self, shared: TopicShare[Feed]) -> None:
        """Let go of a share: its locks are late from now on."""

    def wake(self, group: "JoinedGroup") -> None:
        """Let those who wait in a group look again."""

    def look_for(self, topic: str) -> None:
        """Look whether a topic is still the one that it was, and end what was shared of it if not."""

    def drop(self, group: "JoinedGroup") -> None:
        """Share nothing of a group any more."""


class GroupTopic(NamedTuple):
    """A topic that a group shares records of."""

    name: str
    topic_id: UUID


class JoinedGroup:
    """A group that this gateway is a member of: its shares, its windows, and who asked for which topic when."""

    def __init__(self, owner: GroupOwner, name: str, max_in_flight: int) -> None:
        self.owner = owner
        self.name = name
        self.share: ShareGroup[Feed] = ShareGroup(name, max_in_flight)
        self.topics: dict[str, GroupTopic] = {}
        self.ready: set[str] = set()
        """The topics of which some partitions, or none, have been assigned."""
        self.marks: dict[TopicPartition, Mark] = {}
        self.gather_until_ms = 0
        """How long an acquire waits for more partitions than one to begin, so that its records come from all."""
        self.asked_ms: dict[str, int] = {}
        self.error: BrokerError | None = None
        self.membership: Membership

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        """Share partitions that are this gateway's now."""
        self.ready = set(self.topics)
        self.gather_until_ms = self.owner.now_ms() + GATHER_MS
        each = max(GROUP_BYTES // max(len(self.share.shares) + len(partitions), 1), LEAST_BYTES)
        for place, offset, end, mark, _ in partitions:
            known = self.topics.get(place.topic)
            if known is None:
                continue
            if mark.topic_id != known.topic_id:  # it was made anew since this gateway looked for it
                self.owner.look_for(place.topic)
                continue
            self.marks[place] = mark
            self._begin(Feed(place, offset, end, min(each, MAX_BYTES)))
        self.owner.wake(self)

    def _begin(self, feed: Feed) -> None:
        share = self.owner.new_share(self, feed.high_watermark)
        topic = self.topics[feed.partition.topic]
        self.share.shares[feed.partition] = TopicShare(self.share, topic, feed.partition, feed, share)

    def taken_back(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, Committed]:
        """End shares, and say how far each is done."""
        done = {}
        for place in partitions:
            shared = self.share.shares.get(place)
            if shared is not None:
                done[place] = Committed(shared.share.committed_offset, self.marks.get(place))
                self.owner.end_share(shared)
        self.owner.wake(self)
        return done

    def received(self, news: Sequence[Received]) -> Sequence[TopicPartition]:
        """Let records into the windows, wake who waits for them, and say which windows are full."""
        full = []
        for place, records, end in news:
            shared = self.share.shares.get(place)
            if shared is None:
                continue
            if records and records[0].offset < shared.log.high_watermark:
                shared = self._begin_again(shared, records[0].offset)
            if records:
                shared.log.add(records)
            shared.log.reach(end)
            if shared.log.is_full:
                shared.log.paused = True
                full.append(place)
        self.owner.wake(self)
        return full

    def _begin_again(self, shared: TopicShare[Feed], offset: int) -> TopicShare[Feed]:
        """Share a partition from its log's new start on: what was there is gone, and its offsets are used again."""
        self.owner.look_for(shared.topic.name)
        self.owner.end_share(shared)
        feed = Feed(shared.partition, offset, offset, shared.log.max_bytes)
        feed.committed = shared.log.committed  # what the cluster has is past the new start, and has to fall
        self._begin(feed)
        return self.share.shares[shared.partition]

    def topic_gone(self, topic: str) -> None:
        """Let somebody look whether a topic is there still."""
        self.owner.look_for(topic)

    def ended(self, error: BrokerError | None) -> None:
        """Share no more."""
        self.error = error
        self.owner.drop(self)

    def is_idle(self, topic: str, before_ms: int) -> bool:
        """Tell whether nobody has asked for a topic's records since then, and none is locked or to be buried."""
        return self.asked_ms.get(topic, 0) <= before_ms and not any(
            shared.share.count(State.ACQUIRED) or shared.share.count(State.CONDEMNED)
            for place, shared in self.share.shares.items()
            if place.topic == topic
        )
