"""Shared consumption through the memory engine, whose clock a test moves by hand: one caller, one group, one topic."""

import asyncio

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.memory import MemoryEngine
from mini_kafka.engine.port import AcquiredRecord, Caller, GroupPartition
from tests.support import sharing
from tests.support.tasks import settle

ME = Caller("test")
LOCK_MS = 30_000
Acquiring = asyncio.Task[list[AcquiredRecord]]


async def produce(engine: MemoryEngine, count: int, topic: str = "orders", partition: int | None = None) -> None:
    """Produce records as one call, which is one batch."""
    await engine.produce(ME, topic, [NewRecord(b"x", partition=partition)] * count)


async def acquire(
    engine: MemoryEngine,
    *topics: str,
    group: str = "g",
    max_records: int = 20_000,
    wait_ms: int = 0,
    lock_ms: int = LOCK_MS,
    member: str | None = None,
) -> list[AcquiredRecord]:
    """Acquire records of one group, of `orders` unless told otherwise."""
    return await sharing.acquire(
        engine, ME, group, *(topics or ["orders"]),
        max_records=max_records, wait_ms=wait_ms, lock_ms=lock_ms, member=member,
    )  # fmt: skip


async def start_acquire(
    engine: MemoryEngine, *topics: str, wait_ms: int = 10_000, group: str = "g", member: str | None = None
) -> Acquiring:
    """Start a call that waits."""
    task = asyncio.create_task(acquire(engine, *topics, wait_ms=wait_ms, group=group, member=member))
    await settle()
    return task


async def place(engine: MemoryEngine, group: str = "g") -> GroupPartition:
    """Give where a group stands in its only partition."""
    [found] = (await engine.describe_group(ME, group)).partitions
    return found
