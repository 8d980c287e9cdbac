"""A run of workers on a broker in this process: one thing after the other, chosen by a seed, on a hand-moved clock.

The same seed makes the same history. Nothing happens at once here, so what only overlapping calls can break is
`live_run`'s affair; in return a run takes a fraction of a second, and any broker can be patched before it.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from random import Random

from tests.checker.history import MS, History
from tests.checker.http_clients import Answer, Lost
from tests.checker.http_member import Member, is_finished
from tests.checker.http_producer import Producer
from tests.checker.http_reader import Reader, read_everything
from tests.checker.http_world import COMPACTED, GROUP, PARTITIONS, SHARED, World, create_topics
from tests.checker.journal import Journal, read
from tests.support.broker import Broker, new_broker
from tests.support.clock import ManualClock
from tests.support.tasks import settle

LOST = 0.04
"""How many answers get lost, half of them with their request."""
KILLED = 0.01
"""How many steps end a worker; another takes its place."""
LONG_MS = 15_000
"""When the broker looks whether a log is to be compacted, and when it has tried again to write dead letters."""

Worker = Producer | Reader | Member


class InProcessRun:
    """A broker, its workers, and what they wrote down."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._clock = ManualClock()
        self._broker: Broker = self._loop.run_until_complete(new_broker(self._clock))
        self._ticks = count()
        self._names = count()
        self._lines: list[str] = []
        self._is_reliable = True

    def __call__(self, steps: int) -> History:
        """Let the workers do so many things, finish the work, read everything, and give the history."""
        try:
            create_topics(self._world("first"))
            makers: list[Callable[[], Worker]] = [
                *[lambda: Producer(self._world("producer"))] * 3,
                *[lambda topic=topic: Reader(self._world("reader"), topic) for topic in PARTITIONS],
                *[lambda: Member(self._world("member"))] * 2,
            ]
            workers = [make() for make in makers]
            self._is_reliable = False
            for _ in range(steps):
                number = self._rng.randrange(len(workers))
                if self._rng.random() < KILLED:
                    workers[number] = makers[number]()
                workers[number].step()
                self._pass_time(LONG_MS if self._rng.random() < 0.01 else self._rng.choice([0, 1, 20]))
            dead = self._finish()
        finally:
            self._loop.run_until_complete(self._broker.engine.close())
            self._loop.run_until_complete(settle())
            self._loop.close()
        return History(
            tuple(read(self._lines)), frozenset(COMPACTED), {GROUP: SHARED}, frozenset(dead),
        )  # fmt: skip

    def _finish(self) -> list[str]:
        self._is_reliable = True
        world = self._world("last")
        member = Member(world, diligent=True)
        for _ in range(100):
            member.step()
            self._pass_time(LONG_MS)
            if is_finished(world):
                break
        return read_everything(world)

    def _world(self, role: str) -> World:
        journal = Journal(f"{role}{next(self._names)}", self._now_ns, self._lines.append)
        return World(self._rng, self._ask, journal, lambda ms: self._pass_time(int(ms)), wait_ms=0)

    def _now_ns(self) -> int:
        return self._clock.now_ms() * MS + next(self._ticks)

    def _ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
        is_lost = not self._is_reliable and self._rng.random() < LOST
        if is_lost and self._rng.random() < 0.5:
            raise Lost
        headers = [(name.replace("_", "-").lower(), text) for name, text in fields.items()]
        answer = self._loop.run_until_complete(self._broker.ask(method, path, [body], headers))
        if is_lost:
            raise Lost
        return Answer(answer.status, answer.headers, answer.body)

    def _pass_time(self, ms: int) -> None:
        async def advance() -> None:
            self._clock.advance(ms)
            await settle()

        self._loop.run_until_complete(advance())
