"""What compaction remembers of one log: how far it came, when, and where the first tombstone is that it left.

A tombstone may go `delete.retention.ms` after the pass that first cleaned its place. Kafka writes that time into the
batch (KIP-534); here a log keeps the ends and times of its passes, and leaves its batches alone. It decides nothing:
that is `compaction`'s.
"""

from bisect import bisect_right
from dataclasses import dataclass

MAX_PASSES = 63
"""Passes that are remembered, 7 KB for a log: with one more every second is forgotten, and its places count as cleaned
by the pass after it, so that a tombstone may stay longer and never goes earlier."""


@dataclass(frozen=True, slots=True)
class CleaningHistory:
    """The passes over a log as (end offset, time in ms), both rising; offsets below the last end are clean."""

    passes: tuple[tuple[int, int], ...] = ()
    first_tombstone: int | None = None

    @property
    def end_offset(self) -> int:
        """The offset from which on the log is dirty."""
        return self.passes[-1][0] if self.passes else 0

    def with_pass(self, end_offset: int, now_ms: int, first_tombstone: int | None) -> "CleaningHistory":
        """Give the history after a pass that cleaned up to `end_offset`; only one that came further is noted."""
        passes = self.passes
        if end_offset > self.end_offset:
            passes = (*passes, (end_offset, max(now_ms, passes[-1][1]) if passes else now_ms))
        return CleaningHistory(passes[1::2] if len(passes) > MAX_PASSES else passes, first_tombstone)

    def expired_before(self, now_ms: int, delete_retention_ms: int) -> int:
        """Give the offset before which a tombstone may go: it was cleaned `delete_retention_ms` ago, or earlier."""
        count = bisect_right(self.passes, now_ms - delete_retention_ms, key=lambda known: known[1])
        return self.passes[count - 1][0] if count else 0


NEVER_CLEANED = CleaningHistory()
