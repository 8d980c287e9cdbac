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
