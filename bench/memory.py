"""How much RAM a full log takes, over the limit that it was given: the truth behind `BATCH_OVERHEAD_BYTES`.

Each case fills a memory engine in a process of its own with batches of one record, the dearest there are, and
compares what the process grew by with MINI_KAFKA_MEMORY_LIMIT. The broker promises at most 1.3 times the limit.
It measures the log alone: no HTTP, and no consumer.

    python -m bench.memory
"""

import asyncio
import gc
import resource
import sys
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

from mini_kafka.core.errors import MemoryLimitReached
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller

MIB = 1024**2
PROMISED_RATIO = 1.3
CALLER = Caller("bench")


@dataclass(frozen=True, slots=True)
class Case:
    """One way to fill an engine: with values of these sizes in turn, until it refuses or `batches` are produced."""

    name: str
    value_bytes: tuple[int, ...]
    limit: int = 256 * MIB
    partitions: int = 1
    batches: int | None = None
    retention_bytes: int = -1


@dataclass(frozen=True, slots=True)
class Filled:
    """What one case came to, in bytes; `accounted` is what the engine itself counts."""

    case: Case
    produced: int
    accounted: int
    grown: int

    @property
    def ratio(self) -> float:
        """The growth of the process over the limit."""
        return self.grown / self.case.limit


CASES = (
    Case("1 byte", (1,)),
    Case("100 bytes", (100,)),
    Case("100 bytes, a million", (100,), limit=1_000_000 * 250),
    Case("10 KB", (10_000,)),
    Case("100 bytes, 1,000 partitions", (100,), partitions=1_000),
    Case("100 bytes, old ones dropped", (100,), 64 * MIB, batches=700_000, retention_bytes=40 * MIB),
    Case("mixed sizes, old ones dropped", (1, 10, 100, 1_000, 10_000), 64 * MIB, batches=100_000,
         retention_bytes=60 * MIB),
)  # fmt: skip


def resident_bytes() -> int:
    """Give the memory of this process that is in RAM now; without Linux's /proc, the most that ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def fill(case: Case) -> Filled:
    """Fill an engine as the case says, and measure by how much this process grows."""
    return asyncio.run(_fill(case))


async def _fill(case: Case) -> Filled:
    engine = MemoryEngine(EngineConfig(memory_limit=case.limit))
    configs = {"retention.bytes": str(case.retention_bytes)}
    await engine.create_topic(CALLER, "filled", partitions=case.partitions, configs=configs)
    values = [bytes(size) for size in case.value_bytes]
    await engine.produce(CALLER, "filled", [NewRecord(values[0])])
    gc.collect()
    before, produced = resident_bytes(), 0
    try:
        for value in cycle(values):
            if produced == case.batches:
                break
            await engine.produce(CALLER, "filled", [NewRecord(value)])
            produced += 1
    except MemoryLimitReached:
        pass  # this is the state to measure
    gc.collect()
    return Filled(case, produced, engine.memory_used, resident_bytes() - before)


def main() -> int:
    """Run every case, print what it came to, and fail if one passes the promise."""
    print(f"{'one-record batches of':32}{'produced':>10}{'accounted':>11}{'grown':>9}{'limit':>9}{'grown/limit':>13}")
    ratios = []
    with get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        for filled in processes.imap(fill, CASES):
            ratios.append(filled.ratio)
            print(
                f"{filled.case.name:32}{filled.produced:>10,}{filled.accounted / MIB:>7.0f} MiB"
                f"{filled.grown / MIB:>5.0f} MiB{filled.case.limit / MIB:>5.0f} MiB{filled.ratio:>13.2f}"
            )
    worst = max(ratios)
    print(f"the worst is {worst:.2f} times the limit; promised are at most {PROMISED_RATIO}")
    return 0 if worst <= PROMISED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
