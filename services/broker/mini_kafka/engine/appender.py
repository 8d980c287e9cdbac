"""How records become batches at the end of logs: checked whole, then appended whole.

A call's records go to their partitions, each partition's become as few batches as may be, and nothing is appended
unless all of it fits. Between the check and the last append there is no `await`.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from mini_kafka.core import record_batch
from mini_kafka.core.errors import MemoryLimitReached, RecordTooLarge
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.topic import Topic
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.compactor import Compactor
from mini_kafka.engine.port import Appended
from mini_kafka.engine.record_checks import check_records
from mini_kafka.engine.retention_sweeper import RetentionSweeper
from mini_kafka.engine.rows import rows
from mini_kafka.engine.waiters import Waiters

logger = logging.getLogger(__name__)

FULL_WARNING_EVERY_MS = 60_000
"""How often the log says that the memory is full: each refused producer knows it already."""
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
        check_records(topic.name, len(topic.logs), topic.config, records, now_ms)
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
    check_records(topic.name, partitions, topic.config, records, now_ms)

    def place(record: NewRecord) -> NewRecord:
        if record.key is None or record.partition is not None:
            return record
        return record._replace(partition=partition_for_key(record.key, partitions))

    return await asyncio.to_thread(lambda: list(map(place, records)))


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
