"""Letting others have their turn during long work, by what was done and not by the clock."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
AT_ONCE = 200
"""Steps of some microseconds each, unless the work is known better: one or two milliseconds."""


class Pace:
    """Yields to the event loop when a task has done `at_once` at a stretch."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._done = 0

    async def step(self, size: int = 1) -> None:
        """Give others their turn first, if `size` more would be too much."""
        self._done += size
        if self._done > self._at_once:
            self._done = size
            await asyncio.sleep(0)

    async def each(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Go over items, a step each; what makes them is in no hurry either if it is a generator."""
        for item in items:
            await self.step()
            yield item

    async def once(self, items: Iterable[H]) -> AsyncIterator[H]:
        """Go over items, a step each, and give each of them once."""
        async for item in self.each(await self.count(items)):
            yield item

    async def count(self, items: Iterable[H]) -> "Counter[H]":
        """Count how often each item is there."""
        counts: Counter[H] = Counter()
        async for item in self.each(items):
            counts[item] += 1
        return counts


async def chunks(items: Iterable[T], size: int = AT_ONCE) -> AsyncIterator[list[T]]:
    """Give so many items at a time, and others their turn in between; where there are none, one empty list."""
    left: Iterator[T] = iter(items)
    yield list(islice(left, size))
    while chunk := list(islice(left, size)):
        await asyncio.sleep(0)
        yield chunk
