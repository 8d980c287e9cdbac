"""Which offset of the target a record of the source has: the two differ where the source has lost records.

The target's offsets follow one another without holes, as they are appended by one hand. So a run of the source's
records without a hole is one pair of offsets, and a partition that never lost a record is a single pair. Pure: no I/O.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence


class OffsetMap:
    """The records of one partition that are copied, as runs.

    Args:
        next_source: where to read on at the source.
        next_target: the offset that the next record gets at the target.
        runs: the first offset of each run at the source and at the target, ascending.
    """

    def __init__(self, next_source: int, next_target: int, runs: Iterable[tuple[int, int]] = ()) -> None:
        self.next_source = next_source
        self.next_target = next_target
        self._sources, self._targets = array("q"), array("q")
        for source, target in runs:
            self._sources.append(source)
            self._targets.append(target)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """The first offsets of each run, at the source and at the target."""
        return list(zip(self._sources, self._targets, strict=True))

    def append(self, offsets: Sequence[int]) -> None:
        """Note that the source's records at these ascending offsets came to lie behind all others, in their order."""
        first = 0
        while first < len(offsets):
            end = self._end_of_run(offsets, first)
            if not self._sources or offsets[first] != self.next_source:
                self._sources.append(offsets[first])
                self._targets.append(self.next_target)
            self.next_source = offsets[end - 1] + 1
            self.next_target += end - first
            first = end

    @staticmethod
    def _end_of_run(offsets: Sequence[int], first: int) -> int:
        if offsets[-1] - offsets[first] == len(offsets) - 1 - first:
            return len(offsets)
        end = first + 1
        while offsets[end] == offsets[end - 1] + 1:
            end += 1
        return end

    def translate(self, committed: int) -> int:
        """Give the target's offset of the first copied record at or after an offset of the source."""
        index = bisect_right(self._sources, committed) - 1
        if index < 0:
            return self._targets[0] if self._targets else self.next_target
        return min(self._targets[index] + committed - self._sources[index], self._end(index))

    def target_of(self, source: int) -> int | None:
        """Give the target's offset of the record at an offset of the source, or None if it is not copied."""
        index = bisect_right(self._sources, source) - 1
        if index < 0:
            return None
        target = self._targets[index] + source - self._sources[index]
        return target if target < self._end(index) else None

    def source_of(self, target: int) -> int | None:
        """Give the source's offset of the record at an offset of the target, or None if it is no copy."""
        index = bisect_right(self._targets, target) - 1
        if index < 0 or target >= self.next_target:
            return None
        return self._sources[index] + target - self._targets[index]

    def _end(self, index: int) -> int:
        return self._targets[index + 1] if index + 1 < len(self._targets) else self.next_target
