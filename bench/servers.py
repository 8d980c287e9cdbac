"""The servers to measure, each a process of its own on a free port."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str
    pid: int

    def post(self, path: str, body: dict[str, object]) -> None:
        """Ask it for something before the measurement."""
        requests.post(self.url + path, json=body, timeout=10).raise_for_status()

    def resident_mib(self) -> float:
        """Give its resident memory, in MiB."""
        return self._status_mib("VmRSS:")

    def peak_mib(self) -> float:
        """Give the most resident memory that it ever had, in MiB."""
        return self._status_mib("VmHWM:")

    def _status_mib(self, field: str) -> float:
        return int(Path(f"/proc/{self.pid}/status").read_text().partition(field)[2].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """Give the processor time that it has used, which other programs on the machine disturb least."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # user and system time, proc(5)


@contextmanager
def mini_kafka(*flags: str) -> Iterator[Server]:
    """Run the broker."""
    ports = ("--http-port", "0", "--kafka-port", "0")
    with _running([sys.executable, "-m", "mini_kafka", *ports, "--log-level", "warning", *flags]) as it:
        yield it


@contextmanager
def gateway(address: str, *flags: str) -> Iterator[Server]:
    """Run the broker as a gateway to the Kafka cluster at an address."""
    ports = ("--http-port", "0", "--engine", "kafka", "--bootstrap-servers", address)
    with _running([sys.executable, "-m", "mini_kafka", *ports, "--log-level", "warning", *flags]) as it:
        yield it


@contextmanager
def plain_app() -> Iterator[Server]:
    """Run the peer, on the same server, loop and parser."""
    with _plain("bench.plain_app") as it:
        yield it


@contextmanager
def plain_kafka_app(address: str) -> Iterator[Server]:
    """Run the peer of a gateway in the same way."""
    with _plain("bench.plain_kafka_app", PLAIN_KAFKA_ADDRESS=address) as it:
        yield it


@contextmanager
def _plain(module: str, **environment: str) -> Iterator[Server]:
    code = (
        f"import socket, uvicorn; from {module} import app;"
        "s = socket.create_server(('127.0.0.1', 0));"
        "print('listening http=127.0.0.1:%d' % s.getsockname()[1], flush=True);"
        "uvicorn.Server(uvicorn.Config(app, loop='uvloop', http='httptools', access_log=False,"
        " log_level='warning')).run([s])"
    )
    with _running([sys.executable, "-c", code], {**os.environ, **environment}) as it:
        yield it


def has_redis() -> bool:
    """Tell whether this machine has a Redis to compare with."""
    return shutil.which("redis-server") is not None


@contextmanager
def redis_server() -> Iterator[Server]:
    """Run Redis without persistence: RAM alone, as the others."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
                   "--dir", folder]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_until_open(port)
            yield Server(f"redis://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _running(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = "http://" + process.stdout.readline().strip().partition("http=")[2].split()[0]
        wait_until_ok(url + "/readyz")
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_until_ok(url: str, seconds: float = 30) -> None:
    """Poll until the URL answers 200."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(url)
        time.sleep(POLL_S)


def wait_until_open(port: int, seconds: float = 30) -> None:
    """Poll until somebody listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
        else:
            return
