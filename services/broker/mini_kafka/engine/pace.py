"""Letting others have their turn during long work, by what was done and not by the clock."""

import asyncio


class Pace:
    """Yields to the event loop when a task has done `at_once` at a stretch."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._done = 0

    async def step(self, size: int = 1) -> None:
        """Give others their turn first, if `size` more would be too much."""
        self._done += size
        if self._done > self._at_once:
            self._done = size
            await asyncio.sleep(0)
