"""One memory budget for all topics: what a batch costs in RAM, and whether one more fits.

Counts, and refuses what does not fit. It drops nothing: making room is retention's work.
"""

from mini_kafka.core.errors import MemoryLimitReached

BATCH_OVERHEAD_BYTES = 80
"""What a stored batch costs beside its bytes: the object's header and the allocator's rounding (33, and 23 at most), a
place of 8 bytes in a run, and the slack of runs that grow or were thinned out. bench/memory.py measures 48 to 55."""


def cost_of(batch: bytes | bytearray | memoryview) -> int:
    """Count what keeping this batch costs, in bytes."""
    return len(batch) + BATCH_OVERHEAD_BYTES


class MemoryBudget:
    """The bytes that all logs together may hold, and those that they do hold."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def check(self, wanted: int) -> None:
        """Refuse `wanted` more bytes if they would pass the limit.

        Raises:
            MemoryLimitReached: they would; nothing was changed.
        """
        if self.used + wanted > self.limit:
            raise MemoryLimitReached(self.used, wanted, self.limit)

    def charge(self, cost: int) -> None:
        """Count bytes that a log now holds."""
        self.used += cost

    def release(self, cost: int) -> None:
        """Count bytes that a log no longer holds."""
        self.used -= cost
