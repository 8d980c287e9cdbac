"""A load generator in a process of its own: N connections, each with one request under way at a time.

As light as Python allows (raw sockets on uvloop, the request's bytes made beforehand), so that the server is the
bottleneck. `python -m bench.load URL BODY_FILE CONNECTIONS REQUESTS` prints one JSON line.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

PATIENCE_S = 120
"""A run that takes longer has hung."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run measured: requests a second, and latency in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends its next request when it has the whole answer."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.received = b""
        self.started = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send the first request."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Send the next request, or close when all have been sent."""
        if self.run.left == 0:
            self.transport.close()
            return
        self.run.left -= 1
        self.started = time.perf_counter()
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        """Take an answer in; anything but 200 ends the run."""
        self.received += data
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length_at = self.received.index(b"content-length: ") + 16
        length = int(self.received[length_at : self.received.index(b"\r\n", length_at)])
        if len(self.received) < head_end + 4 + length:
            return
        if not self.received.startswith(b"HTTP/1.1 200"):
            self.run.done.set_exception(RuntimeError(self.received[:300].decode()))
            return
        self.run.latencies.append(time.perf_counter() - self.started)
        self.received = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count down; the last connection ends the run."""
        self.run.open -= 1
        if not self.run.done.done() and (exc or self.run.open == 0):
            self.run.done.set_result(None)


class Run:
    """One measurement: so many requests over so many connections."""

    def __init__(self, request: bytes, connections: int, requests: int) -> None:
        self.request = request
        self.left = requests
        self.open = connections
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def measure(self, host: str, port: int) -> Result:
        """Send everything and time it."""
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        for _ in range(self.open):
            await loop.create_connection(lambda: Connection(self), host, port)
        await self.done
        seconds = time.perf_counter() - started
        ordered = sorted(self.latencies)
        return Result(len(ordered) / seconds, ordered[len(ordered) // 2] * 1e3, ordered[len(ordered) * 99 // 100] * 1e3)


def post(url: str, body: bytes, *, connections: int, requests: int) -> Result:
    """Measure POSTs of one body to one URL, from a process of its own."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [sys.executable, "-m", "bench.load", url, file.name, str(connections), str(requests)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout
    return Result(**json.loads(answer))


def main(url: str, body_file: str, connections: str, requests: str) -> None:
    """Run as a command."""
    target = urlsplit(url)
    body = Path(body_file).read_bytes()
    head = f"POST {target.path} HTTP/1.1\r\nhost: {target.netloc}\r\ncontent-type: application/json\r\n"
    request = head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body

    async def measure() -> Result:
        assert target.hostname is not None
        assert target.port is not None
        return await Run(request, int(connections), int(requests)).measure(target.hostname, target.port)

    result = uvloop.run(measure())
    print(json.dumps({name: getattr(result, name) for name in Result.__slots__}))


if __name__ == "__main__":
    main(*sys.argv[1:])
