"""How records become batches at the end of logs: checked whole, then appended whole.

A call's records go to their partitions, each partition's become as few batches as may be, and nothing is appended
unless all of it fits. Between the check and the last append there is no `await`.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from mini_kafka.core import record_batch
from mini_kafka.core.errors import InvalidRecord, InvalidTimestamp, MemoryLimitReached, RecordTooLarge
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.topic import Topic
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.compactor import Compactor
from mini_kafka.engine.port import Appended
from mini_kafka.engine.retention_sweeper import RetentionSweeper
from mini_kafka.engine.rows import rows
from mini_kafka.engine.waiters import Waiters

logger = logging.getLogger(__name__)

FULL_WARNING_EVERY_MS = 60_000
"""How often the log says that the memory is full: each refused producer knows it already."""
MAX_TIMESTAMP_MS = 2**63 - 1
KEY_BYTES_INLINE = 16 * 1024
"""How many bytes of keys the loop hashes itself: Python takes a millisecond or two for them."""


class Appender:
    """Appends to the logs of topics, within one memory budget."""

    def __init__(
        self, clock: Clock, budget: MemoryBudget, waiters: Waiters, sweeper: RetentionSweeper, compactor: Compactor
    ) -> None:
        self._clock = clock
        self._budget = budget
        self._waiters = waiters
        self._sweeper = sweeper
        self._compactor = compactor
        self._next_full_warning_ms = 0

    def append(self, topic: Topic, records: Sequence[NewRecord]) -> list[Appended]:
        """Append records, all of them or none, and say where each came to lie.

        Raises:
            InvalidRecord, InvalidTimestamp, RecordTooLarge, MemoryLimitReached: nothing was appended.
        """
        now_ms = self._clock.now_ms()
        _check(topic, records, now_ms)
        if len(topic.logs) == 1:
            batches = _build(topic, records, now_ms)
            self._check_budget(batches, now_ms)
            places = self._append_batches(topic, 0, records, batches, now_ms)
        else:
            places = self._append_to_partitions(topic, records, now_ms)
        if places:
            self._compactor.changed(topic.config)
            self._waiters.notify(topic.topic_id)
        return places

    def append_batch(self, topic: Topic, log: PartitionLog, batch: bytearray | memoryview, now_ms: int) -> int:
        """Append a batch that was checked to one of a topic's logs, and give the offset of its first record.

        Raises:
            MemoryLimitReached: nothing was appended.
        """
        self._check_budget((batch,), now_ms)
        offset = log.append(batch)
        self._sweeper.appended(log, topic.config)
        self._compactor.changed(topic.config)
        self._waiters.notify(topic.topic_id)
        self._waiters.notify(log)
        return offset

    def _append_to_partitions(self, topic: Topic, records: Sequence[NewRecord], now_ms: int) -> list[Appended]:
        parts = _by_partition(topic, records)
        built: list[list[bytearray]] = []
        for indexes in parts.values():
            try:
                built.append(_build(topic, [records[index] for index in indexes], now_ms))
            except RecordTooLarge as error:
                raise RecordTooLarge(indexes[error.index], error.size, error.limit) from None
        self._check_budget(chain.from_iterable(built), now_ms)
        if any(record.partition is None and record.key is None for record in records):
            topic.pass_keyless_turn()
        places: dict[int, Appended] = {}
        for (partition, indexes), batches in zip(parts.items(), built, strict=True):
            part = [records[index] for index in indexes]
            places.update(zip(indexes, self._append_batches(topic, partition, part, batches, now_ms), strict=True))
        return [places[index] for index in range(len(records))]

    def _check_budget(self, batches: Iterable[bytearray | memoryview], now_ms: int) -> None:
        try:
            self._budget.check(sum(map(cost_of, batches)))
        except MemoryLimitReached as error:
            if now_ms >= self._next_full_warning_ms:
                self._next_full_warning_ms = now_ms + FULL_WARNING_EVERY_MS
                logger.warning("records are refused: %s", error)
            raise

    def _append_batches(
        self, topic: Topic, partition: int, records: Sequence[NewRecord], batches: Iterable[bytearray], now_ms: int
    ) -> list[Appended]:
        """Append the batches that `records` became, and say where each record came to lie."""
        log = topic.logs[partition]
        offsets: list[int] = []
        for batch in batches:
            offset = log.append(batch)
            self._sweeper.appended(log, topic.config)
            offsets += range(offset, offset + record_batch.record_count(batch))
        timestamps = (
            repeat(now_ms)
            if topic.config.log_append_time
            else [now_ms if record.timestamp_ms is None else record.timestamp_ms for record in records]
        )
        self._waiters.notify(log)
        return rows(Appended, repeat(partition), offsets, timestamps)


async def with_partitions(topic: Topic, records: Sequence[NewRecord], now_ms: int) -> Sequence[NewRecord]:
    """Name the partition of every keyed record, on a thread, where that would hold up the loop; else do nothing.

    Raises:
        InvalidRecord, RecordTooLarge: there is no point in hashing such a key.
    """
    partitions = len(topic.logs)
    if partitions == 1:
        return records
    key_bytes = sum(len(record.key) for record in records if record.key is not None and record.partition is None)
    if key_bytes <= KEY_BYTES_INLINE:
        return records
    _check(topic, records, now_ms)

    def place(record: NewRecord) -> NewRecord:
        if record.key is None or record.partition is not None:
            return record
        return record._replace(partition=partition_for_key(record.key, partitions))

    return await asyncio.to_thread(lambda: list(map(place, records)))


def _check(topic: Topic, records: Sequence[NewRecord], now_ms: int) -> None:
    """Refuse a record that its topic cannot hold, at this time.

    Raises:
        InvalidRecord, InvalidTimestamp: the text says which and why.
        RecordTooLarge: key and value alone are over the limit.
    """
    partitions = len(topic.logs)
    max_bytes = topic.config.max_message_bytes
    needs_key = topic.config.compacts
    earliest, latest = topic.config.times_taken(now_ms)
    for index, (value, key, _, timestamp_ms, partition) in enumerate(records):
        size = len(value or b"") + len(key or b"")
        if size > max_bytes:
            raise RecordTooLarge(index, size + record_batch.HEADER_BYTES, max_bytes)
        if partition is not None and not 0 <= partition < partitions:
            raise InvalidRecord(
                index, f"is for partition {partition}, and topic {topic.name!r} has 0 to {partitions - 1}"
            )
        if timestamp_ms is not None and not 0 <= timestamp_ms <= MAX_TIMESTAMP_MS:
            raise InvalidTimestamp(index, f"has the timestamp {timestamp_ms}: it is milliseconds since 1970, from 0 on")
        if timestamp_ms is not None and not earliest <= timestamp_ms <= latest:
            raise InvalidTimestamp(
                index,
                f"has the timestamp {timestamp_ms}, and topic {topic.name!r} takes {earliest} to {latest} now: see its"
                " message.timestamp.before.max.ms and message.timestamp.after.max.ms",
            )
        if needs_key and key is None:
            raise InvalidRecord(
                index, f"has no key, and topic {topic.name!r} keeps the last record of each: give it one"
            )


def _by_partition(topic: Topic, records: Sequence[NewRecord]) -> dict[int, list[int]]:
    """Sort the records' indexes by the partition that each goes to."""
    parts: dict[int, list[int]] = {}
    keyless: int | None = None
    for index, record in enumerate(records):
        if record.partition is not None:
            partition = record.partition
        elif record.key is not None:
            partition = partition_for_key(record.key, len(topic.logs))
        else:
            partition = keyless = topic.keyless_partition if keyless is None else keyless
        parts.setdefault(partition, []).append(index)
    return parts


def _build(topic: Topic, records: Sequence[NewRecord], now_ms: int) -> list[bytearray]:
    return record_batch.build_batches(
        records,
        now_ms=now_ms,
        max_bytes=topic.config.max_message_bytes,
        log_append_time=topic.config.log_append_time,
    )
