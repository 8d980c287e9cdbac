"""One question to the cluster for many who ask the same at once.

An answer that was asked for before a call may be older than what its caller knows, such as a record that it has just
produced. So a call joins the next question about its key, never the one that is under way: there are at most two.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from mini_kafka.engine.kafka_cluster.daemon_threads import retrieve

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SharedQuestions(Generic[K, T]):
    """Asks about a key, for all who want to know."""

    def __init__(self, ask: Callable[[K], Awaitable[T]]) -> None:
        self._ask = ask
        self._under_way: dict[K, asyncio.Task[T]] = {}
        self._next: dict[K, asyncio.Task[T]] = {}

    async def ask(self, key: K) -> T:
        """Give an answer that was asked for after this call; raises what the question raises."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.get_running_loop().create_task(self._answer(key))
            task.add_done_callback(retrieve)
        return await asyncio.shield(task)

    async def _answer(self, key: K) -> T:
        while (before := self._under_way.get(key)) is not None:
            await asyncio.wait([before])
        task = self._under_way[key] = self._next.pop(key)
        try:
            return await self._ask(key)
        finally:
            if self._under_way.get(key) is task:
                del self._under_way[key]
