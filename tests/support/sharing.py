"""Shared consumption in tests: produce, acquire and look at what came, without ceremony."""

from collections.abc import Sequence

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import LOCK_MS, AcquiredRecord, Caller, Engine, RecordLock

WAIT_MS = 20_000
"""Longer than any engine needs."""


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
    lock_ms: int = LOCK_MS,
    member: str | None = None,
) -> list[AcquiredRecord]:
    """Acquire records, and wait for the first one."""
    return list(
        await engine.acquire(
            caller, group, topics, max_records=max_records, wait_ms=wait_ms, lock_ms=lock_ms, member=member
        )
    )


def offsets(acquired: Sequence[AcquiredRecord]) -> list[int]:
    """Give the records' offsets."""
    return [one.record.offset for one in acquired]


def locks(acquired: Sequence[AcquiredRecord]) -> list[RecordLock]:
    """Give the records' locks."""
    return [one.lock for one in acquired]


def deliveries(acquired: Sequence[AcquiredRecord]) -> list[tuple[int, int]]:
    """Give each record's offset and its delivery count."""
    return [(one.record.offset, one.delivery_count) for one in acquired]
