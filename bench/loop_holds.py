"""How long the broker holds its event loop at a stretch: for each case the longest callback, in processor time.

While a callback runs, every other request waits. The design allows a few milliseconds. Processor time of the loop's
thread is measured, not the clock's, because on a busy machine the clock shows what other programs did. The broker's
parts run in this process, on asyncio's own loop, which can be watched. What Python's garbage collector does within a
callback counts too; `collected` is the longest of its runs. Work on a thread does not count: it shares the interpreter
with the loop, but for a single long call of compiled code, such as the parsing of one long string.

    python -m bench.loop_holds [WORD]

With a word, only the cases with it in their names are run.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from bench import kafka_holds
from mini_kafka.bootstrap import build_bounds, build_engine, load_app
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.clock import LoopClock, Timer
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import Caller, Release
from mini_kafka.http_api.access import AccessPolicy
from mini_kafka.http_api.gate import Gate
from mini_kafka.http_api.lock_text import write_locks
from mini_kafka.measures import Measures
from mini_kafka.settings import BrokerSettings

CALLER = Caller("bench")
TOPIC = "bench"
POLL_S = 0.001
PATIENCE_S = 60
"""A case that takes longer has hung."""
ROUNDS = 3
"""Noise only ever adds."""
JSON_HEADERS = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]


class HastyClock(LoopClock):
    """The machine's clock, whose timers of seconds go off at once: compaction begins without its usual wait."""

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """Wait for short times only."""
        return super().call_later(delay_ms if delay_ms < 1000 else 0, callback)


@dataclass
class Holds:
    """The longest callback since the last look, and the longest run of the garbage collector, in milliseconds."""

    longest_ms: float = 0.0
    collected_ms: float = 0.0
    callbacks: int = 0
    busy_ms: float = 0.0

    def install(self) -> None:
        """Watch every callback of asyncio's loops from now on."""
        run = asyncio.Handle._run
        collecting = 0.0

        def watched(handle: asyncio.Handle) -> None:
            started = time.thread_time()
            run(handle)
            taken = (time.thread_time() - started) * 1e3
            self.callbacks += 1
            self.busy_ms += taken
            self.longest_ms = max(self.longest_ms, taken)

        def collected(phase: str, info: dict[str, int]) -> None:
            nonlocal collecting
            del info
            if phase == "start":
                collecting = time.thread_time()
            else:
                self.collected_ms = max(self.collected_ms, (time.thread_time() - collecting) * 1e3)

        asyncio.Handle._run = watched  # type: ignore[method-assign, assignment]  # there is no public way to watch
        gc.callbacks.append(collected)

    async def reset(self) -> None:
        """Begin anew with the next callback: what prepared the case is not to count."""
        await asyncio.sleep(0)
        self.longest_ms = self.collected_ms = self.busy_ms = 0.0
        self.callbacks = 0


@dataclass(frozen=True, slots=True)
class Broker:
    """The parts of a broker that a case uses, and what watches the loop."""

    engine: MemoryLogEngine
    gate: Gate
    holds: Holds

    async def ask(self, method: str, path: str, body: bytes = b"", query: bytes = b"") -> int:
        """Send one request through the gate, and give the status of its answer."""
        status = 0

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query, "root_path": "", "scheme": "http", "headers": JSON_HEADERS,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "extensions": {},
        }  # fmt: skip
        await self.gate(scope, receive, send)
        return status

    async def fill(self, count: int, at_once: int, keys: int = 0) -> None:
        """Append records, so many at a time, with keys in turn if there are some."""
        for first in range(0, count, at_once):
            records = [
                NewRecord(b"x" * 100, b"%d" % (number % keys) if keys else None)
                for number in range(first, first + at_once)
            ]
            await self.engine.produce(CALLER, TOPIC, records, create=True)
            await asyncio.sleep(0)


async def compaction(broker: Broker, at_once: int) -> None:
    """Compact 200,000 records of 50,000 keys."""
    configs = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
    await broker.engine.create_topic(CALLER, TOPIC, configs=configs)
    await broker.fill(200_000, at_once, keys=50_000)
    await broker.holds.reset()
    while (await broker.engine.describe_topic(CALLER, TOPIC)).record_count > 60_000:
        await asyncio.sleep(POLL_S)


async def sharing(broker: Broker) -> None:
    """Acquire 10,000 records, give every second one back, acquire those again, and accept the rest."""
    await broker.fill(10_000, 500)
    await broker.holds.reset()
    acquired = await broker.engine.acquire(CALLER, "group", [TOPIC], max_records=10_000)
    await asyncio.sleep(0)  # each call is a request of its own
    release = [Release(record.lock) for record in acquired[::2]]
    await asyncio.sleep(0)
    await broker.engine.acknowledge(CALLER, "group", release=release)
    await asyncio.sleep(0)
    await broker.engine.acquire(CALLER, "group", [TOPIC], max_records=10_000)
    await asyncio.sleep(0)
    accept = [record.lock for record in acquired[1::2]]
    await asyncio.sleep(0)
    await broker.engine.acknowledge(CALLER, "group", accept=accept)


async def herd(broker: Broker) -> None:
    """Wake 1,000 waiting acquire calls with one record."""
    await broker.fill(1, 1)
    acquired = await broker.engine.acquire(CALLER, "group", [TOPIC], max_records=1)
    await broker.engine.acknowledge(CALLER, "group", accept=[acquired[0].lock])
    acquiring = [
        asyncio.create_task(broker.engine.acquire(CALLER, "group", [TOPIC], max_records=1, wait_ms=20_000))
        for _ in range(1000)
    ]
    while broker.engine.waiting < len(acquiring):
        await asyncio.sleep(POLL_S)
    await broker.holds.reset()
    await broker.fill(1, 1)
    while broker.engine.waiting < len(acquiring) - 1:
        await asyncio.sleep(POLL_S)
    for task in acquiring:
        task.cancel()
    await asyncio.gather(*acquiring, return_exceptions=True)


async def stats(broker: Broker) -> None:
    """Ask for /stats with 20,000 consumers."""
    await broker.fill(1, 1)
    for number in range(20_000):
        await broker.engine.register_consumer(CALLER, f"consumer-{number}", TOPIC)
    await broker.holds.reset()
    await broker.ask("GET", "/stats")


async def one_long_string(broker: Broker) -> None:
    """Produce a body of 8 MiB that is one string of escapes; it is refused, after it was parsed."""
    await broker.fill(1, 1)
    body = json.dumps({"topic": TOPIC, "value": "é" * (8 * 1024**2 // 6 - 20)}).encode()
    await broker.holds.reset()
    await broker.ask("POST", "/produce", body)


async def large_fetch(broker: Broker) -> None:
    """Fetch 10,000 records as JSON."""
    await broker.fill(10_000, 500)
    await broker.holds.reset()
    await broker.ask("GET", f"/v1/topics/{TOPIC}/records", query=b"max_records=10000&max_bytes=8000000")


async def many_locks(broker: Broker) -> None:
    """Acknowledge a body of 8 MiB of words that are no locks of anybody."""
    await broker.fill(1, 1)
    [acquired] = await broker.engine.acquire(CALLER, "group", [TOPIC], max_records=1)
    locks = write_locks(acquired.lock._replace(offset=7 + 2 * number) for number in range(110_000))
    body = json.dumps({"accept": locks}).encode()
    await broker.holds.reset()
    await broker.ask("POST", "/v1/groups/group/acknowledge", body)


async def wide_topic(broker: Broker) -> None:
    """Show a topic of 10,000 partitions, move a group in each of them, and show the group."""
    await broker.engine.create_topic(CALLER, TOPIC, partitions=10_000)
    body = json.dumps({"offsets": [{"topic": TOPIC, "to": "latest"}]}).encode()
    await broker.holds.reset()
    for method, path, sent in (
        ("GET", f"/v1/topics/{TOPIC}", b""),
        ("PUT", "/v1/groups/group/offsets", body),
        ("GET", "/v1/groups/group", b""),
    ):
        assert await broker.ask(method, path, sent) == 200
        await asyncio.sleep(0)  # each call is a request of its own


def kafka_case(make: Callable[[], bytes], *, is_wide: bool) -> Callable[[Broker], Awaitable[None]]:
    """Send one long request of a Kafka client."""

    async def case(broker: Broker) -> None:
        await kafka_holds.prepare(broker.engine, is_wide=is_wide)
        request = make()
        await broker.holds.reset()
        await kafka_holds.ask(broker.engine, request)

    return case


CASES: dict[str, Callable[[Broker], Awaitable[None]]] = {
    "compacting 200,000 records, a batch each": lambda broker: compaction(broker, 1),
    "compacting 200,000 records, 500 a batch": lambda broker: compaction(broker, 500),
    "10,000 locks: acquire, release, accept": sharing,
    "one record for 1,000 waiting acquire calls": herd,
    "/stats with 20,000 consumers": stats,
    "a fetch of 10,000 records": large_fetch,
    "8 MiB of escapes to /produce": one_long_string,
    "8 MiB of unknown locks to acknowledge": many_locks,
    "10,000 partitions: show, move, show a group": wide_topic,
    **{name: kafka_case(make, is_wide=is_wide) for name, (make, is_wide) in kafka_holds.REQUESTS.items()},
}


async def measure(name: str, holds: Holds) -> Holds:
    """Run a case with a broker of its own."""
    settings = BrokerSettings(memory_limit=1024**3, max_groups=50_000, share_max_in_flight=20_000)
    engine = build_engine(settings, HastyClock() if "compacting" in name else None)
    bounds = build_bounds(settings)
    gate = Gate(engine, AccessPolicy(()), bounds)
    await load_app(gate, engine, bounds, Measures([gate.traffic]))
    async with asyncio.timeout(PATIENCE_S):
        await CASES[name](Broker(engine, gate, holds))
    measured = replace(holds)
    await engine.close()
    return measured


def main() -> None:
    """Run and print."""
    word = sys.argv[1] if __name__ == "__main__" and len(sys.argv) > 1 else ""
    holds = Holds()
    holds.install()
    print(
        f"{f'ms of processor time, best of {ROUNDS}':45}{'longest':>9}{'collected':>11}{'in all':>11}{'callbacks':>11}"
    )
    for name in filter(lambda name: word in name, CASES):
        best = min((asyncio.run(measure(name, holds)) for _ in range(ROUNDS)), key=lambda one: one.longest_ms)
        print(f"{name:45}{best.longest_ms:9.1f}{best.collected_ms:11.1f}{best.busy_ms:11.1f}{best.callbacks:11,}")


if __name__ == "__main__":
    main()
