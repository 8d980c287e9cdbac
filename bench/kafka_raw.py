"""A Kafka client of a few lines on a bare socket: it costs next to nothing, so what it measures is the broker.

`measure` sends one-record Produce requests with acks=all, one after the other; `echo` is the floor to compare with, a
server on a bare asyncio loop that sends back what it gets.
"""

import asyncio
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mini_kafka.core.record_batch import NewRecord, build_batches

PRODUCE, FETCH, METADATA = 0, 1, 3
PRODUCE_VERSION, FETCH_VERSION, METADATA_VERSION = 7, 11, 4
CLIENT_ID = b"bench"
PATIENCE_S = 60
POLL_S = 0.01
WARM_UP = 200
PARTITION = 0
MAX_BYTES = 16 * 1024 * 1024


def frame(key: int, version: int, body: bytes) -> bytes:
    """Put a header and a size in front of a request's body; the correlation id is always 0."""
    content = struct.pack(">hhih", key, version, 0, len(CLIENT_ID)) + CLIENT_ID + body
    return struct.pack(">i", len(content)) + content


def produce_frame(topic: str, values: list[bytes]) -> bytes:
    """Write a Produce request, acks=all, with one batch."""
    (batch,) = build_batches([NewRecord(value) for value in values], now_ms=time.time_ns() // 10**6, max_bytes=2**30)
    name = topic.encode()
    head = struct.pack(">hhiih", -1, -1, 10_000, 1, len(name))
    return frame(PRODUCE, PRODUCE_VERSION, head + name + struct.pack(">iii", 1, PARTITION, len(batch)) + bytes(batch))


def fetch_frame(topic: str, offset: int, max_wait_ms: int, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Write a Fetch request without a session, for one partition."""
    name = topic.encode()
    head = struct.pack(">iiiibiiih", -1, max_wait_ms, 1, max_bytes, 0, 0, -1, 1, len(name))
    part = struct.pack(">iiiqqi", 1, PARTITION, -1, offset, -1, max_bytes)
    return frame(FETCH, FETCH_VERSION, head + name + part + struct.pack(">ih", 0, 0))


class Wire:
    """One connection that waits for each answer."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(MAX_BYTES + 2**16))

    def ask(self, request: bytes) -> memoryview:
        """Send a request, and give its answer after size and correlation id, until the next call."""
        self._socket.sendall(request)
        return self.receive()

    def send(self, request: bytes) -> None:
        """Send without waiting."""
        self._socket.sendall(request)

    def receive(self) -> memoryview:
        """Wait for the next answer."""
        self._fill(0, 4)
        (size,) = struct.unpack_from(">i", self._buffer)
        self._fill(4, 4 + size)
        return self._buffer[8 : 4 + size]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _fill(self, start: int, end: int) -> None:
        while start < end:
            count = self._socket.recv_into(self._buffer[start:end])
            if not count:
                raise ConnectionError("the broker has hung up")
            start += count


def create_topic(address: str, topic: str) -> None:
    """Ask for a topic by its name until a first record can be produced to it."""
    wire, name = Wire(address), topic.encode()
    first = produce_frame(topic, [b"first"])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        wire.ask(frame(METADATA, METADATA_VERSION, struct.pack(">ih", 1, len(name)) + name + b"\1"))
        code = produced_code(wire.ask(first), topic)
        if not code:
            wire.close()
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"topic {topic!r} still gives error {code}")
        time.sleep(POLL_S)


def produced_code(answer: memoryview, topic: str) -> int:
    """Give the error code of a Produce answer."""
    return int(struct.unpack_from(">h", answer, 4 + 2 + len(topic.encode()) + 4 + 4)[0])


def check_produced(answer: memoryview, topic: str) -> None:
    """Refuse an answer that says anything but that the records were appended."""
    if code := produced_code(answer, topic):
        raise RuntimeError(f"produce was answered with error {code}")


def one_by_one(address: str, request: bytes, topic: str | None, count: int) -> list[float]:
    """Send one request so many times, each when the one before is answered, and give the times in ms, in order."""
    wire = Wire(address)
    times = []
    for number in range(count + WARM_UP):
        began = time.perf_counter()
        answer = wire.ask(request)
        if number >= WARM_UP:
            times.append((time.perf_counter() - began) * 1e3)
        if topic is not None:
            check_produced(answer, topic)
    wire.close()
    return sorted(times)


def end_offset(wire: Wire, topic: str) -> int:
    """Give the offset after a topic's last record, by a fetch of the first."""
    answer = wire.ask(fetch_frame(topic, 0, 0, max_bytes=1))
    return int(struct.unpack_from(">q", answer, 4 + 2 + 4 + 4 + 2 + len(topic.encode()) + 4 + 4 + 2)[0])


def fetched_bytes(address: str, topic: str) -> int:
    """Read a topic from its start to its end, and count the bytes of batches."""
    wire, offset, total = Wire(address), 0, 0
    batches_at = 4 + 2 + 4 + 4 + 2 + len(topic.encode()) + 4 + struct.calcsize(">ihqqq") + 4 + 4
    while True:
        answer = wire.ask(fetch_frame(topic, offset, 0))
        (size,) = struct.unpack_from(">i", answer, batches_at)
        if size <= 0:
            wire.close()
            return total
        total += size
        at, end = batches_at + 4, batches_at + 4 + size
        while at + 61 <= end:
            base, length = struct.unpack_from(">qi", answer, at)
            (delta,) = struct.unpack_from(">i", answer, at + 23)
            if at + 12 + length > end:
                break  # Kafka cuts the last batch
            at, offset = at + 12 + length, base + delta + 1


@contextmanager
def echo() -> Iterator[str]:
    """Run the bare echo in a process of its own, and give its address."""
    process = subprocess.Popen([sys.executable, "-m", "bench.kafka_raw"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self._transport.write(data)


async def serve_echo() -> None:
    """Echo until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve_echo())
