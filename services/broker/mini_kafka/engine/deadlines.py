"""One timer for many things that each have a deadline. Whoever is due is told so, one a turn of the loop.

It knows nothing of what is due; a slice of work that leaves something sets its deadline again. A deadline that was
moved leaves its entry in the heap behind, which is passed over later.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from mini_kafka.engine.clock import Clock, Timer

SLACK = 64
"""Stale entries that the heap may always hold: below that, making it anew costs more than it frees."""

K = TypeVar("K")


class Deadlines(Generic[K]):
    """Calls `due` with each thing when its deadline has come."""

    def __init__(self, clock: Clock, due: Callable[[K], None]) -> None:
        self._clock = clock
        self._tell = due
        self._due: dict[K, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._order = count()  # two things of one deadline need not be comparable
        self._timer: Timer | None = None
        self._timer_ms = 0
        self._closed = False

    def __len__(self) -> int:
        """Count the things that have a deadline."""
        return len(self._due)

    def set(self, thing: K, deadline_ms: int | None) -> None:
        """Give a thing another deadline, sooner or later than it had, or none."""
        known = self._due.get(thing)
        if deadline_ms is None:
            self._due.pop(thing, None)
        elif known is None or known[0] != deadline_ms:
            order = next(self._order)
            self._due[thing] = (deadline_ms, order)
            heappush(self._heap, (deadline_ms, order, thing))
            self._arm(deadline_ms)
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [(*place, kept) for kept, place in self._due.items()]
            heapify(self._heap)

    def close(self) -> None:
        """Tell nobody any more."""
        self._closed = True
        self._due.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, deadline_ms: int) -> None:
        if self._closed or (self._timer is not None and self._timer_ms <= deadline_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = deadline_ms
        self._timer = self._clock.call_later(max(deadline_ms - self._clock.now_ms(), 0), self._run)

    def _run(self) -> None:
        self._timer = None
        thing = self._take_due()
        if thing is not None:
            self._tell(thing)
        if self._heap:
            self._arm(self._heap[0][0])

    def _take_due(self) -> K | None:
        now_ms = self._clock.now_ms()
        while self._heap:
            deadline_ms, order, thing = self._heap[0]
            if self._due.get(thing) != (deadline_ms, order):
                heappop(self._heap)
            elif deadline_ms > now_ms:
                return None
            else:
                heappop(self._heap)
                del self._due[thing]
                return thing
        return None
