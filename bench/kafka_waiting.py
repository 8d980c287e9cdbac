"""1,000 connections whose consumers wait: what they cost a broker, and what another pair notices of them.

    python -m bench.kafka_waiting [--apache HOST:PORT]

Each connection sends a fetch of an empty topic and the next one when it is answered. Processor time is the broker's, in
percent of one core; latency is that of a pair on another topic, from produce to the answer of a fetch that waits.
"""

import argparse
import asyncio
import struct
import subprocess
import sys
import time
from statistics import median
from uuid import uuid4

from bench import kafka_raw
from bench.kafka_brokers import APACHE, OURS, Broker, brokers
from bench.load import PATIENCE_S

CONNECTIONS = 1000
SECONDS = 8
RECORDS = 200
ROUNDS = 3
CASES = ((OURS, 30_000), (OURS, 500), (APACHE, 30_000), (APACHE, 500))


class Waiting(asyncio.Protocol):
    """A consumer that waits for ever."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first fetch."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Send the next fetch when the answer is there; an empty one comes in one piece."""
        (size,) = struct.unpack_from(">i", data)
        if size != len(data) - 4:
            raise RuntimeError("an answer came in pieces")
        self._transport.write(self._request)


async def wait_for_ever(address: str, topic: str, max_wait_ms: int) -> None:
    """Open all connections, say so, and wait until the process is ended."""
    host, _, port = address.rpartition(":")
    request = kafka_raw.fetch_frame(topic, 1, max_wait_ms)
    for _ in range(CONNECTIONS):
        await asyncio.get_running_loop().create_connection(lambda: Waiting(request), host, int(port))
    print("waiting", flush=True)
    await asyncio.Event().wait()


def latency_ms(broker: Broker, topic: str) -> float:
    """Give the median time from a produce to the answer of a fetch that waited for it."""
    producer, consumer = kafka_raw.Wire(broker.address), kafka_raw.Wire(broker.address)
    record = kafka_raw.produce_frame(topic, [b"x" * 100])
    offset, times = kafka_raw.end_offset(consumer, topic), []
    for number in range(RECORDS):
        consumer.send(kafka_raw.fetch_frame(topic, offset + number, PATIENCE_S * 1000))
        time.sleep(0.002)  # so that it waits already
        began = time.perf_counter()
        producer.send(record)
        consumer.receive()
        times.append((time.perf_counter() - began) * 1e3)
        kafka_raw.check_produced(producer.receive(), topic)
    producer.close()
    consumer.close()
    return median(times)


def measure(broker: Broker, max_wait_ms: int) -> dict[str, float]:
    """Measure a broker alone, and with those who wait."""
    quiet, busy = (f"waiting-{name}-{uuid4().hex[:8]}" for name in ("quiet", "busy"))
    for topic in (quiet, busy):
        kafka_raw.create_topic(broker.address, topic)
    alone_ms = latency_ms(broker, busy)
    command = [sys.executable, "-m", "bench.kafka_waiting", "--wait", broker.address, quiet, str(max_wait_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(1)
        before = broker.process.cpu_seconds()
        time.sleep(SECONDS)
        cpu = (broker.process.cpu_seconds() - before) / SECONDS * 100
        return {"cpu_percent": cpu, "latency_alone_ms": alone_ms, "latency_beside_ms": latency_ms(broker, busy)}
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apache", metavar="HOST:PORT", help="an Apache Kafka that runs, to compare with")
    parser.add_argument("--wait", nargs=3, metavar=("HOST:PORT", "TOPIC", "MS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args([] if __name__ != "__main__" else None)
    if arguments.wait:
        address, topic, max_wait_ms = arguments.wait
        asyncio.run(wait_for_ever(address, topic, int(max_wait_ms)))
        return
    starts = brokers(arguments.apache)
    rows: dict[tuple[str, int], list[dict[str, float]]] = {case: [] for case in CASES if case[0] in starts}
    for number in range(ROUNDS):
        for name in sorted(starts, reverse=number % 2 == 1):
            with starts[name]() as broker:
                for case in rows:
                    if case[0] == name:
                        rows[case].append(measure(broker, case[1]))
    print(f"{CONNECTIONS} connections that wait, {SECONDS} s each, medians of {ROUNDS} rounds (aim: under 2 % at 30 s)")
    for (name, max_wait_ms), results in rows.items():
        cpu, alone, beside = (median(result[key] for result in results) for key in results[0])
        print(f"  {name:13} max wait {max_wait_ms:6,} ms   processor {cpu:5.1f} %   "
              f"produce to consume {alone:5.2f} ms alone, {beside:5.2f} ms beside them")  # fmt: skip


if __name__ == "__main__":
    main()
