"""A clock for tests: it stands still until a test moves it, and timers run in their order."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class ManualTimer:
    """One thing that was arranged for later."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def pending(self) -> bool:
        """Whether it neither happened nor was called off."""
        return self._callback is not None

    def cancel(self) -> None:
        """Call it off."""
        self._callback = None

    def fire(self) -> None:
        """Let it happen, unless it was called off."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class ManualClock:
    """Stands in for the engine's clock; `advance` is the only thing that lets time pass."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._order = count()
        self._timers: list[tuple[int, int, ManualTimer]] = []

    @property
    def timers(self) -> int:
        """Count the timers that are still to fire."""
        return sum(timer.pending for _, _, timer in self._timers)

    def now_ms(self) -> int:
        """Give the time, in milliseconds."""
        return self._now_ms

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> ManualTimer:
        """Arrange a call for when the clock has been moved on by `delay_ms`."""
        timer = ManualTimer(callback)
        heappush(self._timers, (self._now_ms + max(delay_ms, 0), next(self._order), timer))
        return timer

    def advance(self, delay_ms: int) -> None:
        """Move the clock on, and run what falls due on the way, each at its time, also what that arranges."""
        until_ms = self._now_ms + delay_ms
        while self._timers and self._timers[0][0] <= until_ms:
            due_ms, _, timer = heappop(self._timers)
            self._now_ms = max(self._now_ms, due_ms)
            timer.fire()
        self._now_ms = until_ms

    def run_next(self) -> None:
        """Let the timer that falls due next fire, and nothing else: one slice of longer work."""
        while self._timers:
            due_ms, _, timer = heappop(self._timers)
            if timer.pending:
                self._now_ms = max(self._now_ms, due_ms)
                timer.fire()
                return
