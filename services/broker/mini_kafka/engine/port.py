"""The engine's port: what a listener may ask, and the values that it gets.

It has over 400 lines because it is one protocol, and says of each call what every engine promises.

`Engine` is what the HTTP API needs, and every engine has it. Every call takes the `Caller` first, so that access
rights, faults and a request log need no new signatures. A refusal is a `BrokerError` of the core. Waiting
is the engine's: a call with `wait_ms` ends at the first record, or when the time is over, or when the engine closes.

On a Kafka cluster every call may also raise `ClusterUnavailable`, `ClusterDenied` or `ClusterRefused`, and some mean
what a cluster can: `produce` is all or none only as far as its check goes (`PartlyAppended` says the rest; after
`ClusterUnavailable` nobody knows), takes no `sequence` and no timestamp 0, and may go by the partitions of five
seconds ago. Ends are those of committed records; `record_count` counts offsets. Another gateway may come between the
check of a change and the change, and sees it later. A topic's limits and defaults are the cluster's, and so is
`epoch`.

Groups of a cluster are Kafka's, without limits of their own. `consume` is exactly once for a consumer that waits for
each answer, over all gateways; calls at two of them at once may get the same record, and the slower one's commit
counts. A gateway shares the records of the partitions that it was given, so with more gateways than partitions some
have none; the first `acquire` waits until it was. Locks, delivery counts and delays are a gateway's: they end when a
partition moves or the gateway does, and what was not committed comes again, counted from 1. An accepted record is
committed within about 100 ms, when all before it are done. While the group has members elsewhere, other gateways or
Kafka consumers, `consume`, `commit_offsets`, `reset_offsets` and `delete_group` are refused as if they were of
another kind or at work; a reset of a group that only this gateway shares ends all locks of the group.
`forget_offsets` deletes the group and commits the rest anew, which is not one step. Members and waiting calls are
shown of this gateway, and other gateways as one member each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.producer_sequences import ProducerSequence
from mini_kafka.core.record_batch import NewRecord, Record, UnreadableRecord
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.group_values import Acknowledgement as Acknowledgement
from mini_kafka.engine.group_values import AcquiredRecord as AcquiredRecord
from mini_kafka.engine.group_values import GroupDescription as GroupDescription
from mini_kafka.engine.group_values import GroupKind as GroupKind
from mini_kafka.engine.group_values import GroupMember as GroupMember
from mini_kafka.engine.group_values import GroupPartition as GroupPartition
from mini_kafka.engine.group_values import GroupSummary as GroupSummary
from mini_kafka.engine.group_values import OffsetChange as OffsetChange
from mini_kafka.engine.group_values import OffsetTarget as OffsetTarget
from mini_kafka.engine.group_values import RecordLock as RecordLock
from mini_kafka.engine.group_values import Release as Release
from mini_kafka.engine.group_values import ShiftBy as ShiftBy
from mini_kafka.engine.group_values import ToGroup as ToGroup
from mini_kafka.engine.group_values import ToOffset as ToOffset
from mini_kafka.engine.group_values import ToTime as ToTime
from mini_kafka.engine.group_values import runs as runs

ANONYMOUS: Final = "ANONYMOUS"
EARLIEST: Final = -2
"""Asks `offsets_at` for the log start offset: Kafka's own number for it."""
LATEST: Final = -1
"""Asks `offsets_at` for the high watermark: Kafka's own number for it."""

LOCK_MS: Final = 30_000
"""How long an acquired record is locked unless told otherwise: group.share.record.lock.duration.ms in Kafka."""

READ_BYTES: Final = 1024 * 1024
"""How many bytes of batches a read takes unless told otherwise: a few milliseconds of decoding."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the listener's door, the client's own name, its address, and its principal."""

    door: str
    client_id: str = ""
    address: str = ""
    principal: str = ANONYMOUS


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as others see it."""

    name: str
    topic_id: UUID
    config: TopicConfig
    partitions: tuple["PartitionDescription", ...]
    record_count: int


class PartitionDescription(NamedTuple):
    """A partition's bounds; the high watermark is the offset after its last record."""

    partition: int
    log_start_offset: int
    high_watermark: int


class Appended(NamedTuple):
    """Where a produced record came to lie; `timestamp_ms` is the one that was stored."""

    partition: int
    offset: int
    timestamp_ms: int


class ReadRecord(NamedTuple):
    """A record that was read, and the partition that it lies in."""

    partition: int
    record: Record | UnreadableRecord


@dataclass(frozen=True, slots=True)
class Read:
    """What a read found: records, the offset to go on at in each partition, and whether that is the end for now."""

    topic_id: UUID
    records: tuple[ReadRecord, ...]
    positions: Mapping[int, int]
    up_to_date: bool


class ConsumedRecord(NamedTuple):
    """The record that a registered consumer got next."""

    topic: str
    partition: int
    record: Record


@dataclass(frozen=True, slots=True)
class ConsumerPlace:
    """Where a registered consumer stands: the sum of its committed offsets over the topic's partitions."""

    consumer_id: str
    topic: str
    offset: int


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """What an engine has to do and to carry just now.

    The bytes of its log, all that they cost included, and their limit are None where it has no log of its own.
    """

    brokers: int
    waiting_calls: int
    log_bytes: int | None
    log_limit_bytes: int | None


class Engine(Protocol):
    """Topics, records in and out, and offsets."""

    @property
    def name(self) -> str:
        """Say what kind of engine this is, in a word."""

    @property
    def epoch(self) -> str:
        """Name this life of the log, in 16 hexadecimal digits; another life has another name."""

    @property
    def gateway(self) -> str:
        """Name this gateway among those of one cluster, as locks do; empty for an engine with a log of its own."""

    @property
    def closed(self) -> bool:
        """Whether the engine is on its way down: whoever reads on and on has to end."""

    @property
    def trouble(self) -> str:
        """Say why calls cannot be answered for now; empty when they can."""

    @property
    def message_max_bytes(self) -> int | None:
        """The bytes of a batch in a topic without a limit of its own, as it is now; None where a cluster decides it."""

    def now_ms(self) -> int:
        """Give the time by which the engine goes, in milliseconds since 1970."""

    async def usage(self) -> EngineUsage:
        """Say how many brokers there are, how many calls wait for records, and what the log takes of its memory."""

    async def create_topic(
        self,
        caller: Caller,
        name: str,
        *,
        partitions: int | None = None,
        configs: Mapping[str, str] | None = None,
    ) -> TopicDescription:
        """Make a topic, with the broker's defaults for what is not said.

        Raises:
            TopicExists, InvalidTopic, InvalidPartitions, InvalidConfig, PartitionLimitReached: nothing was created.
        """

    async def put_topic(
        self, caller: Caller, name: str, *, partitions: int | None = None, configs: Mapping[str, str] | None = None
    ) -> tuple[TopicDescription, bool]:
        """Have a topic that is as described, and say whether it was made just now.

        Raises:
            TopicExists: it is there, and has another number of partitions or other configs.
            InvalidTopic, InvalidPartitions, InvalidConfig, PartitionLimitReached: nothing was created.
        """

    async def alter_topic(
        self, caller: Caller, name: str, *, partitions: int | None = None, configs: Mapping[str, str] | None = None
    ) -> TopicDescription:
        """Give a topic more partitions, other configs, or both.

        Raises:
            UnknownTopic, InvalidPartitions, InvalidConfig, PartitionLimitReached: nothing was changed.
        """

    async def describe_topic(self, caller: Caller, name: str) -> TopicDescription:
        """Show one topic.

        Raises:
            UnknownTopic: it does not exist.
        """

    async def ensure_topic(self, caller: Caller, name: str, *, explicit: bool) -> TopicDescription:
        """Find a topic, or make it. `explicit` is a wish for the topic itself; else it is only needed.

        Raises:
            UnknownTopic: it is not there, only needed, and `auto.create.topics.enable` is false.
            InvalidTopic: the name is not allowed.
        """

    async def delete_topic(self, caller: Caller, name: str) -> None:
        """Take a topic, its records and all offsets committed for it away.

        Raises:
            UnknownTopic: it does not exist.
        """

    async def describe_topics(self, caller: Caller) -> Sequence[TopicDescription]:
        """List all topics by name."""

    async def produce(
        self,
        caller: Caller,
        topic: str,
        records: Sequence[NewRecord],
        *,
        create: bool = False,
        sequence: ProducerSequence | None = None,
    ) -> Sequence[Appended]:
        """Append records, all of them or none (on a cluster: see above), and say where each came to lie.

        A record that names no partition goes where Kafka's default partitioner puts its key, and those of one call
        without a key to one partition. With `create`, a missing topic is made, as `ensure_topic` makes one that
        is only needed. A request whose `sequence` was answered before gets that answer again.

        Raises:
            UnknownTopic, InvalidTopic, InvalidRecord, InvalidTimestamp, RecordTooLarge, MemoryLimitReached,
            BrokerStopping, PartitionLimitReached, SequenceGap, ProducerFenced, ProduceQueueFull, NotOnCluster:
            nothing was appended. PartlyAppended: some records were, and it names them.
        """

    async def read(
        self,
        caller: Caller,
        topic: str,
        positions: Mapping[int, int],
        *,
        partition: int | None = None,
        max_records: int,
        max_bytes: int = READ_BYTES,
        wait_ms: int = 0,
    ) -> Read:
        """Read records of one partition or of all, from a position in each; with `wait_ms`, wait for the first one.

        A partition without a position is read from its start. At least one record is read where there is one, and
        no more of them than come in batches of `max_bytes`.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange: nothing was read.
        """

    async def offsets_at(self, caller: Caller, topic: str, at: int) -> Sequence[int]:
        """Look an offset up in each partition: EARLIEST, LATEST, or the first record at or after a time (ms).

        Where there is no such record it is the high watermark.

        Raises:
            UnknownTopic: it does not exist.
        """

    async def commit_offsets(self, caller: Caller, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep, for a group, the next offset to read in each partition.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange, GroupLimitReached, OffsetLimitReached: nothing was
                committed.
            GroupKindConflict: members of a shared group of this name are at work; nothing was committed.
        """

    async def committed_offsets(self, caller: Caller, group: str) -> Mapping[TopicPartition, int]:
        """Give a group's committed offsets; empty for a group that nobody knows."""

    async def register_consumer(self, caller: Caller, consumer_id: str, topic: str) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then.

        Raises:
            UnknownTopic, InvalidTopic: as `ensure_topic` for a topic that is only needed.
            GroupLimitReached, OffsetLimitReached: there are too many consumers and other groups, or offsets of them.
            GroupKindConflict: members of a shared group of this name are at work.
        """

    async def consume(self, caller: Caller, consumer_id: str, *, wait_ms: int = 0) -> ConsumedRecord | None:
        """Hand a registered consumer its next record and commit it, or None when there is nothing new.

        Two calls for one consumer never get the same record. A call that is cancelled while it waits takes none.

        Raises:
            UnknownConsumer: it has to register first.
            OffsetLimitReached: it has no offset in a partition that is new, and there is no room for one.
            GroupKindConflict: members of a shared group of this name are at work.
        """

    async def consumer_places(self, caller: Caller) -> Sequence[ConsumerPlace]:
        """List where every registered consumer stands."""

    async def acquire(
        self,
        caller: Caller,
        group: str,
        topics: Sequence[str],
        *,
        max_records: int,
        wait_ms: int = 0,
        lock_ms: int = LOCK_MS,
        member: str | None = None,
        create: bool = True,
    ) -> Sequence[AcquiredRecord]:
        """Lock records of topics for a member of a shared group; with `wait_ms`, wait for the first one.

        The records of a partition come in the order of their offsets, those that came back first. With `create`,
        missing topics are made, as `ensure_topic` makes one that is only needed. A lock lasts `lock_ms`, which is
        positive, at most as long as the engine allows. A call that is cancelled gives back what it had locked.

        Raises:
            UnknownTopic, InvalidTopic, PartitionLimitReached: a topic is not there, and cannot be.
            GroupKindConflict: a registered consumer of the group's name waits in `consume`.
            GroupLimitReached, OffsetLimitReached: there are too many groups, or offsets of them.
            MemberLimitReached: too many members of the group are in a call or hold records.
        """

    async def acknowledge(
        self,
        caller: Caller,
        group: str,
        *,
        accept: Sequence[RecordLock] = (),
        release: Sequence[Release] = (),
        reject: Sequence[RecordLock] = (),
        renew: Sequence[RecordLock] = (),
        lock_ms: int = LOCK_MS,
    ) -> Acknowledgement:
        """Settle locks, of records or of runs: done, given back, given up, or held for another `lock_ms` from now.

        A lock that is no longer held is `late`, also in a group or topic that is gone, and that is no error. Where
        one lock is named twice, the first counts, in the order of the arguments above with `reject` before `release`.

        Raises:
            LockHeldElsewhere: another gateway of the cluster holds one of them; nothing was settled.
        """

    async def release_member(self, caller: Caller, group: str, member: str) -> int:
        """Give back all that a member holds, and count it; 0 where nobody knows it.

        Their deliveries count, as those of a share session of Kafka's that is closed (seen with 4.3.1).
        """

    async def list_groups(self, caller: Caller) -> Sequence[GroupSummary]:
        """List all groups by name: those that have a committed offset, or members."""

    async def describe_group(self, caller: Caller, group: str) -> GroupDescription:
        """Show a group: its kind, its members, and where it stands in each partition.

        Raises:
            GroupNotFound: nobody knows it.
        """

    async def reset_offsets(
        self,
        caller: Caller,
        group: str,
        targets: Mapping[str | TopicPartition, OffsetTarget],
        *,
        dry_run: bool = False,
    ) -> Sequence[OffsetChange]:
        """Move a group's committed offsets, all or none, and say from where to where; a dry run only says it.

        A topic's name stands for all of its partitions. An offset outside the log becomes the nearer end of it, as
        with kafka-consumer-groups; who has committed nothing stands at the log start. A group that nobody knows is
        made. Locks of a shared group on these partitions end, and are late.

        Raises:
            UnknownTopic, UnknownPartition, GroupLimitReached, OffsetLimitReached: nothing was moved.
            GroupNotFound: nobody knows the group that a target names; nothing was moved.
            GroupKindConflict: Kafka consumers are members of it; nothing was moved.
        """

    async def delete_group(self, caller: Caller, group: str) -> None:
        """Take a group and its offsets away; a registered consumer of that name has to register again.

        Raises:
            GroupNotFound: nobody knows it.
            GroupNotEmpty: it has members or locks, or somebody is in a call of it.
        """

    async def forget_offsets(self, caller: Caller, group: str, topic: str) -> None:
        """Take what a group has committed of one topic away; with its last topic, the group goes.

        Raises:
            GroupNotFound, UnknownTopic: there is no such thing.
            GroupNotEmpty: it has locks on the topic, or somebody is in a call of it.
        """

    async def close(self) -> None:
        """End all waiting, and refuse new records from now on."""
