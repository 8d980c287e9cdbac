"""Who waits is woken by what it waits for, once, and leaves nothing behind."""

import asyncio

import pytest

from mini_kafka.engine.waiters import WOKEN_AT_ONCE, Waiters
from tests.support.clock import ManualClock
from tests.support.tasks import outcome, settle

pytestmark = pytest.mark.anyio


@pytest.fixture
def waiters(clock: ManualClock) -> Waiters:
    return Waiters(clock)


async def start(waiters: Waiters, *keys: str, timeout_ms: int = 1000) -> "asyncio.Task[bool]":
    task = asyncio.create_task(waiters.wait(keys, timeout_ms))
    await settle()
    return task


async def test_a_notice_ends_the_wait(waiters: Waiters) -> None:
    task = await start(waiters, "a")
    assert not task.done()
    waiters.notify("a")
    assert await outcome(task) is True


async def test_any_of_the_keys_ends_the_wait(waiters: Waiters) -> None:
    for key in ("a", "b"):
        task = await start(waiters, "a", "b")
        waiters.notify(key)
        assert await outcome(task) is True
        assert len(waiters) == 0


async def test_a_notice_for_another_key_does_not(waiters: Waiters) -> None:
    task = await start(waiters, "a")
    waiters.notify("b")
    await settle()
    assert not task.done()
    assert len(waiters) == 1
    waiters.notify("a")
    await outcome(task)


async def test_a_notice_wakes_everybody_who_waits_for_the_key(waiters: Waiters) -> None:
    tasks = [await start(waiters, "a") for _ in range(3)]
    waiters.notify("a")
    assert [await outcome(task) for task in tasks] == [True, True, True]


async def test_time_ends_the_wait_and_nothing_else_does(waiters: Waiters, clock: ManualClock) -> None:
    task = await start(waiters, "a", timeout_ms=1000)
    clock.advance(999)
    await settle()
    assert not task.done()
    clock.advance(1)
    assert await outcome(task) is False


@pytest.mark.parametrize("timeout_ms", [0, -5])
async def test_without_time_there_is_no_wait(waiters: Waiters, clock: ManualClock, timeout_ms: int) -> None:
    assert await outcome(asyncio.create_task(waiters.wait(["a"], timeout_ms))) is False
    assert (len(waiters), clock.timers) == (0, 0)


@pytest.mark.parametrize("ending", ["notice", "time", "cancel", "close"])
async def test_a_wait_leaves_nothing_behind_however_it_ends(waiters: Waiters, clock: ManualClock, ending: str) -> None:
    task = await start(waiters, "a", "b", timeout_ms=1000)
    assert (len(waiters), clock.timers) == (1, 1)
    match ending:
        case "notice":
            waiters.notify("a")
        case "time":
            clock.advance(1000)
        case "cancel":
            task.cancel()
        case "close":
            waiters.close()
    await asyncio.wait([task])
    assert (len(waiters), clock.timers, waiters._waiting) == (0, 0, {})
    waiters.notify("a")
    waiters.notify("b")


async def test_a_wait_that_is_cancelled_just_after_its_notice_is_cancelled(waiters: Waiters) -> None:
    task = await start(waiters, "a")
    waiters.notify("a")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outcome(task)
    assert len(waiters) == 0


async def test_who_comes_after_a_notice_waits_for_the_next(waiters: Waiters) -> None:
    early = await start(waiters, "a")
    waiters.notify("a")
    late = asyncio.create_task(waiters.wait(["a"], 1000))
    await settle()
    assert early.done()
    assert not late.done()
    waiters.notify("a")
    assert await outcome(late) is True


async def test_closing_wakes_everybody_and_lets_nobody_wait_again(waiters: Waiters, clock: ManualClock) -> None:
    tasks = [await start(waiters, key) for key in ("a", "a", "b")]
    waiters.close()
    assert [await outcome(task) for task in tasks] == [False, False, False]
    assert waiters.closed
    assert await outcome(await start(waiters, "a")) is False
    assert clock.timers == 0


async def test_a_poll_waits_for_its_time_in_all_however_often_it_is_woken(waiters: Waiters, clock: ManualClock) -> None:
    poll = waiters.poll(1000)
    for left in (1000, 600):
        assert not poll.is_over
        task = asyncio.create_task(poll.news(["a"]))
        await settle()
        clock.advance(400 if left == 1000 else left)
        waiters.notify("a")
        assert await outcome(task) is (left == 1000)
    assert poll.is_over
    assert await poll.news(["a"]) is False


async def test_a_poll_is_cut_to_the_longest_wait_that_is_allowed(clock: ManualClock) -> None:
    poll = Waiters(clock, max_wait_ms=500).poll(10**9)
    clock.advance(499)
    assert not poll.is_over
    clock.advance(1)
    assert poll.is_over


@pytest.mark.parametrize("wait_ms", [0, -1])
async def test_a_poll_without_time_does_not_wait(waiters: Waiters, wait_ms: int) -> None:
    poll = waiters.poll(wait_ms)
    assert poll.is_over
    assert await poll.news(["a"]) is False
    assert len(waiters) == 0


async def test_of_many_who_wait_some_are_woken_at_a_time_and_all_in_the_end(waiters: Waiters) -> None:
    woken: list[int] = []

    async def wait(number: int) -> None:
        assert await waiters.wait(["a"], 1000)
        woken.append(number)

    tasks = [asyncio.create_task(wait(number)) for number in range(5 * WOKEN_AT_ONCE // 2)]
    await settle()
    waiters.notify("a")
    before = 0
    while len(woken) < len(tasks):
        await asyncio.sleep(0)
        assert len(woken) - before <= WOKEN_AT_ONCE
        before = len(woken)
    assert len(waiters) == 0


async def test_who_comes_while_many_are_woken_waits_for_the_next_notice(waiters: Waiters) -> None:
    tasks = [asyncio.create_task(waiters.wait(["a"], 1000)) for _ in range(2 * WOKEN_AT_ONCE)]
    await settle()
    waiters.notify("a")
    late = await start(waiters, "a")
    assert all([await outcome(task) for task in tasks])
    assert not late.done()
    waiters.notify("a")
    assert await outcome(late) is True
