"""Every call ends: within its time, which all of its questions share, or when the engine does."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mini_kafka.core.errors import BrokerStopping, ClusterUnavailable, UnknownTopic
from mini_kafka.engine import call_time
from mini_kafka.engine.kafka_cluster.open_calls import OpenCalls
from tests.support.tasks import outcome, settle

pytestmark = pytest.mark.anyio

LONG_S = 3600.0


def calls(time_s: float = LONG_S, trouble: str = "") -> OpenCalls:
    return OpenCalls(time_s, lambda: trouble)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def known(answer: int) -> int:
    return answer


def asked(it: OpenCalls, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    return asyncio.create_task(it.answer(work))


async def test_a_call_gives_what_its_work_gives() -> None:
    assert await calls().answer(known(5)) == 5


async def test_a_refusal_comes_through_as_it_is() -> None:
    async def refuse() -> None:
        raise UnknownTopic("t")

    with pytest.raises(UnknownTopic):
        await calls().answer(refuse())


async def test_a_time_out_of_the_work_itself_is_no_refusal() -> None:
    async def fail() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await calls().answer(fail())


async def test_a_call_whose_time_is_over_says_so_and_what_is_in_doubt() -> None:
    with pytest.raises(ClusterUnavailable, match=r"within 0 s; it may be done"):
        await calls(0).answer(for_ever(), doubt="; it may be done")


async def test_a_call_whose_time_is_over_says_why_the_cluster_is_away() -> None:
    with pytest.raises(ClusterUnavailable, match="connection refused"):
        await calls(0, "connection refused").answer(for_ever())


async def test_what_a_call_waits_for_records_is_beside_its_time() -> None:
    it = calls(0)
    waiting = asyncio.create_task(it.answer(for_ever(), wait_s=LONG_S))
    await settle()
    assert not waiting.done()
    await it.end()
    with pytest.raises(BrokerStopping):
        await outcome(waiting)


async def test_all_questions_of_one_call_share_its_time() -> None:
    begun_s = asyncio.get_running_loop().time() - LONG_S
    call_time.begin()
    assert call_time.begun_s(begun_s) == begun_s
    with pytest.raises(ClusterUnavailable):
        await calls(LONG_S).answer(for_ever())
    call_time.begin()
    assert await calls(LONG_S).answer(known(5)) == 5


async def test_a_call_in_a_task_of_its_own_shares_the_time_of_who_began_it() -> None:
    call_time.begin()
    task = asyncio.create_task(asyncio.sleep(0, call_time.begun_s(5.0)))
    assert await task == call_time.begun_s(9.0) == 5.0


async def test_the_end_tells_every_call_that_waits() -> None:
    it = calls()
    waiting = [asked(it, for_ever()) for _ in range(3)]
    await settle()
    await it.end()
    for task in waiting:
        with pytest.raises(BrokerStopping):
            await outcome(task)


async def test_after_the_end_nothing_is_waited_for() -> None:
    it = calls()
    await it.end()
    with pytest.raises(BrokerStopping):
        await it.answer(for_ever())


async def test_calls_that_can_be_answered_are_before_the_end() -> None:
    it = calls()
    news = asyncio.Event()

    async def wait() -> int:
        await news.wait()
        return 5

    waiting = asyncio.create_task(it.answer(wait()))
    await settle()
    finishing = asyncio.create_task(it.finish(LONG_S))
    await settle()
    assert not finishing.done()
    news.set()
    await outcome(finishing)
    await it.end()
    assert await outcome(waiting) == 5


async def test_nobody_is_waited_for_where_no_call_is_under_way() -> None:
    await asyncio.wait_for(calls().finish(LONG_S), 5)
