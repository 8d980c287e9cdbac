"""The port to the log as Kafka clients use it: batches in and out as bytes, offsets by time, producers.

What waits is a coroutine function, the rest are plain functions. A refusal is a `BrokerError`; of several partitions
each has its own, and none spoils the others.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.fetch_session import FetchPartition, FetchSessions
from mini_kafka.core.producer_states import ProducerState
from mini_kafka.engine.port import Caller

TopicKey = str | UUID
"""A topic by its name, or by its id."""


class AppendedBatch(NamedTuple):
    """Where a batch came to lie; the time is that of its append where the topic says so, else -1."""

    base_offset: int
    log_append_time_ms: int
    log_start_offset: int


class FetchedPartition(NamedTuple):
    """What a fetch found in one partition: a refusal, or its bounds and whole batches.

    `end_of_epoch` is the end of the log where the reader is beyond it, and was told so by nobody who knows this log.
    """

    refusal: BrokerError | None
    high_watermark: int = -1
    log_start_offset: int = -1
    batches: Sequence[bytes] = ()
    size_bytes: int = 0
    end_of_epoch: int | None = None


class FoundOffset(NamedTuple):
    """An offset that was looked up by time, and the time of its record; -1 each where there is none."""

    offset: int
    timestamp_ms: int
    leader_epoch: int


class LogSize(NamedTuple):
    """How much one partition holds."""

    topic: str
    partition: int
    size_bytes: int


class RawLog(Protocol):
    """The log in batches."""

    @property
    def sessions(self) -> FetchSessions:
        """The fetch sessions of this broker's clients."""

    def now_ms(self) -> int:
        """Give the time by which the engine goes."""

    def is_compacted(self, topic: TopicKey) -> bool:
        """Tell whether a topic is there and compacted: then its batches go to `append_keyed_batch`."""

    def append_batch(
        self, caller: Caller, topic: TopicKey, partition: int, records: memoryview, *, may_be_zstd: bool = True
    ) -> AppendedBatch:
        """Append the batch that a client sent for a partition; a repeat gets the place that it got before.

        Raises:
            UnknownTopic, UnknownTopicId, UnknownPartition, CorruptBatch, InvalidBatch, BatchTooLarge,
            UnsupportedCompression, TimestampOutOfRange, TransactionsUnsupported, OutOfOrderSequence,
            StaleProducerEpoch, MemoryLimitReached, BrokerStopping: nothing was appended.
        """

    async def append_keyed_batch(
        self, caller: Caller, topic: TopicKey, partition: int, records: memoryview, *, may_be_zstd: bool = True
    ) -> AppendedBatch:
        """Append a batch as `append_batch` does, if every record in it has a key.

        Raises:
            InvalidBatch: one has none, or the records cannot be read; and what `append_batch` raises.
        """

    def fetch(self, caller: Caller, wanted: Sequence[FetchPartition], max_bytes: int) -> "Fetched":
        """Read partitions in the given order; at least one batch is given where there is one, whatever its size."""

    async def fetch_waiting(
        self, caller: Caller, wanted: Sequence[FetchPartition], *, max_bytes: int, min_bytes: int, max_wait_ms: int
    ) -> "Fetched":
        """Read as `fetch` does, and wait until there are `min_bytes` or something has to be said at once.

        Many partitions are read in turns, so that others have theirs.
        """

    async def offset_at(
        self, caller: Caller, topic: TopicKey, partition: int, at: int, leader_epoch: int = -1
    ) -> FoundOffset:
        """Look an offset up: EARLIEST, LATEST, MAX_TIMESTAMP, or the first record at or after a time (ms).

        Raises:
            UnknownTopic, UnknownPartition, UnknownLeaderEpoch: there is nothing to look at.
        """

    def delete_records(self, caller: Caller, topic: str, partition: int, before: int) -> int:
        """Forget the records below an offset, -1 for all of them, and give the new log start offset.

        Raises:
            UnknownTopic, UnknownPartition: there is no such log.
            OffsetOutOfRange: it does not reach that far.
            RecordsNotDeletable: the topic is only compacted.
        """

    def end_of_epoch(self, caller: Caller, topic: str, partition: int, leader_epoch: int, of_epoch: int) -> int | None:
        """Give the offset after a leader epoch's last record; None for an epoch that never was.

        Raises:
            UnknownTopic, UnknownPartition, UnknownLeaderEpoch: there is no such log.
        """

    def new_producer_id(self) -> int:
        """Give an id that no other producer has."""

    def producers(self, caller: Caller, topic: str, partition: int) -> Iterable[ProducerState]:
        """List the idempotent producers that a partition remembers.

        Raises:
            UnknownTopic, UnknownPartition: there is no such log.
        """

    def sizes(self, caller: Caller) -> Iterable[LogSize]:
        """Say how much each partition holds."""

    @property
    def memory_limit(self) -> int:
        """The bytes that all logs together may take."""

    @property
    def memory_used(self) -> int:
        """The bytes that all logs together take, index and objects included."""


class Fetched(NamedTuple):
    """What a fetch found, partition by partition in the order that was asked for, and the bytes of all batches.

    It is urgent when it must not wait for more records: at a refusal, at a log that ended earlier, or when it is full.
    """

    partitions: list[FetchedPartition]
    size_bytes: int
    is_urgent: bool
