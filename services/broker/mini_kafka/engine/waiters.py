"""Who waits for records, and where: an append wakes them; nobody polls.

Knows neither records nor offsets: whoever is woken looks again. A wait that is cancelled leaves nothing behind.
"""

import asyncio
from collections.abc import Hashable, Iterable

from mini_kafka.engine.clock import Clock


class Waiters:
    """Waiting tasks by what they wait for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Hashable, set[asyncio.Future[bool]]] = {}
        self._calls = 0
        self.closed = False

    async def wait(self, keys: Iterable[Hashable], timeout_ms: int) -> bool:
        """Wait until one of `keys` is notified, at most `timeout_ms`; say whether it was.

        Ends at once, with False, when the waiters are closed.
        """
        if self.closed or timeout_ms <= 0:
            return False
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        keys = tuple(keys)
        for key in keys:
            self._waiting.setdefault(key, set()).add(woken)
        timer = self._clock.call_later(timeout_ms, lambda: _wake(woken, notified=False))
        self._calls += 1
        try:
            return await woken
        finally:
            self._calls -= 1
            timer.cancel()
            for key in keys:
                self._leave(key, woken)

    def _leave(self, key: Hashable, woken: "asyncio.Future[bool]") -> None:
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.discard(woken)
            if not waiting:
                del self._waiting[key]

    def notify(self, key: Hashable) -> None:
        """Wake everybody who waits for `key`."""
        if self._waiting:  # most appends find nobody, and need not even hash their key
            for woken in self._waiting.pop(key, ()):
                _wake(woken, notified=True)

    def close(self) -> None:
        """Wake everybody, and let nobody wait again."""
        self.closed = True
        for waiting in self._waiting.values():
            for woken in waiting:
                _wake(woken, notified=False)
        self._waiting.clear()

    def __len__(self) -> int:
        return self._calls


def _wake(woken: "asyncio.Future[bool]", *, notified: bool) -> None:
    if not woken.done():
        woken.set_result(notified)
