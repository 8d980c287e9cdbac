"""One worker as a process: `python -m tests.checker.live_worker ROLE[:WHAT] NAME ADDRESS SEED` prints its journal.

ADDRESS is the HTTP API's, or those of gateways (`NAME=HOST:PORT,…`), and for the roles `kafka-…` where Kafka clients
find the broker.

It works until it is killed, or whoever started it is gone. A line of the journal is written at once, before the request
that it announces is sent.
"""

import os
import sys
import time
from random import Random
from typing import Protocol

from tests.checker.gateways import Gateways, connect
from tests.checker.http_clients import Connection
from tests.checker.http_consumer import Consumer
from tests.checker.http_member import Member
from tests.checker.http_producer import Producer
from tests.checker.http_reader import Follower, Reader
from tests.checker.http_world import World
from tests.checker.journal import Journal
from tests.checker.kafka_workers import KafkaMember, KafkaProducer, KafkaReader
from tests.checker.python_kafka_workers import AIOKAFKA, KAFKA_PYTHON, PythonMember, PythonProducer

MOST_REST_MS = 40
"""How long a producer rests at most between two requests: eight of them do not keep the broker from answering."""


class Worker(Protocol):
    """What works in steps."""

    def step(self) -> object:
        """Do the next thing."""


def write_line(line: str) -> None:
    """Write a line of the journal to standard output."""
    os.write(1, line.encode() + b"\n")


def sleep_ms(ms: float) -> None:
    """Let time pass."""
    time.sleep(ms / 1000)


def main(role: str, name: str, address: str, seed: str) -> None:
    """Work as long as there is somebody to work for."""
    parent = os.getppid()

    def rest(ms: float) -> None:
        if os.getppid() != parent:
            sys.exit()
        sleep_ms(ms)

    rng = Random(seed)
    connection = connect(address, rng)
    journal = Journal(name, time.monotonic_ns, write_line)
    numbers_requests = not isinstance(connection, Gateways)
    world = World(rng, connection.ask, journal, rest, wait_ms=200, numbers_requests=numbers_requests)
    kind, _, what = role.partition(":")
    is_kafka = kind.startswith("kafka")
    worker = kafka_worker(world, address, kind, what) if is_kafka else http_worker(world, connection, kind, what)
    while True:
        worker.step()
        rest(rng.random() * MOST_REST_MS if kind.endswith("producer") else 0)


def http_worker(world: World, connection: Connection | Gateways, kind: str, topic: str) -> Worker:
    """Make a worker of the HTTP API."""
    if kind == "producer":
        return Producer(world)
    if kind == "member":
        return Member(world)
    if kind == "consumer":
        return Consumer(world, topic)
    return Follower(world, topic, connection.lines) if kind == "follower" else Reader(world, topic)


def kafka_worker(world: World, address: str, kind: str, what: str) -> Worker:
    """Make a worker that is a Kafka client: `what` is its library, where that is not librdkafka."""
    if what in {AIOKAFKA, KAFKA_PYTHON}:
        of_library: type[PythonProducer | PythonMember] = PythonProducer if kind == "kafka-producer" else PythonMember
        return of_library(world, address, what)
    if kind == "kafka-producer":
        return KafkaProducer(world, address, idempotent=what == "idempotent")
    return KafkaReader(world, address) if kind == "kafka-reader" else KafkaMember(world, address)


if __name__ == "__main__":
    main(*sys.argv[1:])
