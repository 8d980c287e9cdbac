"""One partition: record batches in the order of their offsets, found by bisection.

Two parallel arrays (base offset, batch) from `_head` on; what lies before it has been dropped and is cut off when it
is more than half. A third one holds the latest timestamp of every `STRIDE` batches, as Kafka knows it of every
segment: a look-up by time skips the runs that are too old, and a drop mends nothing. Offsets may have holes: a fetch
in a hole gets the next batch. The log never looks into a batch, and does not decide what to drop: that is
`retention`'s.
"""

import sys
from array import array
from bisect import bisect_right

from mini_kafka.core import record_batch
from mini_kafka.core.errors import OffsetOutOfRange
from mini_kafka.core.memory_budget import MemoryBudget, cost_of

STRIDE = 256
"""Batches that share one entry of the time index: a look-up reads 4,000 entries for a million batches, and the
timestamps of two runs, which takes well under a millisecond."""


class PartitionLog:
    """An append-only run of record batches with a log start offset and a log end offset.

    The high watermark and the last stable offset equal the log end offset, because nothing is replicated.
    """

    __slots__ = ("_base_offsets", "_batches", "_budget", "_head", "_latest", "log_end_offset",
                 "log_start_offset", "size_bytes")  # fmt: skip

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._base_offsets = array("q")
        self._batches: list[bytes] = []
        self._latest = array("q")  # of the batches from 0, from STRIDE, from 2 * STRIDE, ...
        self._head = 0
        self.log_start_offset = 0
        self.log_end_offset = 0
        self.size_bytes = 0

    @property
    def high_watermark(self) -> int:
        """The offset after the last record that consumers may read."""
        return self.log_end_offset

    @property
    def last_stable_offset(self) -> int:
        """The offset after the last record that belongs to no open transaction."""
        return self.log_end_offset

    @property
    def batch_count(self) -> int:
        """How many batches the log holds."""
        return len(self._batches) - self._head

    def append(self, batch: bytearray) -> int:
        """Store a batch at the log's end and give the offset of its first record.

        The caller has checked the budget for it.
        """
        offset = self.log_end_offset
        stored = record_batch.place(batch, offset)
        latest = record_batch.max_timestamp(stored)
        if len(self._batches) % STRIDE == 0:
            self._latest.append(latest)
        elif latest > self._latest[-1]:
            self._latest[-1] = latest
        self._base_offsets.append(offset)
        self._batches.append(stored)
        self._budget.charge(cost_of(stored))
        self.size_bytes += len(stored)
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
        index = max(bisect_right(self._base_offsets, offset, self._head) - 1, self._head)
        batches: list[bytes] = []
        size = 0
        for position in range(index, len(self._batches)):
            batch = self._batches[position]
            if not batches and record_batch.next_offset(batch) <= offset:
                continue  # the offset lies in a hole, or at the end
            size += len(batch)
            if batches and (size > max_bytes or len(batches) >= max_batches):
                break
            batches.append(batch)
        return batches

    def batch_for_timestamp(self, timestamp_ms: int) -> bytes | None:
        """Give the first batch with a record at or after a time, or None when there is no such record."""
        for run in range(self._head // STRIDE, len(self._latest)):
            if self._latest[run] < timestamp_ms:
                continue
            for batch in self._batches[max(run * STRIDE, self._head) : (run + 1) * STRIDE]:
                if record_batch.max_timestamp(batch) >= timestamp_ms:
                    return batch
            # the first run alone may get here: its latest batch has been dropped
        return None

    def head(self) -> bytes | None:
        """Give the oldest batch, or None when the log is empty."""
        return self._batches[self._head] if self.batch_count else None

    def drop_head(self) -> None:
        """Drop the oldest batch and move the log start offset to the next one."""
        batch = self._batches[self._head]
        self._batches[self._head] = b""
        self._head += 1
        self.size_bytes -= len(batch)
        self._budget.release(cost_of(batch))
        self.log_start_offset = self._base_offsets[self._head] if self.batch_count else self.log_end_offset
        if self._head * 2 > len(self._batches):
            self._cut_off()

    def _cut_off(self) -> None:
        """Give the places of dropped batches back, in whole runs; all of them when nothing is left."""
        gone = self._head - self._head % STRIDE if self.batch_count else self._head
        del self._base_offsets[:gone]
        del self._batches[:gone]
        del self._latest[: -(-gone // STRIDE)]
        self._head -= gone
