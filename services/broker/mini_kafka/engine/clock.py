"""Time for the engine: the wall clock, and timers on the event loop. Tests bring a clock that they move by hand."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that was arranged for later and can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has happened already."""


class Clock(Protocol):
    """The time, and a way to be called later."""

    def now_ms(self) -> int:
        """Give the time in milliseconds since 1970."""

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` on the event loop in `delay_ms` milliseconds."""


class LoopClock:
    """The machine's clock and the running event loop's timers."""

    def now_ms(self) -> int:
        """Give the time in milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` on the event loop in `delay_ms` milliseconds."""
        return asyncio.get_running_loop().call_later(delay_ms / 1000, callback)
