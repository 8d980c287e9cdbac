"""What a member of a Kafka group has received of one partition and nobody has acquired yet: a window of the log.

It stands for the log where a share asks how far there are records. Records come in at its end and leave at its
beginning, both on the loop; what came back is not here, and is read again from the cluster. Nothing is fetched while
the window is full.
"""

from collections import deque
from collections.abc import Sequence

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import UnreadableRecord
from mini_kafka.engine.batch_reader import AnyRecord

MAX_RECORDS = 2000
"""Records that a window holds at most, and at least one fetch beyond: what a few acquires take."""
MAX_BYTES = 1024 * 1024
RECORD_COST = 200
"""What a record takes in RAM beside its bytes."""


class Feed:
    """The window of one partition, from `log_start_offset` on as far as is known."""

    __slots__ = ("_begun_at", "_records", "_size", "committed", "end_at_start", "high_watermark", "log_start_offset",
                 "max_bytes", "partition", "paused")  # fmt: skip

    def __init__(self, partition: TopicPartition, offset: int, log_end_offset: int, max_bytes: int = MAX_BYTES) -> None:
        self.partition = partition
        self._begun_at = offset
        self.log_start_offset = offset
        self.committed = offset
        """What was last given to be committed."""
        self.high_watermark = offset
        """The offset after the last record that came in, or that is known to be none."""
        self.end_at_start = log_end_offset
        self.max_bytes = max_bytes
        self.paused = False
        """Whether the member fetches nothing for it now."""
        self._records: deque[AnyRecord] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more should come in for now."""
        return self._size >= self.max_bytes or len(self._records) >= MAX_RECORDS

    @property
    def is_low(self) -> bool:
        """Tell whether so much has left that more should come in."""
        return self._size <= self.max_bytes // 2 and len(self._records) <= MAX_RECORDS // 2

    @property
    def has_begun(self) -> bool:
        """Tell whether something came in, or nothing was there when the member came."""
        return self.high_watermark > self._begun_at or self.high_watermark >= self.end_at_start

    def add(self, records: Sequence[AnyRecord]) -> None:
        """Let records in at the end; they follow what is there, and what lies between is gone from the log."""
        for record in records:
            self._size += cost_of(record)
        self._records.extend(records)
        self.high_watermark = records[-1].offset + 1

    def reach(self, offset: int) -> None:
        """Note that there is no record below an offset that has not come in."""
        self.high_watermark = max(self.high_watermark, offset)

    def take(self, offset: int, max_records: int, max_bytes: int) -> tuple[list[AnyRecord], int, int]:
        """Take records from an offset on: these, the offset to go on at, and their bytes.

        They leave at once, so the caller acquires them before it waits for anything.
        """
        taken: list[AnyRecord] = []
        size = 0
        while self._records and len(taken) < max_records and (size < max_bytes or not taken):
            record = self._records.popleft()
            cost = cost_of(record)
            self._size -= cost
            if record.offset >= offset:
                taken.append(record)
                size += cost
        end = self._records[0].offset if self._records else self.high_watermark
        return taken, end, size


def cost_of(record: AnyRecord) -> int:
    """Count what a record takes in RAM."""
    if isinstance(record, UnreadableRecord):
        return RECORD_COST
    _, _, key, value, headers = record
    size = RECORD_COST + len(key or b"") + len(value or b"")
    for name, content in headers:
        size += RECORD_COST + len(name) + len(content or b"")
    return size
