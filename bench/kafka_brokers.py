"""The brokers that Kafka clients are measured against: this one, and Apache Kafka where the environment names one.

`APACHE_KAFKA` is a command that begins a one-node broker on 127.0.0.1 with `start PORT`, and ends it with `stop PORT`.
"""

import os
import shlex
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.kafka_raw import frame
from bench.servers import Server

POLL_S = 0.005
PATIENCE_S = 120
LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
OURS, APACHE = "mini-kafka", "apache-kafka"


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker: where clients find it, its process, and what came before its first answer."""

    address: str
    process: Server
    started_s: float = 0.0
    idle_mib: float = 0.0


Start = Callable[[], AbstractContextManager[Broker]]


@contextmanager
def mini_kafka() -> Iterator[Broker]:
    """Run this broker on a free port."""
    port = _free_port()
    command = [sys.executable, "-m", "mini_kafka", "--http-port", "0", "--kafka-port", str(port),
               "--memory-limit", "3GiB", "--log-level", "warning"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield _first_answer(port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def apache_kafka(command: str) -> Iterator[Broker]:
    """Run Apache Kafka by a command that knows `start PORT` and `stop PORT`."""
    port = _free_port()
    starting = subprocess.Popen([*shlex.split(command), "start", str(port)], stdout=subprocess.DEVNULL)
    try:
        broker = _first_answer(port)
        starting.wait()
        yield broker
    finally:
        subprocess.run([*shlex.split(command), "stop", str(port)], check=True)


@contextmanager
def running(address: str) -> Iterator[Broker]:
    """Use a broker that runs already; neither its start nor its memory at rest can be measured."""
    yield Broker(address, Server("", _listener(int(address.rpartition(":")[2]))))


def brokers(address: str | None) -> dict[str, Start]:
    """Give what to measure: this broker, and Apache Kafka at an address, or by the command of the environment."""
    found: dict[str, Start] = {OURS: mini_kafka}
    command = os.environ.get("APACHE_KAFKA")
    if address:
        found[APACHE] = lambda: running(address)
    elif command:
        found[APACHE] = lambda: apache_kafka(command)
    else:
        print("the comparison with Apache Kafka is left out: APACHE_KAFKA names no command that starts one")
    return found


def _free_port() -> int:
    """Find a port that is free, and the next one too: Apache Kafka's controller takes it."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free, socket.socket() as following:
            port = int(free.getsockname()[1])
            try:
                following.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _first_answer(port: int) -> Broker:
    """Wait until ApiVersions is answered; the time counts from the start of the process that answers."""
    request = frame(18, 0, b"")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(request)
                if len(connection.recv(4)) == struct.calcsize(">i"):
                    break
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    process = Server("", _listener(port))
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]  # starttime, proc(5)
    started_s = now_s - int(ticks) / os.sysconf("SC_CLK_TCK")
    time.sleep(2)  # what it still does after its first answer belongs to its memory at rest
    return Broker(f"127.0.0.1:{port}", process, started_s, process.resident_mib())


def _listener(port: int) -> int:
    """Find the process that listens on a port."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
        except OSError:
            continue
    raise RuntimeError(f"nobody listens on port {port}")
