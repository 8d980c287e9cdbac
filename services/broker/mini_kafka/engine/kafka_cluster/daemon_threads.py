"""Threads for calls that block, as many at a time as are allowed; the process does not wait for them when it ends.

Python's own pools join their threads before the process may go, and a call to a cluster that is away lasts as long as
the time that it was given. Threads are kept: whoever starts one waits until it runs.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from mini_kafka.core.errors import BrokerStopping

T = TypeVar("T")


class DaemonThreads:
    """Does blocking work, each piece on a thread that is free."""

    def __init__(self, size: int, name: str) -> None:
        self._free = asyncio.Semaphore(size)
        self._name = name
        self._closed = False
        self._begun: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._at_work = self._threads = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Do it when a thread is free, and give or raise what it does; whoever is cancelled does not stop it.

        Raises:
            BrokerStopping: it was not begun.
        """
        await self._free.acquire()
        if self._closed:
            self._free.release()
            raise BrokerStopping
        done: Future[T] = Future()
        waited = asyncio.wrap_future(done)
        waited.add_done_callback(self._is_over)
        self._at_work += 1
        if self._at_work > self._threads:
            self._threads += 1
            threading.Thread(target=_work, args=(self._begun,), name=self._name, daemon=True).start()
        self._begun.put(lambda: _settle(done, work))
        return await asyncio.shield(waited)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        for _ in range(self._threads):
            self._begun.put(None)

    def _is_over(self, waited: "asyncio.Future[Any]") -> None:
        self._at_work -= 1
        self._free.release()
        retrieve(waited)


def retrieve(done: "asyncio.Future[Any]") -> None:
    """Take an error that nobody may wait for any more."""
    if not done.cancelled():
        done.exception()


def _work(begun: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (piece := begun.get()) is not None:
        piece()
        del piece  # it holds what was found until the next one comes


def _settle(done: "Future[T]", work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
        done.set_exception(error)
    else:
        done.set_result(result)
