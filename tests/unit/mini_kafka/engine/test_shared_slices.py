"""Acknowledging many records of a shared group: in slices, between which others have their turn."""

import asyncio

import pytest

from mini_kafka.engine.acknowledging import LOCKS_PER_SLICE
from mini_kafka.engine.memory import MemoryEngine
from mini_kafka.engine.port import Release, runs
from tests.support.memory_sharing import ME, acquire, produce
from tests.support.sharing import locks

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _orders(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")


async def test_many_locks_are_acknowledged_bit_by_bit(engine: MemoryEngine) -> None:
    await produce(engine, 4 * LOCKS_PER_SLICE)
    held = locks(await acquire(engine))
    half = 2 * LOCKS_PER_SLICE
    release = [Release(lock, delay_ms=number) for number, lock in enumerate(held[half:])]
    task = asyncio.create_task(engine.acknowledge(ME, "g", accept=held[:half], release=release))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 4
    assert (task.result().accepted, task.result().released) == (half, half)


async def test_a_run_of_many_records_is_acknowledged_bit_by_bit(engine: MemoryEngine) -> None:
    await produce(engine, 4 * LOCKS_PER_SLICE)
    [run] = runs(locks(await acquire(engine)))
    task = asyncio.create_task(engine.acknowledge(ME, "g", accept=[run]))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 4
    assert (task.result().accepted, task.result().late) == (run.records, ())
