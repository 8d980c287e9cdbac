"""One worker as a process: `python -m tests.checker.live_worker ROLE[:TOPIC] NAME ADDRESS SEED` prints its journal.

ADDRESS is the HTTP API's, and for the roles `kafka-…` where Kafka clients find the broker.

It works until it is killed, or whoever started it is gone. A line of the journal is written at once, before the request
that it announces is sent.
"""

import os
import sys
import time
from random import Random

from tests.checker.http_clients import Connection
from tests.checker.http_member import Member
from tests.checker.http_producer import Producer
from tests.checker.http_reader import Follower, Reader
from tests.checker.http_world import World
from tests.checker.journal import Journal
from tests.checker.kafka_workers import KafkaMember, KafkaProducer, KafkaReader

MOST_REST_MS = 40
"""How long a producer rests at most between two requests: eight of them do not keep the broker from answering."""


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
    connection = Connection(address, rng)
    world = World(rng, connection.ask, Journal(name, time.monotonic_ns, write_line), rest, wait_ms=200)
    kind, _, topic = role.partition(":")
    worker: Producer | Reader | Member | KafkaProducer | KafkaReader | KafkaMember
    if kind == "kafka-producer":
        worker = KafkaProducer(world, address, idempotent=topic == "idempotent")
    elif kind == "kafka-reader":
        worker = KafkaReader(world, address)
    elif kind == "kafka-member":
        worker = KafkaMember(world, address)
    elif kind == "producer":
        worker = Producer(world)
    elif kind == "member":
        worker = Member(world)
    elif kind == "follower":
        worker = Follower(world, topic, connection.lines)
    else:
        worker = Reader(world, topic)
    while True:
        worker.step()
        rest(rng.random() * MOST_REST_MS if kind.endswith("producer") else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
