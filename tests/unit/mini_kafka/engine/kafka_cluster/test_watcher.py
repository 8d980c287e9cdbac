"""Who waits for records is woken by a change of the ends, whoever saw them when, and one question serves all."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from mini_kafka.engine.kafka_cluster import watcher as watching
from mini_kafka.engine.kafka_cluster.topic_views import Bounds
from mini_kafka.engine.kafka_cluster.watcher import Watcher
from mini_kafka.engine.waiters import Waiters
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio


class Ends:
    """The ends of logs, as the test sets them, and every question about them."""

    def __init__(self) -> None:
        self.now: dict[str, Sequence[int] | None] = {}
        self.asked: list[dict[str, int]] = []

    async def ends_of(self, sizes: Mapping[str, int]) -> dict[str, Sequence[int] | None]:
        self.asked.append(dict(sizes))
        return {name: self.now[name] for name in sizes}


class Waiting:
    """A watcher whose questions cost no time."""

    def __init__(self) -> None:
        self.ends = Ends()
        self.waiters = Waiters(ManualClock())
        self.watcher = Watcher(cast("Any", self.ends), self.waiters)

    def call(self, name: str, *seen: int) -> "asyncio.Task[bool]":
        bounds = Bounds(UUID(int=1), [0] * len(seen), seen)
        return asyncio.create_task(self.watcher.news(self.waiters.poll(1000), name, bounds))


@pytest.fixture
async def it(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Waiting]:
    monkeypatch.setattr(watching, "ASK_EVERY_S", 0)
    monkeypatch.setattr(watching, "PART_OF_THE_TIME", 0)
    waiting = Waiting()
    yield waiting
    waiting.waiters.close()
    await waiting.watcher.close()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_end_that_moves_wakes_all_who_wait_on_the_topic_and_nobody_else(it: Waiting) -> None:
    it.ends.now = {"a": [5, 5], "b": [1]}
    calls = [it.call("a", 5, 5) for _ in range(100)]
    other = it.call("b", 1)
    await turns()
    assert {len(asked) for asked in it.ends.asked} == {2}
    it.ends.now["a"] = [5, 6]
    assert all(await asyncio.gather(*calls))
    assert not other.done()
    it.waiters.close()
    assert await other is False


async def test_who_saw_less_than_another_looks_again_at_once(it: Waiting) -> None:
    it.ends.now = {"a": [6]}
    waits = it.call("a", 6)
    await turns()
    assert await it.call("a", 5) is True
    assert not waits.done()
    it.waiters.close()
    assert await waits is False


async def test_who_saw_more_than_another_wakes_it_and_waits(it: Waiting) -> None:
    it.ends.now = {"a": [6]}
    behind = it.call("a", 5)
    await asyncio.sleep(0)
    ahead = it.call("a", 6)
    assert await behind is True
    await turns()
    assert not ahead.done()
    it.waiters.close()
    assert await ahead is False


async def test_a_topic_that_cannot_be_asked_about_wakes_its_waiters_who_learn_why(it: Waiting) -> None:
    it.ends.now = {"a": None}
    assert await it.call("a", 5) is True


async def test_who_waits_is_woken_by_a_question_that_fails_and_the_next_one_is_asked(it: Waiting) -> None:
    it.ends.now = {}  # the question raises KeyError, which nobody expects
    assert await it.call("a", 5) is True
    it.ends.now = {"a": [6]}
    assert await it.call("a", 5) is True


async def test_when_nobody_waits_nothing_is_asked(it: Waiting) -> None:
    it.ends.now = {"a": [5]}
    call = it.call("a", 5)
    await turns()
    call.cancel()
    await turns()
    asked = len(it.ends.asked)
    await turns()
    assert len(it.ends.asked) == asked


async def test_the_longer_a_question_takes_the_more_seldom_it_is_asked(
    it: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, took_s = 0.0, 2.0
    pauses: list[float] = []
    monkeypatch.setattr(watching, "PART_OF_THE_TIME", 10)

    async def ends_of(sizes: Mapping[str, int]) -> dict[str, Sequence[int] | None]:
        nonlocal now
        now += took_s
        return {name: [5] for name in sizes}

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await turns()

    monkeypatch.setattr(it.ends, "ends_of", ends_of)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(watching, "asyncio", SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop))
    call = it.call("a", 5)
    while len(pauses) < 3:
        await turns()
    assert pauses[:3] == [0, took_s * 10, took_s * 10]
    it.waiters.close()
    assert await call is False
