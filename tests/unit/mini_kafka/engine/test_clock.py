"""The real clock, and the one of the tests, keep the same promises."""

import asyncio
import sys
import time

import pytest

from mini_kafka.engine.clock import LoopClock
from tests.support.clock import ManualClock

LOOPS = ["asyncio"] + (["uvloop"] if sys.platform != "win32" and sys.implementation.name == "cpython" else [])


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    """Give a runner on each event loop that the broker runs on."""
    if request.param == "asyncio":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def test_the_time_is_that_of_the_machine_in_milliseconds() -> None:
    before = time.time() * 1000
    assert int(before) <= LoopClock().now_ms() <= time.time() * 1000


def test_a_call_is_made_on_the_loop_that_runs(runner: asyncio.Runner) -> None:
    async def called() -> asyncio.AbstractEventLoop:
        seen: asyncio.Future[asyncio.AbstractEventLoop] = asyncio.get_running_loop().create_future()
        LoopClock().call_later(1, lambda: seen.set_result(asyncio.get_running_loop()))
        return await asyncio.wait_for(seen, 10)

    with runner:
        assert runner.run(called()) is runner.get_loop()


def test_a_timer_can_be_called_off(runner: asyncio.Runner) -> None:
    async def order() -> list[str]:
        done: list[str] = []
        last = asyncio.Event()
        clock = LoopClock()
        timer = clock.call_later(1, lambda: done.append("called off"))
        clock.call_later(2, last.set)
        timer.cancel()
        await asyncio.wait_for(last.wait(), 10)
        timer.cancel()
        return done

    with runner:
        assert runner.run(order()) == []


def test_a_deadline_in_thousands_of_years_is_no_problem(runner: asyncio.Runner) -> None:
    """`retention.ms` may be 2**63 - 1, and a timestamp almost as large."""

    async def arranged() -> bool:
        called: list[bool] = []
        timer = LoopClock().call_later(2**64, lambda: called.append(True))
        await asyncio.sleep(0)
        timer.cancel()
        return bool(called)

    with runner:
        assert runner.run(arranged()) is False


def test_the_clock_of_the_tests_runs_what_falls_due_in_order_and_at_its_time() -> None:
    clock = ManualClock(now_ms=0)
    seen: list[tuple[str, int]] = []

    def note(name: str) -> None:
        seen.append((name, clock.now_ms()))

    def first() -> None:
        note("first")
        clock.call_later(5, lambda: note("arranged on the way"))

    clock.call_later(20, lambda: note("second"))
    clock.call_later(10, first)
    clock.call_later(15, lambda: note("called off")).cancel()
    clock.call_later(31, lambda: note("too early"))
    clock.advance(30)
    assert seen == [("first", 10), ("arranged on the way", 15), ("second", 20)]
    assert (clock.now_ms(), clock.timers) == (30, 1)
