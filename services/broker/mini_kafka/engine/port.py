"""The engine's port: what a listener may ask, and the values that it gets.

`Engine` is what the HTTP API needs, and every engine has it. Every call takes the `Caller` first, so that access
rights, faults and a request log need no new signatures. A refusal is a `BrokerError` of the core. Waiting
is the engine's: a call with `wait_ms` ends at the first record, or when the time is over, or when the engine closes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.producer_sequences import ProducerSequence
from mini_kafka.core.record_batch import NewRecord, Record, UnreadableRecord
from mini_kafka.core.topic_config import TopicConfig

ANONYMOUS: Final = "ANONYMOUS"
EARLIEST: Final = -2
"""Asks `offsets_at` for the log start offset: Kafka's own number for it."""
LATEST: Final = -1
"""Asks `offsets_at` for the high watermark: Kafka's own number for it."""

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


@dataclass(frozen=True, slots=True)
class PartitionDescription:
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


class Engine(Protocol):
    """Topics, records in and out, and offsets."""

    @property
    def name(self) -> str:
        """Say what kind of engine this is, in a word."""

    @property
    def epoch(self) -> str:
        """Name this life of the log, in 16 hexadecimal digits; another life has another name."""

    @property
    def closed(self) -> bool:
        """Whether the engine is on its way down: whoever reads on and on has to end."""

    def now_ms(self) -> int:
        """Give the time by which the engine goes, in milliseconds since 1970."""

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
        """Append records, all of them or none, and say where each came to lie.

        A record that names no partition goes where Kafka's default partitioner puts its key, and those of one call
        without a key to one partition. With `create`, a missing topic is made, as `ensure_topic` makes one that
        is only needed. A request whose `sequence` was answered before gets that answer again.

        Raises:
            UnknownTopic, InvalidTopic, InvalidRecord, RecordTooLarge, MemoryLimitReached, BrokerStopping,
            PartitionLimitReached, SequenceGap, ProducerFenced: nothing was appended.
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
            UnknownTopic, UnknownPartition, OffsetOutOfRange, GroupLimitReached: nothing was committed.
        """

    async def committed_offsets(self, caller: Caller, group: str) -> Mapping[TopicPartition, int]:
        """Give a group's committed offsets; empty for a group that nobody knows."""

    async def register_consumer(self, caller: Caller, consumer_id: str, topic: str) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then.

        Raises:
            UnknownTopic, InvalidTopic: as `ensure_topic` for a topic that is only needed.
            GroupLimitReached: there are too many consumers and other groups.
        """

    async def consume(self, caller: Caller, consumer_id: str, *, wait_ms: int = 0) -> ConsumedRecord | None:
        """Hand a registered consumer its next record and commit it, or None when there is nothing new.

        Two calls for one consumer never get the same record. A call that is cancelled while it waits takes none.

        Raises:
            UnknownConsumer: it has to register first.
        """

    async def consumer_places(self, caller: Caller) -> Sequence[ConsumerPlace]:
        """List where every registered consumer stands."""

    async def close(self) -> None:
        """End all waiting, and refuse new records from now on."""
