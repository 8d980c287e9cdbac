"""A memory budget, one for all topics and one for all groups: what a batch costs in RAM, and whether one more fits.

Counts, and refuses what does not fit. It drops nothing: making room is retention's work.
"""

from collections.abc import Callable

from mini_kafka.core.errors import BrokerError, MemoryLimitReached

BATCH_OVERHEAD_BYTES = 80
"""What a stored batch costs beside its bytes: the object's header and the allocator's rounding (33, and 23 at most), a
place of 8 bytes in a run, and the slack of runs that grow or were thinned out. bench/memory.py measures 48 to 55."""


def cost_of(batch: bytes | bytearray | memoryview) -> int:
    """Count what keeping this batch costs, in bytes."""
    return len(batch) + BATCH_OVERHEAD_BYTES


class MemoryBudget:
    """The bytes that all logs (or groups) together may hold, and those that they do hold."""

    __slots__ = ("_refusal", "limit", "used")

    def __init__(self, limit: int, refusal: Callable[[int, int, int], BrokerError] = MemoryLimitReached) -> None:
        self.limit = limit
        self.used = 0
        self._refusal = refusal

    def check(self, wanted: int) -> None:
        """Refuse `wanted` more bytes if they would pass the limit.

        Raises:
            MemoryLimitReached: they would (or the budget's own refusal); nothing was changed.
        """
        if self.used + wanted > self.limit:
            raise self._refusal(self.used, wanted, self.limit)

    def charge(self, cost: int) -> None:
        """Count bytes that a log or a group now holds."""
        self.used += cost

    def release(self, cost: int) -> None:
        """Count bytes that it no longer holds."""
        self.used -= cost
