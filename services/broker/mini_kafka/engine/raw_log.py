"""The log as Kafka clients use it: their batches are appended and handed out as bytes.

It shares everything with the rest of the engine: what one door appends, the other reads. The rules about batches,
producers and sessions are the core's (`client_batch`, `producer_states`, `fetch_session`); here they meet the logs,
the time, and whoever waits.
"""

import asyncio
import secrets
from collections.abc import Iterable, Sequence

from mini_kafka.core import client_batch, record_batch
from mini_kafka.core.client_batch import ClientBatch
from mini_kafka.core.errors import (
    BrokerError,
    BrokerStopping,
    InvalidBatch,
    OffsetOutOfRange,
    RecordsNotDeletable,
    UnknownLeaderEpoch,
    UnknownTopic,
    UnknownTopicId,
)
from mini_kafka.core.fetch_session import FetchPartition, FetchSessions
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.producer_states import ProducerState, ProducerStates
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.appender import Appender
from mini_kafka.engine.batch_reader import BatchReader
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import EARLIEST, LATEST, Caller
from mini_kafka.engine.raw_log_port import (
    AppendedBatch,
    Fetched,
    FetchedPartition,
    FoundOffset,
    LogSize,
    TopicKey,
)
from mini_kafka.engine.retention_sweeper import RetentionSweeper
from mini_kafka.engine.waiters import Waiters

MAX_TIMESTAMP = -3
"""Asks `offset_at` for the record with the latest time: Kafka's own number for it (KIP-734)."""
NO_TIME = -1
NO_EPOCH = -1
ALL_RECORDS = -1
MAX_BATCHES = 5000
"""Batches in one answer to a fetch: to collect more, of one record each, would hold up the loop for milliseconds."""
PARTITIONS_AT_ONCE = 500
"""Partitions that a fetch looks at before others get their turn: about a millisecond."""
INLINE_BYTES = 16 * 1024
"""A compacted topic's batch is searched for keyless records on the loop up to this size: under a millisecond."""


class MemoryRawLog:
    """Batches in and out of the memory engine's logs."""

    def __init__(
        self,
        topics: Topics,
        budget: MemoryBudget,
        appender: Appender,
        batches: BatchReader,
        sweeper: RetentionSweeper,
        waiters: Waiters,
        clock: Clock,
        *,
        max_decompressed_bytes: int,
        producers: ProducerStates,
        sessions: FetchSessions,
    ) -> None:
        self._topics = topics
        self._budget = budget
        self._appender = appender
        self._batches = batches
        self._sweeper = sweeper
        self._waiters = waiters
        self._clock = clock
        self._max_decompressed_bytes = max_decompressed_bytes
        self._producers = producers
        # Another life of the broker must not give an id to somebody that a producer of this one goes on using.
        self._next_producer_id = secrets.randbelow(2**40)
        self.sessions = sessions

    def now_ms(self) -> int:
        """Give the time by which the engine goes."""
        return self._clock.now_ms()

    @property
    def memory_limit(self) -> int:
        """The bytes that all logs together may take."""
        return self._budget.limit

    @property
    def memory_used(self) -> int:
        """The bytes that all logs together take."""
        return self._budget.used

    def is_compacted(self, topic: TopicKey) -> bool:
        """Tell whether a topic is there and compacted."""
        found = self._find(topic)
        return found is not None and found.config.compacts

    def append_batch(
        self, caller: Caller, topic: TopicKey, partition: int, records: memoryview, *, may_be_zstd: bool = True
    ) -> AppendedBatch:
        """Append the batch that a client sent for a partition; a repeat gets the place that it got before."""
        target, log = self._log(topic, partition)
        now_ms = self._clock.now_ms()
        batch = client_batch.check(records, target.config, now_ms, may_be_zstd=may_be_zstd)
        return self._append(target, log, batch, now_ms)

    async def append_keyed_batch(
        self, caller: Caller, topic: TopicKey, partition: int, records: memoryview, *, may_be_zstd: bool = True
    ) -> AppendedBatch:
        """Append a batch as `append_batch` does, if every record in it has a key."""
        target, log = self._log(topic, partition)
        now_ms = self._clock.now_ms()  # which is in the batch, where the topic wants it: so it stays the same below
        batch = client_batch.check(records, target.config, now_ms, may_be_zstd=may_be_zstd)
        if batch.is_compressed or len(batch.data) > INLINE_BYTES:
            keyless = await asyncio.to_thread(client_batch.keyless_records, batch, self._max_decompressed_bytes)
        else:
            keyless = client_batch.keyless_records(batch, self._max_decompressed_bytes)
        if keyless:
            raise InvalidBatch(
                f"topic {target.name!r} keeps the last record of each key, and records without a key are in the batch",
                keyless,
            )
        if self._find(topic) is not target:
            raise UnknownTopic(target.name)  # deleted while the thread was at work
        return self._append(target, log, batch, now_ms)

    def _append(self, topic: Topic, log: PartitionLog, batch: ClientBatch, now_ms: int) -> AppendedBatch:
        if self._waiters.closed:
            raise BrokerStopping
        is_idempotent = batch.producer_id >= 0
        if is_idempotent:
            known = self._producers.repeated(log, batch, now_ms)
            if known is not None:
                return AppendedBatch(known.base_offset, known.timestamp_ms, log.log_start_offset)
        offset = self._appender.append_batch(topic, log, batch.data, now_ms)
        if is_idempotent:
            self._producers.remember(log, batch, offset, now_ms)
        return AppendedBatch(offset, now_ms if topic.config.log_append_time else NO_TIME, log.log_start_offset)

    def fetch(self, caller: Caller, wanted: Sequence[FetchPartition], max_bytes: int) -> Fetched:
        """Read partitions in the given order; at least one batch is given where there is one, whatever its size."""
        reading = _Reading(max_bytes)
        for part in wanted:
            self._read(part, reading)
        return reading.found()

    async def fetch_waiting(
        self, caller: Caller, wanted: Sequence[FetchPartition], *, max_bytes: int, min_bytes: int, max_wait_ms: int
    ) -> Fetched:
        """Read as `fetch` does, many partitions in turns, and wait until there are `min_bytes` or an urgent word."""
        deadline_ms = self._clock.now_ms() + max_wait_ms
        is_in_time = bool(wanted)
        while True:
            topic_changes = self._topics.changes
            pace = Pace(PARTITIONS_AT_ONCE)
            logs = [log async for part in pace.each(wanted) if (log := self._find_log(part)) is not None]
            appended_before = sum(log.appended_bytes for log in logs)
            reading = _Reading(max_bytes)
            async for part in pace.each(wanted):
                self._read(part, reading)
            found = reading.found()
            if found.size_bytes >= min_bytes or found.is_urgent or not is_in_time:
                return found
            if topic_changes == self._topics.changes:  # else a topic may have gone after its turn
                more_bytes = min_bytes - found.size_bytes
                is_in_time = await self._wait_for(logs, appended_before, more_bytes, deadline_ms)
            is_in_time = is_in_time and self._clock.now_ms() < deadline_ms  # also where every turn brings news

    def _read(self, part: FetchPartition, reading: "_Reading") -> None:
        try:
            _, log = self._log(part.topic, part.partition, part.leader_epoch)
            reading.read(log, part)
        except BrokerError as error:
            reading.add(FetchedPartition(error.with_traceback(None)))  # its frames would be kept with it

    def _find_log(self, part: FetchPartition) -> PartitionLog | None:
        topic = self._find(part.topic)
        return topic.logs[part.partition] if topic is not None and 0 <= part.partition < len(topic.logs) else None

    async def _wait_for(
        self, logs: Sequence[PartitionLog], appended_before: int, more_bytes: int, deadline_ms: int
    ) -> bool:
        """Wait until the logs have grown by so many bytes, or something else happened to one; False is too late."""
        grown = sum(log.appended_bytes for log in logs) - appended_before
        while grown < more_bytes:
            if not await self._waiters.wait(logs, deadline_ms - self._clock.now_ms()):
                return False
            grown_before, grown = grown, sum(log.appended_bytes for log in logs) - appended_before
            if grown == grown_before:
                break
        return True

    async def offset_at(
        self, caller: Caller, topic: TopicKey, partition: int, at: int, leader_epoch: int = NO_EPOCH
    ) -> FoundOffset:
        """Look an offset up: EARLIEST, LATEST, MAX_TIMESTAMP, or the first record at or after a time (ms)."""
        _, log = self._log(topic, partition, leader_epoch)
        if at == EARLIEST:
            return FoundOffset(log.log_start_offset, NO_TIME, record_batch.LEADER_EPOCH)
        if at == LATEST:
            return FoundOffset(log.high_watermark, NO_TIME, record_batch.LEADER_EPOCH)
        batch = log.latest_batch() if at == MAX_TIMESTAMP else log.batch_for_timestamp(at)
        if batch is None:
            return FoundOffset(-1, NO_TIME, NO_EPOCH)
        timestamp_ms = record_batch.max_timestamp(batch) if at == MAX_TIMESTAMP else at
        offset, timestamp_ms = await self._batches.first_at(batch, timestamp_ms, log.log_start_offset)
        return FoundOffset(offset, timestamp_ms, record_batch.LEADER_EPOCH)

    def delete_records(self, caller: Caller, topic: str, partition: int, before: int) -> int:
        """Forget the records below an offset, -1 for all of them, and give the new log start offset."""
        target, log = self._log(topic, partition)
        if target.config.compacts and not target.config.deletes:
            raise RecordsNotDeletable(topic)
        offset = log.high_watermark if before == ALL_RECORDS else before
        if not 0 <= offset <= log.high_watermark:
            raise OffsetOutOfRange(offset, log.log_start_offset, log.high_watermark, partition)
        log.start_at(offset)
        self._sweeper.started_later(log, target.config)
        return log.log_start_offset

    def end_of_epoch(self, caller: Caller, topic: str, partition: int, leader_epoch: int, of_epoch: int) -> int | None:
        """Give the offset after a leader epoch's last record; None for an epoch that never was."""
        _, log = self._log(topic, partition, leader_epoch)
        return log.log_end_offset if of_epoch == record_batch.LEADER_EPOCH else None

    def new_producer_id(self) -> int:
        """Give an id that no other producer has."""
        self._next_producer_id += 1
        return self._next_producer_id

    def producers(self, caller: Caller, topic: str, partition: int) -> Iterable[ProducerState]:
        """List the idempotent producers that a partition remembers."""
        _, log = self._log(topic, partition)
        return self._producers.of_log(log, self._clock.now_ms())

    def sizes(self, caller: Caller) -> Iterable[LogSize]:
        """Say how much each partition holds."""
        for topic in tuple(self._topics):
            for number, log in enumerate(topic.logs):
                if self._topics.find(topic.name) is not topic:
                    break  # it was deleted before its turn came
                yield LogSize(topic.name, number, log.size_bytes)

    def forget_topic(self, topic: Topic) -> None:
        """Drop what is remembered of a topic that is gone, and wake whoever waits for its records."""
        self._producers.forget(topic.logs)
        for log in topic.logs:
            self._waiters.notify(log)

    def _find(self, topic: TopicKey) -> Topic | None:
        return self._topics.find(topic) if isinstance(topic, str) else self._topics.find_by_id(topic)

    def _log(self, topic: TopicKey, partition: int, leader_epoch: int = NO_EPOCH) -> tuple[Topic, PartitionLog]:
        """Find a log for a client that knows its leader by this epoch, or by none.

        Raises:
            UnknownTopic, UnknownTopicId, UnknownPartition, UnknownLeaderEpoch: there is none.
        """
        found = self._find(topic)
        if found is None:
            raise UnknownTopic(topic) if isinstance(topic, str) else UnknownTopicId(topic)
        log = found.log(partition)
        if leader_epoch > record_batch.LEADER_EPOCH:
            raise UnknownLeaderEpoch(leader_epoch)
        return found, log


class _Reading:
    """What a fetch has read so far, and what it may still read."""

    __slots__ = ("_batches", "_is_urgent", "_max_bytes", "_parts", "_size")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[FetchedPartition] = []
        self._size = self._batches = 0
        self._is_urgent = False

    def read(self, log: PartitionLog, part: FetchPartition) -> None:
        """Read one log.

        Raises:
            OffsetOutOfRange: it does not hold the offset.
        """
        limit = min(part.max_bytes, self._max_bytes - self._size)
        self.add(_read(log, part, limit, MAX_BATCHES - self._batches, at_least_one=not self._size))

    def add(self, fetched: FetchedPartition) -> None:
        """Take what was found in the next partition."""
        self._parts.append(fetched)
        self._size += fetched.size_bytes
        self._batches += len(fetched.batches)
        self._is_urgent = self._is_urgent or fetched.refusal is not None or fetched.end_of_epoch is not None

    def found(self) -> Fetched:
        """Give all that was found."""
        return Fetched(self._parts, self._size, self._is_urgent or self._batches >= MAX_BATCHES)


def _read(
    log: PartitionLog, part: FetchPartition, max_bytes: int, max_batches: int, *, at_least_one: bool
) -> FetchedPartition:
    """Read one log.

    Raises:
        OffsetOutOfRange: it does not hold the offset.
    """
    high_watermark = log.high_watermark
    start = log.log_start_offset
    if part.last_fetched_epoch >= 0:
        if part.last_fetched_epoch > record_batch.LEADER_EPOCH:
            raise OffsetOutOfRange(part.fetch_offset, start, high_watermark, part.partition)
        if part.fetch_offset > high_watermark:
            return FetchedPartition(None, high_watermark, start, end_of_epoch=high_watermark)
    if part.fetch_offset == high_watermark or max_batches <= 0:
        return FetchedPartition(None, high_watermark, start)
    batches = log.fetch(part.fetch_offset, max_bytes, max_batches)
    if not at_least_one and len(batches) == 1 and len(batches[0]) > max_bytes:
        return FetchedPartition(None, high_watermark, start)
    return FetchedPartition(None, high_watermark, start, batches, sum(map(len, batches)))
