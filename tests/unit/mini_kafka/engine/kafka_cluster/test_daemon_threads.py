"""Blocking work on threads: bounded, not stopped by whoever goes, and nothing that a process waits for at its end."""

import asyncio
import threading

import pytest

from mini_kafka.core.errors import BrokerStopping
from mini_kafka.engine.kafka_cluster.daemon_threads import DaemonThreads

pytestmark = pytest.mark.anyio
TIMEOUT_S = 20.0


async def test_work_is_done_on_a_thread_that_a_process_does_not_wait_for() -> None:
    assert await DaemonThreads(1, "work").run(lambda: threading.current_thread().daemon)


async def test_a_thread_that_is_free_does_the_next_piece_and_one_more_is_started_only_where_none_is() -> None:
    threads, begun, may_end = DaemonThreads(3, "work"), threading.Event(), threading.Event()

    def block() -> bool:
        begun.set()
        return may_end.wait(TIMEOUT_S)

    one_after_another = {await threads.run(threading.get_ident) for _ in range(10)}
    blocked = asyncio.create_task(threads.run(block))
    assert await asyncio.to_thread(begun.wait, TIMEOUT_S)
    beside = {await threads.run(threading.get_ident) for _ in range(10)}
    may_end.set()
    assert await blocked
    assert (len(one_after_another), len(beside), one_after_another & beside) == (1, 1, set())


async def test_threads_end_with_their_last_piece_when_nothing_more_is_begun() -> None:
    threads, may_end = DaemonThreads(2, "work"), threading.Event()

    def work() -> threading.Thread:
        assert may_end.wait(TIMEOUT_S)
        return threading.current_thread()

    pieces = [asyncio.create_task(threads.run(work)) for _ in range(2)]
    await asyncio.sleep(0)
    threads.close()
    may_end.set()
    for thread in await asyncio.gather(*pieces):
        await asyncio.to_thread(thread.join, TIMEOUT_S)
        assert not thread.is_alive()


async def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await DaemonThreads(1, "work").run(work)


async def test_work_whose_caller_has_gone_keeps_its_thread_until_it_is_done() -> None:
    threads, may_end, ended = DaemonThreads(1, "work"), threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(TIMEOUT_S)
        ended.set()

    first = asyncio.create_task(threads.run(work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(threads.run(ended.is_set))
    await asyncio.sleep(0)
    may_end.set()

    assert await second


async def test_nothing_is_begun_after_the_end() -> None:
    threads = DaemonThreads(1, "work")
    threads.close()

    with pytest.raises(BrokerStopping):
        await threads.run(lambda: None)
