"""The calls that are under way: each ends within its time, and all of them when the engine does.

A call may ask the cluster for several things, one after the other, and none of these knows of the others. Here is what
bounds all of them together, so that nobody waits longer than the settings say.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from mini_kafka.core.errors import BrokerStopping, ClusterUnavailable
from mini_kafka.engine.call_time import begun_s

END_S = 0.5
"""How long the end waits for calls that were told to end: they do nothing more than to say so."""

T = TypeVar("T")


class OpenCalls:
    """Calls for the cluster, each of which may take `time_s` seconds; `trouble` says why the cluster is away."""

    def __init__(self, time_s: float, trouble: Callable[[], str]) -> None:
        self._time_s = time_s
        self._trouble = trouble
        self._open: set[asyncio.Timeout] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._ended = False

    async def answer(self, work: Coroutine[Any, Any, T], *, wait_s: float = 0.0, doubt: str = "") -> T:
        """Give what `work` gives, in what is left of the call's time beside `wait_s`, for which it waits for records.

        Args:
            work: what to do for the call.
            wait_s: what the call has asked for itself, in seconds.
            doubt: what is not known of work that was cut short.

        Raises:
            ClusterUnavailable: the time is over.
            BrokerStopping: the engine has ended.
        """
        now_s = asyncio.get_running_loop().time()
        scope = asyncio.timeout_at(now_s if self._ended else begun_s(now_s) + self._time_s + wait_s)
        self._open.add(scope)
        self._none_open.clear()
        try:
            async with scope:
                return await work
        except TimeoutError:
            if not scope.expired():
                raise
            if self._ended:
                raise BrokerStopping from None
            reason = self._trouble() or f"it has not answered all that this call needs within {self._time_s:g} s"
            raise ClusterUnavailable(reason + doubt) from None
        finally:
            self._open.discard(scope)
            if not self._open:
                self._none_open.set()

    async def finish(self, within_s: float) -> None:
        """Wait until no call is under way, for some seconds at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._none_open.wait(), within_s)

    async def end(self) -> None:
        """End all calls, and let those that still come do no more than look at what is there already."""
        self._ended = True
        for scope in self._open:
            if not scope.expired():
                scope.reschedule(0)
        await self.finish(END_S)
