"""Who waits for records, and where: an append wakes them; nobody polls.

Knows neither records nor offsets: whoever is woken looks again. A wait that is cancelled leaves nothing behind.
"""

import asyncio
from collections.abc import Hashable, Iterable

from mini_kafka.engine.clock import Clock

MAX_WAIT_MS = 30_000
"""The longest long poll, unless the broker is told otherwise: proxies end requests that take a minute."""
WOKEN_AT_ONCE = 100
"""Who is woken looks again, which takes some 20 microseconds: after a hundred, other work on the loop has its turn."""


class Waiters:
    """Waiting tasks by what they wait for; no call waits longer than `max_wait_ms`, however often it is woken."""

    def __init__(self, clock: Clock, max_wait_ms: int = MAX_WAIT_MS) -> None:
        self._clock = clock
        self._max_wait_ms = max_wait_ms
        self._waiting: dict[Hashable, set[asyncio.Future[bool]]] = {}
        self._calls = 0
        self.closed = False

    def poll(self, wait_ms: int) -> "Poll":
        """Begin a long poll, which waits for `wait_ms` from now in all, or for as long as anybody may."""
        return Poll(self, self._clock, min(wait_ms, self._max_wait_ms))

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
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                _wake_some(waiting)

    def close(self) -> None:
        """Wake everybody, and let nobody wait again."""
        self.closed = True
        for waiting in self._waiting.values():
            for woken in waiting:
                _wake(woken, notified=False)
        self._waiting.clear()

    def __len__(self) -> int:
        return self._calls


class Poll:
    """A call that looks, waits for news and looks again: whoever is woken may find that another was faster."""

    __slots__ = ("_clock", "_deadline_ms", "_waiters")

    def __init__(self, waiters: Waiters, clock: Clock, wait_ms: int) -> None:
        self._waiters = waiters
        self._clock = clock
        self._deadline_ms = clock.now_ms() + wait_ms if wait_ms > 0 else 0

    @property
    def is_over(self) -> bool:
        """Tell whether the time is over."""
        return not self._deadline_ms or self._deadline_ms <= self._clock.now_ms()

    @property
    def left_ms(self) -> int:
        """Give how much of the time is left, 0 when it is over."""
        return max(self._deadline_ms - self._clock.now_ms(), 0)

    async def news(self, keys: Iterable[Hashable]) -> bool:
        """Wait until one of `keys` is notified; False when the time is over first."""
        if self.is_over:
            return False
        return await self._waiters.wait(keys, self._deadline_ms - self._clock.now_ms())


def _wake_some(waiting: "set[asyncio.Future[bool]]") -> None:
    """Wake those who wait, the rest of many in the loop's next turns."""
    for _ in range(min(len(waiting), WOKEN_AT_ONCE)):
        _wake(waiting.pop(), notified=True)
    if waiting:
        asyncio.get_running_loop().call_soon(_wake_some, waiting)


def _wake(woken: "asyncio.Future[bool]", *, notified: bool) -> None:
    if not woken.done():
        woken.set_result(notified)
