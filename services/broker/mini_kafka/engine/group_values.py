"""The port's values for groups: what is acquired and acknowledged, how a group looks, and where offsets are to go.

`port` hands them on; nothing is decided here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import Record, UnreadableRecord

GroupKind = Literal["offsets", "shared", "classic"]
"""`offsets`: the guide's consumer of that name reads, or somebody commits; `shared`: its members acquire records;
`classic`: Kafka clients share its partitions, or did last."""


class RecordLock(NamedTuple):
    """A claim on a record, or on a run of `records` from `offset` on, from one acquisition.

    The topic's id makes one of a topic's earlier life late.
    """

    topic_id: UUID
    topic: str
    partition: int
    offset: int
    acquisition: int
    records: int = 1


def runs(locks: Iterable[RecordLock]) -> Iterator[RecordLock]:
    """Join locks of one acquisition that follow each other."""
    first, end = None, 0
    following: tuple[object, ...] = ()  # what the next lock of the run begins with
    for lock in locks:
        topic_id, topic, partition, offset, acquisition, records = lock
        if lock[:-1] != following:
            if first:
                yield first._replace(records=end - first.offset)
            first = lock
        end = offset + records
        following = (topic_id, topic, partition, end, acquisition)
    if first:
        yield first._replace(records=end - first.offset)


class AcquiredRecord(NamedTuple):
    """A record that is locked until `deadline_ms`, and the delivery that this is, from 1."""

    topic: str
    partition: int
    record: Record | UnreadableRecord
    delivery_count: int
    lock: RecordLock
    deadline_ms: int


class Release(NamedTuple):
    """A lock to give back; nobody else gets the record for `delay_ms`."""

    lock: RecordLock
    delay_ms: int = 0


class Acknowledgement(NamedTuple):
    """How many records each part of an acknowledgement reached, and the lock on each that was no longer held."""

    accepted: int
    released: int
    rejected: int
    renewed: int
    late: tuple[RecordLock, ...]


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A group in a list; `members` counts the ids that are at work, all callers without one as one.

    Its state is one of `core.rebalance.GroupState`. A group over HTTP is Stable while somebody is in a call of it or
    holds a lock, else Empty.
    """

    name: str
    kind: GroupKind
    state: str
    members: int
    protocol_type: str = ""
    """What a Kafka group's members are for, as they say: `consumer`, `connect`, …"""


class GroupMember(NamedTuple):
    """Somebody at work in a group, and the records that it has locked; None stands for callers without a member id.

    The rest is a Kafka client's: its client id, its address, the name it keeps when it starts anew, its partitions.
    """

    member: str | None
    in_flight: int
    client_id: str | None = None
    host: str | None = None
    instance_id: str | None = None
    assignment: tuple[TopicPartition, ...] = ()


class GroupPartition(NamedTuple):
    """Where a group stands in a partition: the next offset to read, or the first that is not done, and the lag.

    The lag is the distance to the log end offset, as Kafka's tools show it. The counts are of records in flight.
    """

    topic: str
    partition: int
    committed_offset: int
    log_end_offset: int
    lag: int
    acquired: int = 0
    available: int = 0
    delayed: int = 0
    condemned: int = 0


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """A group as others see it."""

    name: str
    kind: GroupKind
    state: str
    members: tuple[GroupMember, ...]
    partitions: tuple[GroupPartition, ...]


class ToOffset(NamedTuple):
    """Go to this offset."""

    offset: int


class ToTime(NamedTuple):
    """Go to the first record at or after a time in milliseconds, or to EARLIEST or LATEST."""

    at: int


class ShiftBy(NamedTuple):
    """Go so many offsets on, or back."""

    offsets: int


class ToGroup(NamedTuple):
    """Go where another group stands."""

    group: str


OffsetTarget = ToOffset | ToTime | ShiftBy | ToGroup


class OffsetChange(NamedTuple):
    """What a reset does to one partition; `before` is None where nothing was committed."""

    topic: str
    partition: int
    before: int | None
    after: int


class OffsetAndMetadata(NamedTuple):
    """An offset as a Kafka client commits it: the next to read, its leader epoch or -1, and a text of the client's."""

    offset: int
    leader_epoch: int
    metadata: str


class ConsumerGroupMember(NamedTuple):
    """A member of a Kafka group; `metadata` and `assignment` are the clients' own bytes."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    metadata: bytes
    assignment: bytes


class ConsumerGroupDescription(NamedTuple):
    """A Kafka group as its clients know it; it has a protocol while it is Stable."""

    state: str
    protocol_type: str
    protocol: str
    members: tuple[ConsumerGroupMember, ...]
