"""Which offsets of a window are done, as merged ranges, and the first one that is not.

Two dictionaries, one by each end of a range, so that a range finds both neighbours without a search. It does not
know what is in flight; whoever uses it says each offset once.
"""


class DoneOffsets:
    """The done offsets at and above `first_open`, which is itself not done; every offset below it is."""

    __slots__ = ("_base_by_end", "_end_by_base", "first_open")

    def __init__(self, first_open: int) -> None:
        self.first_open = first_open
        self._end_by_base: dict[int, int] = {}
        self._base_by_end: dict[int, int] = {}

    def __len__(self) -> int:
        """Count the ranges: one more than the gaps between them at most, however many offsets are done."""
        return len(self._end_by_base)

    def add(self, base_offset: int, end_offset: int) -> None:
        """Mark the offsets from `base_offset` up to, not including, `end_offset`; none of them was done before."""
        if base_offset >= end_offset:
            return
        if end_offset in self._end_by_base:
            end_offset = self._end_by_base.pop(end_offset)
            del self._base_by_end[end_offset]
        if base_offset == self.first_open:
            self.first_open = end_offset
            return
        if base_offset in self._base_by_end:
            base_offset = self._base_by_end.pop(base_offset)
        self._end_by_base[base_offset] = end_offset
        self._base_by_end[end_offset] = base_offset
