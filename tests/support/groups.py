"""Shared consumption through an engine, as most tests want it."""

from collections.abc import Sequence

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import AcquiredRecord, Caller, Engine, RecordLock

WAIT_MS = 20_000


async def produce(engine: Engine, caller: Caller, topic: str, *values: bytes) -> None:
    """Produce values as one call."""
    await engine.produce(caller, topic, [NewRecord(value) for value in values])


async def acquire(
    engine: Engine,
    caller: Caller,
    group: str,
    *topics: str,
    max_records: int = 100,
    wait_ms: int = WAIT_MS,
    member: str | None = None,
) -> list[AcquiredRecord]:
    """Acquire records, waiting for the first."""
    return list(await engine.acquire(caller, group, topics, max_records=max_records, wait_ms=wait_ms, member=member))


def offsets(acquired: Sequence[AcquiredRecord]) -> list[int]:
    """Give the offsets of acquired records."""
    return [one.record.offset for one in acquired]


def locks(acquired: Sequence[AcquiredRecord]) -> list[RecordLock]:
    """Give the locks of acquired records."""
    return [one.lock for one in acquired]
