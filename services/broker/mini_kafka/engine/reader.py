"""Reading a topic without a consumer: from given offsets on, one partition or all, waiting for the first record.

Every partition with something new gets its share of an answer, so none starves beside a busy one; within the answer
records are in the order of their timestamps, and those of one partition in the order of their offsets. What to
read next is in the answer: the reader keeps nothing about whoever asks.
"""

from collections.abc import Mapping, Sequence
from heapq import merge
from itertools import repeat

from mini_kafka.core import record_batch
from mini_kafka.core.errors import OffsetOutOfRange, UnknownTopic
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.batch_reader import AnyRecord, BatchReader
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import EARLIEST, LATEST, Read, ReadRecord
from mini_kafka.engine.rows import rows
from mini_kafka.engine.waiters import Waiters

COLLECTED_BATCHES = 1000
"""How many batches are taken out of a log at once: more than a thousand records are decoded bit by bit."""
PARTITIONS_PER_SLICE = 50
"""Partitions that are looked at before others get their turn: a millisecond."""
RECORDS_PER_SLICE = 2000
"""Records that are decoded before others get their turn: a millisecond."""


class Reader:
    """Reads the logs of topics."""

    def __init__(self, topics: Topics, waiters: Waiters, batches: BatchReader) -> None:
        self._topics = topics
        self._waiters = waiters
        self._batches = batches

    async def read(
        self,
        name: str,
        positions: Mapping[int, int],
        *,
        partition: int | None,
        max_records: int,
        max_bytes: int,
        wait_ms: int,
    ) -> Read:
        """Read records from positions on; with `wait_ms`, wait for the first one.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange: nothing was read.
        """
        topic = self._topics.get(name)
        poll = self._waiters.poll(wait_ms)
        found = await self._take(topic, positions, partition, max_records, max_bytes)
        while not found.records and not poll.is_over:
            if found.up_to_date and not await poll.news([topic.topic_id]):
                break
            if self._topics.find(name) is not topic:
                raise UnknownTopic(name)
            found = await self._take(topic, found.positions, partition, max_records, max_bytes)
        return found

    async def _take(
        self, topic: Topic, positions: Mapping[int, int], partition: int | None, max_records: int, max_bytes: int
    ) -> Read:
        """Read what is there now, and say where to go on."""
        following = _following(topic, positions, partition)
        news = [number for number, offset in following.items() if offset < topic.logs[number].high_watermark]
        turn = sum(following.values()) % len(news) if news else 0  # another one is first each time, as records are read
        parts: list[list[ReadRecord]] = []
        records_left, bytes_left = max_records, max_bytes
        pace = Pace(PARTITIONS_PER_SLICE)
        for place, number in enumerate(news[turn:] + news[:turn]):
            await pace.step()
            others = len(news) - place
            part, following[number], size = await self.read_partition(
                topic.logs[number], following[number], -(-records_left // others), bytes_left // others
            )
            parts.append(rows(ReadRecord, repeat(number), part))
            records_left -= len(part)
            bytes_left = max(bytes_left - size, 0)
            if records_left <= 0 or bytes_left <= 0:
                break
        records = parts[0] if len(parts) == 1 else list(merge(*parts, key=_timestamp))
        up_to_date = all(offset >= topic.logs[number].high_watermark for number, offset in following.items())
        return Read(topic.topic_id, tuple(records), following, up_to_date)

    async def read_partition(
        self, log: PartitionLog, offset: int, max_records: int, max_bytes: int, max_batches: int = COLLECTED_BATCHES
    ) -> tuple[list[AnyRecord], int, int]:
        """Give records from an offset on, the offset to go on at, and the bytes of the batches that were read."""
        records: list[AnyRecord] = []
        size = 0
        pace = Pace(RECORDS_PER_SLICE)
        for batch in log.fetch(offset, max_bytes, max_batches):
            room = max_records - len(records)
            if room <= 0:
                break
            found = await self._batches.read(batch, offset, room)
            await pace.step(len(found))
            records += found
            size += len(batch)
            cut = len(found) == room and found[-1].offset + 1 < record_batch.next_offset(batch)
            offset = found[-1].offset + 1 if cut else record_batch.next_offset(batch)
        return records, offset, size

    async def read_ranges(
        self, log: PartitionLog, ranges: Sequence[tuple[int, int]]
    ) -> tuple[dict[int, AnyRecord], int]:
        """Read the records in ascending ranges of offsets, those that the log still has; count the batches' bytes.

        Each batch is opened once, however many ranges lie in it.
        """
        found: dict[int, AnyRecord] = {}
        size = position = 0
        for base, end in ranges:
            position = max(position, base)
            while position < end:
                batches = log.fetch(max(position, log.log_start_offset), 1)
                if not batches or record_batch.base_offset(batches[0]) >= end:
                    break  # the log has no more of this range: dropped, or compacted away
                position = max(position, record_batch.base_offset(batches[0]))
                to = min(record_batch.next_offset(batches[0]), ranges[-1][1])
                found.update(
                    (record.offset, record) for record in await self._batches.read(batches[0], position, to - position)
                )
                size += len(batches[0])
                position = record_batch.next_offset(batches[0])
        return found, size

    async def offsets_at(self, name: str, at: int) -> list[int]:
        """Look up an offset in each partition: EARLIEST, LATEST, or that of the first record at or after a time.

        A partition without such a record gives its high watermark, where the next record will be.

        Raises:
            UnknownTopic: it does not exist.
        """
        pace = Pace(PARTITIONS_PER_SLICE)
        offsets = []
        for log in list(self._topics.get(name).logs):
            await pace.step()
            offsets.append(await self.offset_at(log, at))
        return offsets

    async def offset_at(self, log: PartitionLog, at: int) -> int:
        """Look up an offset in one log, as `offsets_at` does."""
        if at == EARLIEST:
            return log.log_start_offset
        if at == LATEST:
            return log.high_watermark
        batch = log.batch_for_timestamp(at)
        if batch is None:
            return log.high_watermark
        offset, _ = await self._batches.first_at(batch, at, log.log_start_offset)
        return offset


def _following(topic: Topic, positions: Mapping[int, int], partition: int | None) -> dict[int, int]:
    """Say where to read in each wanted partition; one without a position is new, and read from its start.

    Raises:
        UnknownPartition, OffsetOutOfRange: a position is not in its log.
    """
    if partition is not None:
        topic.log(partition)
    following = {}
    for number in range(len(topic.logs)) if partition is None else (partition,):
        log = topic.logs[number]
        offset = positions.get(number, log.log_start_offset)
        if not log.log_start_offset <= offset <= log.high_watermark:
            raise OffsetOutOfRange(offset, log.log_start_offset, log.high_watermark, number)
        following[number] = offset
    return following


def _timestamp(read: ReadRecord) -> int:
    return read.record.timestamp_ms
