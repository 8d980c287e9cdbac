"""What acquiring a record and accepting it costs, by how many records of the group are in flight already.

Processor time of the engine's two calls, without HTTP; the aim is that 10,000 in flight cost no more a call than 10.

    python -m bench.in_flight
"""

import asyncio
import time
from statistics import median

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import AcquiredRecord, Caller

CALLER = Caller("bench")
CALLS = 500
ROUNDS = 5
IN_FLIGHT = (10, 100, 1_000, 10_000)


async def measure(in_flight: int) -> float:
    """Give microseconds for an acquire of one record and its accept, with every second record before it in flight."""
    engine = MemoryEngine(EngineConfig(memory_limit=1024**3, share_max_in_flight=20_000))
    await engine.create_topic(CALLER, "bench")
    for _ in range(2 * in_flight + CALLS):
        await engine.produce(CALLER, "bench", [NewRecord(b"x" * 100)])
    held: list[AcquiredRecord] = []
    while len(held) < 2 * in_flight:
        held += await engine.acquire(CALLER, "group", ["bench"], max_records=min(500, 2 * in_flight - len(held)))
    await engine.acknowledge(CALLER, "group", accept=[record.lock for record in held[1::2]])
    started = time.process_time()
    for _ in range(CALLS):
        [record] = await engine.acquire(CALLER, "group", ["bench"], max_records=1)
        await engine.acknowledge(CALLER, "group", accept=[record.lock])
    return (time.process_time() - started) / CALLS * 1e6


def main() -> None:
    """Run and print."""
    print(f"processor time for acquire and accept of one record, medians of {ROUNDS} rounds of {CALLS}")
    for in_flight in IN_FLIGHT:
        taken = median(asyncio.run(measure(in_flight)) for _ in range(ROUNDS))
        print(f"  {in_flight:6,} in flight {taken:6.0f} us")


if __name__ == "__main__":
    main()
