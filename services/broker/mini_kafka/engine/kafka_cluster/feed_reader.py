"""Records for acquires over a cluster: new ones out of the member's window, those that came back out of the log.

What came back is read by the engine's own readers at its offset, so no window keeps records for the time that they
are locked, and memory does not grow with what is in flight.
"""

from collections.abc import Iterator, Sequence

from mini_kafka.core.errors import ClusterUnavailable, OffsetOutOfRange
from mini_kafka.engine.batch_reader import AnyRecord
from mini_kafka.engine.kafka_cluster.feed import Feed
from mini_kafka.engine.kafka_cluster.reading import Reading
from mini_kafka.engine.port import READ_BYTES
from mini_kafka.engine.reader import COLLECTED_BATCHES

NEAR = 200
"""Offsets between two ranges that are read along with them: a question to the cluster takes as long as a few hundred
records of 100 bytes."""


class FeedReader:
    """Reads what shares offer, as `reader.Reader` does of a log in RAM."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def read_partition(
        self, log: Feed, offset: int, max_records: int, max_bytes: int, max_batches: int = COLLECTED_BATCHES
    ) -> tuple[list[AnyRecord], int, int]:
        """Give records from an offset on, the offset to go on at, and their bytes; it never waits."""
        records, end, size = log.take(offset, max_records, max_bytes)
        return [*records], end, size

    async def read_ranges(self, log: Feed, ranges: Sequence[tuple[int, int]]) -> tuple[dict[int, AnyRecord], int]:
        """Read the records in ascending ranges of offsets, those that the log still has.

        Raises:
            BrokerError: they could not be read, so nobody can tell whether they are there.
        """
        found: dict[int, AnyRecord] = {}
        for base, end in spans(ranges):
            position = base
            while position < end:
                position = await self._read(log, position, end, found)
        wanted = {offset: found[offset] for base, end in ranges for offset in range(base, end) if offset in found}
        return wanted, sum(map(_size_of, wanted.values()))

    async def _read(self, log: Feed, position: int, end: int, found: dict[int, AnyRecord]) -> int:
        """Read some records up to `end`, and say where to go on."""
        topic, number = log.partition
        try:
            read = await self._reading.read(
                topic, {number: position}, partition=number,
                max_records=end - position, max_bytes=READ_BYTES, wait_ms=0,
            )  # fmt: skip
        except OffsetOutOfRange as error:
            if position >= error.log_start_offset:
                return end  # the log ends before it: an election lost what was not on enough nodes
            log.log_start_offset = max(log.log_start_offset, error.log_start_offset)
            return error.log_start_offset
        found.update((one.record.offset, one.record) for one in read.records if one.record.offset < end)
        if read.positions[number] <= position:
            raise ClusterUnavailable(f"{topic}-{number} was not read at offset {position} in time")
        return read.positions[number]


def spans(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join ascending ranges that lie near each other: to read what is between them costs less than to ask again."""
    first, last = ranges[0] if ranges else (0, 0)
    for base, end in ranges:
        if base - last > NEAR:
            yield first, last
            first = base
        last = end
    if last > first:
        yield first, last


def _size_of(record: AnyRecord) -> int:
    return len(getattr(record, "key", None) or b"") + len(getattr(record, "value", None) or b"")
