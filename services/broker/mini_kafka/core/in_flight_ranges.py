"""Where the records in flight of one share partition are: disjoint ranges of offsets, each in one state.

It keeps them so that each question has a short way: which range holds an offset, which available one comes first,
which deadline is next, what a member holds, how many records are in a state. Which state may follow which is decided
in `share_partition`; here nothing is.

A range never crosses a multiple of `BLOCK`, so the range that holds an offset is found by bisection among those of
its block, and a change moves at most `BLOCK` list entries, however many records are in flight. The two heaps are
cleaned late: an entry that no longer fits its range is passed over.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from enum import Enum, IntEnum
from heapq import heapify, heappop, heappush
from typing import NamedTuple

BLOCK = 1024
"""Offsets whose ranges share one sorted list: 8 KiB of list to move at the very most, which takes less than looking
a range up, and one range more for every 1,024 records acquired together."""

SLACK = 64
"""Stale entries that the heap of deadlines may always hold: below that, making it anew costs more than it frees."""


class State(IntEnum):
    """What a record in flight waits for: KIP-932's available and acquired, and what leads back or away from them."""

    AVAILABLE = 0  # to be acquired again
    DELAYED = 1  # released with a delay that has not passed
    ACQUIRED = 2  # under an acquisition lock
    CONDEMNED = 3  # never delivered again; done when its owner has written it elsewhere


class Reason(Enum):
    """Why a record is condemned."""

    REJECTED = "rejected"
    DELIVERED_TOO_OFTEN = "delivered too often"


class InFlightRange(NamedTuple):
    """Records from `base_offset` up to, not including, `end_offset` that are in one state for one cause.

    `acquisition` and `delivery_count` are of their latest delivery; `member` is set only while they are acquired,
    `deadline_ms` only while they are acquired or delayed, `reason` only when they are condemned.
    """

    base_offset: int
    end_offset: int
    state: State
    acquisition: int
    delivery_count: int
    member: str | None = None
    deadline_ms: int | None = None
    reason: Reason | None = None

    @property
    def records(self) -> int:
        """How many offsets the range has."""
        return self.end_offset - self.base_offset

    def part(self, base_offset: int, end_offset: int) -> "InFlightRange":
        """Give the same fact about fewer offsets."""
        if (base_offset, end_offset) == (self.base_offset, self.end_offset):
            return self
        return self._replace(base_offset=base_offset, end_offset=end_offset)


class InFlightRanges:
    """All ranges in flight of one share partition."""

    def __init__(self) -> None:
        self.counts = [0] * len(State)
        """Records, not ranges, by state."""
        self.held = dict[str | None, int]()
        """Records acquired, by member; members that hold none are left out."""
        self._ranges: dict[int, InFlightRange] = {}
        self._blocks: dict[int, list[int]] = {}
        self._available: list[int] = []  # a heap of base offsets
        self._deadlines: list[tuple[int, int]] = []  # a heap of deadlines and base offsets
        self._held_bases: dict[str | None, set[int]] = {}
        self._condemned: OrderedDict[int, None] = OrderedDict()  # a dict finds its first entry slowly after deletions

    def __len__(self) -> int:
        """Count the ranges."""
        return len(self._ranges)

    def at(self, offset: int) -> InFlightRange | None:
        """Give the range that holds an offset, or None when the offset is not in flight."""
        bases = self._blocks.get(offset // BLOCK)
        if bases is None:
            return None
        index = bisect_right(bases, offset) - 1
        if index < 0:
            return None
        found = self._ranges[bases[index]]
        return found if offset < found.end_offset else None

    def add(self, added: InFlightRange) -> None:
        """Take a range in; none of its offsets is in flight yet."""
        base_offset = added.base_offset
        while base_offset < added.end_offset:
            end_offset = min(added.end_offset, (base_offset // BLOCK + 1) * BLOCK)
            self._add_to_block(added.part(base_offset, end_offset))
            base_offset = end_offset

    def _add_to_block(self, added: InFlightRange) -> None:
        base_offset, state, member = added.base_offset, added.state, added.member
        self._ranges[base_offset] = added
        insort(self._blocks.setdefault(base_offset // BLOCK, []), base_offset)
        self.counts[state] += added.records
        if added.deadline_ms is not None:
            self._push_deadline(added.deadline_ms, base_offset)
        if state is State.ACQUIRED:
            self.held[member] = self.held.get(member, 0) + added.records
            self._held_bases.setdefault(member, set()).add(base_offset)
        elif state is State.AVAILABLE:
            heappush(self._available, base_offset)
        elif state is State.CONDEMNED:
            self._condemned[base_offset] = None

    def remove(self, removed: InFlightRange) -> None:
        """Let go of a range that was found here."""
        base_offset, state, member = removed.base_offset, removed.state, removed.member
        del self._ranges[base_offset]
        bases = self._blocks[base_offset // BLOCK]
        del bases[bisect_left(bases, base_offset)]
        if not bases:
            del self._blocks[base_offset // BLOCK]
        self.counts[state] -= removed.records
        if state is State.ACQUIRED:
            self.held[member] -= removed.records
            self._held_bases[member].discard(base_offset)
            if not self._held_bases[member]:
                del self.held[member], self._held_bases[member]
        elif state is State.CONDEMNED:
            del self._condemned[base_offset]

    def cut_out(self, found: InFlightRange, base_offset: int, end_offset: int) -> InFlightRange:
        """Let go of a part of a range that was found here, and give the part; the rest stays as it is."""
        self.remove(found)
        if found.base_offset < base_offset:
            self.add(found.part(found.base_offset, base_offset))
        if end_offset < found.end_offset:
            self.add(found.part(end_offset, found.end_offset))
        return found.part(base_offset, end_offset)

    def take_available(self, max_records: int) -> InFlightRange | None:
        """Let go of the first available records of one range, at most `max_records`, and give them."""
        while self._available:
            first = self._ranges.get(heappop(self._available))
            if first is not None:  # else the log has dropped it: no other range begins there again
                return self.cut_out(first, first.base_offset, min(first.end_offset, first.base_offset + max_records))
        return None

    def take_due(self, now_ms: int) -> InFlightRange | None:
        """Let go of a range whose deadline has come, and give it; None when there is none."""
        deadline_ms = self.next_deadline_ms
        if deadline_ms is None or deadline_ms > now_ms:
            return None
        due = self._ranges[heappop(self._deadlines)[1]]
        self.remove(due)
        return due

    def take_held(self, member: str) -> InFlightRange | None:
        """Let go of a range that a member holds, and give it; None when it holds none."""
        bases = self._held_bases.get(member)
        if not bases:
            return None
        held = self._ranges[bases.pop()]
        self.remove(held)
        return held

    def condemned(self, max_ranges: int) -> list[InFlightRange]:
        """Give the ranges that have been condemned longest; they stay."""
        first = zip(self._condemned, range(max_ranges), strict=False)
        return [self._ranges[base_offset] for base_offset, _ in first]

    @property
    def next_deadline_ms(self) -> int | None:
        """The time at which the first acquired or delayed range is due, or None when there is none."""
        while self._deadlines:
            deadline_ms, base_offset = self._deadlines[0]
            found = self._ranges.get(base_offset)
            if found is not None and found.deadline_ms == deadline_ms:
                return deadline_ms
            heappop(self._deadlines)
        return None

    def _push_deadline(self, deadline_ms: int, base_offset: int) -> None:
        heappush(self._deadlines, (deadline_ms, base_offset))
        if len(self._deadlines) > 2 * len(self._ranges) + SLACK:
            # More than half of the entries are stale: as many calls have paid for this as it has entries to look at.
            self._deadlines = [
                (found.deadline_ms, found.base_offset)
                for found in self._ranges.values()
                if found.deadline_ms is not None
            ]
            heapify(self._deadlines)
