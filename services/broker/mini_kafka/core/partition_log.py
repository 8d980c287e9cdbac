"""One partition: record batches in the order of their offsets, found by bisection.

The batches lie in runs of at most `STRIDE`, as Kafka's lie in segments: a run knows its first offset, its bytes, and
a time that none of its records is later than, so a look-up by time skips what is too old. Offsets may have holes: a
fetch in a hole gets the next batch. The log never looks into a batch, and decides neither what to drop nor what to
replace: that is `retention`'s and `compaction`'s.
"""

import sys
from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

from mini_kafka.core import record_batch
from mini_kafka.core.cleaning_history import NEVER_CLEANED, CleaningHistory
from mini_kafka.core.errors import OffsetOutOfRange
from mini_kafka.core.memory_budget import MemoryBudget, cost_of

STRIDE = 256
"""Batches in a run: a look-up by time reads 4,000 runs for a million batches and the timestamps of two runs, which
takes well under a millisecond, and to take a batch out of the middle moves no more than 256 places."""


class _Run:
    """Some batches in a row, at least one; `base_offset` and `latest_ms` may stay as they were when one goes."""

    __slots__ = ("base_offset", "batches", "latest_ms", "size_bytes")

    def __init__(self, base_offset: int, latest_ms: int) -> None:
        self.base_offset = base_offset
        self.latest_ms = latest_ms
        self.size_bytes = 0
        self.batches: list[bytes] = []


_run_offset = attrgetter("base_offset")
_run_latest = attrgetter("latest_ms")


class PartitionLog:
    """An append-only run of record batches with a log start offset and a log end offset.

    The high watermark and the last stable offset equal the log end offset, because nothing is replicated.
    """

    __slots__ = ("_budget", "_runs", "appended_bytes", "batch_count", "cleaning", "keep_until_ms", "log_end_offset",
                 "log_start_offset", "record_count", "size_bytes")  # fmt: skip

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._runs: list[_Run] = []
        self.log_start_offset = 0
        self.log_end_offset = 0
        self.size_bytes = 0
        self.appended_bytes = 0  # only grows: a reader that waits for so many bytes counts by it
        self.batch_count = 0
        self.record_count = 0
        self.keep_until_ms = 0  # before then retention drops nothing for its age
        self.cleaning: CleaningHistory = NEVER_CLEANED

    @property
    def high_watermark(self) -> int:
        """The offset after the last record that consumers may read."""
        return self.log_end_offset

    @property
    def last_stable_offset(self) -> int:
        """The offset after the last record that belongs to no open transaction."""
        return self.log_end_offset

    def append(self, batch: bytearray | memoryview) -> int:
        """Store a copy of a batch at the log's end and give the offset of its first record.

        The caller has checked the budget for it.
        """
        offset = self.log_end_offset
        stored = record_batch.place(batch, offset)
        latest_ms = record_batch.max_timestamp(stored)
        if self._runs and len(self._runs[-1].batches) < STRIDE:
            run = self._runs[-1]
            run.latest_ms = max(run.latest_ms, latest_ms)
        else:
            run = _Run(offset, latest_ms)
            self._runs.append(run)
        run.batches.append(stored)
        self._count(run, stored, 1)
        self.appended_bytes += len(stored)
        self.log_end_offset = record_batch.next_offset(stored)
        return offset

    def fetch(self, offset: int, max_bytes: int, max_batches: int = sys.maxsize) -> list[bytes]:
        """Give the batches from the one that holds `offset` on, up to both limits but at least one.

        The first batch may start below `offset`; none is given at the log end offset.

        Raises:
            OffsetOutOfRange: `offset` is below the log start offset or beyond the log end offset.
        """
        if not self.log_start_offset <= offset <= self.log_end_offset:
            raise OffsetOutOfRange(offset, self.log_start_offset, self.log_end_offset)
        batches: list[bytes] = []
        size = 0
        for batch in self._batches_from(offset):
            size += len(batch)
            if batches and (size > max_bytes or len(batches) >= max_batches):
                break
            batches.append(batch)
        return batches

    def batch_at(self, offset: int) -> bytes:
        """Give the batch that holds `offset`; in a hole, the next one. The offset is within the log, not its end."""
        number = self._run_at(offset)
        batches = self._runs[number].batches
        batch = batches[_index_at(batches, offset)]
        return batch if record_batch.next_offset(batch) > offset else next(self._batches_from(offset))

    def _batches_from(self, offset: int) -> Iterator[bytes]:
        """Go over the batches from the one that holds `offset` on; in a hole, from the next one on."""
        first = self._run_at(offset)
        for number in range(first, len(self._runs)):
            batches = self._runs[number].batches
            start = 0
            if number == first:
                start = _index_at(batches, offset)
                if record_batch.next_offset(batches[start]) <= offset:
                    start += 1  # the offset lies in a hole, or at the end
            for index in range(start, len(batches)):
                yield batches[index]

    def _run_at(self, offset: int) -> int:
        """Give the number of the run that an offset lies in; of the first one when it lies before all.

        In a log of single records the place can be worked out; a guess that is wrong costs little.
        """
        guess = (offset - self._runs[0].base_offset) // STRIDE if self._runs else 0
        if 0 <= guess < len(self._runs) and self._runs[guess].base_offset <= offset:
            after = guess + 1
            if after == len(self._runs) or offset < self._runs[after].base_offset:
                return guess
        return max(bisect_right(self._runs, offset, key=_run_offset) - 1, 0)

    def batch_for_timestamp(self, timestamp_ms: int) -> bytes | None:
        """Give the first batch with a record at or after a time, or None when there is no such record."""
        for run in self._runs:
            if run.latest_ms < timestamp_ms:
                continue
            for batch in run.batches:
                if record_batch.max_timestamp(batch) >= timestamp_ms and self._is_visible(batch):
                    return batch
            # a run gets here only when its latest batch is gone
        return None

    def latest_batch(self) -> bytes | None:
        """Give the batch with the latest record, the first of them, or None when there is no record."""
        latest: bytes | None = None
        rank = (0, 0)
        for run in sorted(self._runs, key=_run_latest, reverse=True):
            if latest is not None and run.latest_ms < rank[0]:
                break
            for batch in run.batches:
                its_rank = record_batch.max_timestamp(batch), -record_batch.base_offset(batch)
                if (latest is None or its_rank > rank) and self._is_visible(batch):
                    latest, rank = batch, its_rank
        return latest

    def _is_visible(self, batch: bytes) -> bool:
        return record_batch.next_offset(batch) > self.log_start_offset

    def measure(self, offset: int, no_later_than_ms: int) -> tuple[int, int]:
        """Measure the batches from `offset` on up to the first that is later than a time, and never the log's last.

        Gives the offset where they end, and their bytes. A time beyond all others measures all but the last batch.
        """
        first = self._run_at(offset)
        last = len(self._runs) - 1
        size = 0
        for number in range(first, last + 1):
            run = self._runs[number]
            if first < number < last and run.latest_ms <= no_later_than_ms:
                size += run.size_bytes
                continue
            for index, batch in enumerate(run.batches):
                if record_batch.next_offset(batch) <= offset:
                    continue
                is_last = number == last and index == len(run.batches) - 1
                if is_last or record_batch.max_timestamp(batch) > no_later_than_ms:
                    return max(record_batch.base_offset(batch), offset), size
                size += len(batch)
        return offset, size

    def head(self) -> bytes | None:
        """Give the oldest batch, or None when the log is empty."""
        return self._runs[0].batches[0] if self._runs else None

    def drop_head(self) -> None:
        """Drop the oldest batch and move the log start offset to the next one."""
        run = self._runs[0]
        self._count(run, run.batches.pop(0), -1)
        if not run.batches:
            del self._runs[0]
        head = self.head()
        self.start_at(self.log_end_offset if head is None else record_batch.base_offset(head))

    def start_at(self, offset: int) -> None:
        """Hide the records below `offset`; what lies wholly below it is retention's to drop.

        A batch that reaches beyond `offset` stays whole, as in Kafka: the log starts within it.
        """
        self.log_start_offset = max(self.log_start_offset, offset)

    def replace(self, old: bytes, new: bytes | None) -> None:
        """Put a batch with the same base offset in the place of one, or nothing; both ends of the log stay.

        Of a batch that is no longer in the log nothing is left to replace, and nothing happens.
        """
        if not self._runs:
            return
        offset = record_batch.base_offset(old)
        number = self._run_at(offset)
        run = self._runs[number]
        index = _index_at(run.batches, offset)
        if run.batches[index] is not old:
            return
        self._count(run, old, -1)
        if new is not None:
            self._count(run, new, 1)
            run.batches[index] = new
            return
        del run.batches[index]
        if not run.batches:
            del self._runs[number]
        self._merge(number)
        self._merge(number - 1)

    def _merge(self, number: int) -> None:
        """Make one run of a run and the next where one has room for both, so that thin runs do not add up."""
        if not 0 <= number < len(self._runs) - 1:
            return
        run, following = self._runs[number : number + 2]
        if len(run.batches) + len(following.batches) <= STRIDE:
            run.batches += following.batches
            run.latest_ms = max(run.latest_ms, following.latest_ms)
            run.size_bytes += following.size_bytes
            del self._runs[number + 1]

    def _count(self, run: _Run, batch: bytes, sign: int) -> None:
        """Count a batch that came (1) or went (-1)."""
        run.size_bytes += sign * len(batch)
        self.size_bytes += sign * len(batch)
        self.batch_count += sign
        self.record_count += sign * record_batch.record_count(batch)
        self._budget.charge(sign * cost_of(batch))


def _index_at(batches: list[bytes], offset: int) -> int:
    """Give the index of the batch that an offset lies in or after; 0 when it lies before all."""
    guess = offset - record_batch.base_offset(batches[0])
    if 0 <= guess < len(batches) and record_batch.base_offset(batches[guess]) == offset:
        return guess  # single records without a hole
    return max(bisect_right(batches, offset, key=record_batch.base_offset) - 1, 0)
