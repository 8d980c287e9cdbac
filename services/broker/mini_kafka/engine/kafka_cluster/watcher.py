"""Wakes the calls that wait for records: it asks for the ends of all logs that somebody waits on, in one question.

So a thousand readers that wait need no consumer, and the cluster is asked as often for them as for one. What this
gateway appends itself wakes them without a question.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from mini_kafka.engine.kafka_cluster.topic_views import Bounds, TopicViews
from mini_kafka.engine.waiters import Poll, Waiters

ASK_EVERY_S = 0.05
"""So late, at most, a record that another producer has appended is noticed."""
PART_OF_THE_TIME = 10
"""Asking takes at most this part of the time, however many partitions are waited on."""

logger = logging.getLogger(__name__)


class Watcher:
    """Watches the ends of the logs on which calls wait; the waiters' keys are the topics' names."""

    def __init__(self, views: TopicViews, waiters: Waiters) -> None:
        self._views = views
        self._waiters = waiters
        self._watched: dict[str, tuple[int, Sequence[int]]] = {}
        """The number of calls that wait on a topic, and the ends that were seen last."""
        self._asking: asyncio.Task[None] | None = None

    async def news(self, poll: Poll, name: str, seen: Bounds) -> bool:
        """Wait until a topic has more than a call has seen of it, or may have; False when the time is over first."""
        calls, ends = self._watched.get(name, (0, seen.ends))
        if calls and list(ends) != list(seen.ends):
            if len(ends) > len(seen.ends) or any(map(int.__gt__, ends, seen.ends)):
                return not poll.is_over  # another call has seen more: look again
            self._waiters.notify(name)  # this one has
        self._watched[name] = calls + 1, seen.ends
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_on_and_on())
        try:
            return await poll.news([name])
        finally:
            calls, ends = self._watched[name]
            if calls > 1:
                self._watched[name] = calls - 1, ends
            else:
                del self._watched[name]

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

    async def _ask_on_and_on(self) -> None:
        took_s = 0.0
        try:
            while self._watched and not self._waiters.closed:
                await asyncio.sleep(max(ASK_EVERY_S, took_s * PART_OF_THE_TIME))
                begun = time.monotonic()
                try:
                    await self._ask()
                except Exception:
                    logger.exception("nobody can say where the logs end: a bug in the broker")
                    for name in self._watched:  # each learns by itself what is wrong
                        self._waiters.notify(name)
                took_s = time.monotonic() - begun
        finally:
            self._asking = None

    async def _ask(self) -> None:
        asked = {name: len(ends) for name, (_, ends) in self._watched.items()}
        found = await self._views.ends_of(asked)
        for name, ends in found.items():
            watched = self._watched.get(name)
            if watched is not None and (ends is None or list(ends) != list(watched[1])):
                self._watched[name] = watched[0], watched[1] if ends is None else ends
                self._waiters.notify(name)
