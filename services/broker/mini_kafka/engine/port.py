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
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.core.topic_config import TopicConfig

ANONYMOUS: Final = "ANONYMOUS"
EARLIEST: Final = -2
"""Asks `list_offsets` for the log start offset: Kafka's own number for it."""
LATEST: Final = -1
"""Asks `list_offsets` for the high watermark: Kafka's own number for it."""


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


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch found, and the bounds of the log at that moment."""

    records: tuple[Record, ...]
    log_start_offset: int
    high_watermark: int


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
    def epoch(self) -> str:
        """Name this life of the log; another life has another name."""

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
            TopicExists, InvalidTopic, InvalidPartitions, InvalidConfig: nothing was created.
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

    async def produce(self, caller: Caller, topic: str, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """Append records, all of them or none, and say where each came to lie.

        Keyed records go where Kafka's default partitioner puts them, the others of one call to one partition.

        Raises:
            UnknownTopic, RecordTooLarge, MemoryLimitReached, BrokerStopping: nothing was appended.
        """

    async def fetch(
        self, caller: Caller, partition: TopicPartition, offset: int, *, max_records: int, wait_ms: int = 0
    ) -> Fetched:
        """Read at most `max_records` records from `offset` on; with `wait_ms`, wait for the first one.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange: nothing was read.
        """

    async def list_offsets(self, caller: Caller, partition: TopicPartition, at: int) -> int | None:
        """Look an offset up: EARLIEST, LATEST, or the first record at or after a time in milliseconds.

        Raises:
            UnknownTopic, UnknownPartition: there is no such log.
        """

    async def commit_offsets(self, caller: Caller, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep, for a group, the next offset to read in each partition.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange: nothing was committed.
        """

    async def committed_offsets(self, caller: Caller, group: str) -> Mapping[TopicPartition, int]:
        """Give a group's committed offsets; empty for a group that nobody knows."""

    async def register_consumer(self, caller: Caller, consumer_id: str, topic: str) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then.

        Raises:
            UnknownTopic, InvalidTopic: as `ensure_topic` for a topic that is only needed.
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
