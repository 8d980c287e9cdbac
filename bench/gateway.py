"""One gateway against the same work done by confluent-kafka directly: `python -m bench.gateway [--apache HOST:PORT]`.

All work on one Kafka, in turn and with topics of their own, and wait for each answer: batches of 500 records of 100
bytes in, the same stream out again from its start, and single records. Who reads has connections, and nothing fetched
ahead: the clock starts before the first record is asked for, and then librdkafka and aiokafka may fetch ahead as they
do. Beside them stands the common way of putting HTTP before Kafka, FastAPI over aiokafka; Confluent's and Strimzi's
bridges are Java programs, and Karapace is not on PyPI. The figures are medians of the rounds, the ratios medians of
each round's ratio; processor time of client and server shows what a noisy machine hides. The last line is what the
capacity plan in docs/scaling.md reckons with.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median
from typing import Protocol
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bench.batch_clients import Ask, with_http_client
from bench.kafka_brokers import APACHE, brokers
from bench.servers import Server, gateway, plain_kafka_app

BATCH = 500
BATCHES = 100
SINGLES = 300
WARM_UP = 5
ROUNDS = 5
VALUES = [f"{number:06}" + "x" * 94 for number in range(BATCH)]
PATIENCE_S = 20
AIM_TIMES = 2.0
"""Batches take no more than so many times as long as by the direct client."""
AIM_MS = 2.0
"""The 99th percentile of single records is no more than this above the direct client's."""


class Client(Protocol):
    """A program that works on a topic of one partition."""

    def produce(self, values: Sequence[str]) -> None:
        """Append values, and wait until they are."""

    def rewind(self) -> None:
        """Begin anew at the topic's start, with nothing fetched ahead."""

    def fetch(self, count: int) -> list[str]:
        """Give the next values."""


class DirectClient:
    """Uses confluent-kafka as its users do who want nothing lost; a flush ends the linger that it has by default."""

    def __init__(self, address: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer({"bootstrap.servers": address, "enable.idempotence": True})
        told = {"bootstrap.servers": address, "group.id": topic, "enable.auto.commit": False}
        self._consumer = Consumer(told | {"fetch.wait.max.ms": 5})
        self._is_reading = False

    def produce(self, values: Sequence[str]) -> None:
        """Hand over, flush, and see that all were delivered."""
        errors: list[KafkaError] = []

        def hear(error: KafkaError | None, _: object) -> None:
            if error is not None:
                errors.append(error)

        for value in values:
            self._producer.produce(self._topic, value.encode(), partition=0, on_delivery=hear)
        if self._producer.flush(PATIENCE_S) or errors:
            raise RuntimeError(errors[:1])

    def rewind(self) -> None:
        """Let go of the partition; the next fetch assigns it."""
        self._consumer.unassign()
        self._is_reading = False

    def fetch(self, count: int) -> list[str]:
        """Consume until there are so many."""
        if not self._is_reading:
            self._consumer.assign([TopicPartition(self._topic, 0, 0)])
            self._is_reading = True
        found: list[str] = []
        until = time.monotonic() + PATIENCE_S
        while len(found) < count and time.monotonic() < until:
            for message in self._consumer.consume(count - len(found), 1):
                if message.error() is not None:
                    raise RuntimeError(message.error())
                found.append((message.value() or b"").decode())
        return found


class GatewayClient:
    """Uses /v1 with JSON, over the standard library."""

    def __init__(self, url: str, topic: str) -> None:
        self._ask: Ask = with_http_client(url)
        self._path = f"/v1/topics/{topic}/records"
        self._from = "earliest"

    def produce(self, values: Sequence[str]) -> None:
        """Send an array of records."""
        self._ask("POST", self._path, [{"value": value} for value in values])

    def rewind(self) -> None:
        """Forget the token."""
        self._from = "earliest"

    def fetch(self, count: int) -> list[str]:
        """Go on at the token of the answer before."""
        answer = self._ask("GET", f"{self._path}?from={self._from}&max_records={count}", None)
        self._from = answer["next"]
        return [record["value"] for record in answer["records"]]


class PlainClient:
    """Uses the plain app, over the standard library."""

    def __init__(self, url: str, topic: str) -> None:
        self._ask: Ask = with_http_client(url)
        self._topic = topic
        self._offset = 0

    def produce(self, values: Sequence[str]) -> None:
        """Send one message, or an array of them."""
        messages = [{"topic": self._topic, "value": value} for value in values]
        if len(messages) == 1:
            self._ask("POST", "/produce", messages[0])
        else:
            self._ask("POST", "/produce_many", messages)

    def rewind(self) -> None:
        """Go back to the first offset: the app's consumer throws away what it has when it seeks."""
        self._offset = 0

    def fetch(self, count: int) -> list[str]:
        """Go on at the offset after the last one."""
        messages = self._ask("GET", f"/messages?topic={self._topic}&offset={self._offset}&limit={count}", None)
        self._offset += len(messages)
        return [message["value"] for message in messages]


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to work: what runs for it beside Kafka, if anything, and the client that uses it."""

    name: str
    server: Callable[[str], AbstractContextManager[Server]]
    client: Callable[[str, str], Client]


@contextmanager
def nothing(address: str) -> Iterator[Server]:
    """Run nothing: the client speaks to Kafka itself."""
    yield Server(address, os.getpid())


DIRECT, OURS, PLAIN = "confluent-kafka", "gateway", "FastAPI on aiokafka"
PEERS = (
    Peer(DIRECT, nothing, DirectClient),
    Peer(OURS, gateway, GatewayClient),
    Peer(PLAIN, plain_kafka_app, PlainClient),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: times a call in milliseconds, and processor time a record in microseconds."""

    p50_ms: float
    p99_ms: float
    mean_ms: float
    client_us: float
    server_us: float


def measure(peer: Peer, server: Server, topic: str) -> dict[str, Result]:
    """Do all work with one client, as this process."""
    client = peer.client(server.url, topic)
    cpu = server.cpu_seconds if peer.name != DIRECT else lambda: 0.0

    def produce() -> None:
        client.produce(VALUES)

    def fetch() -> None:
        if client.fetch(BATCH) != VALUES:
            raise RuntimeError(f"{peer.name} gave other values than it got")

    produce()
    fetch()  # this makes the connections
    client.rewind()
    for _ in range(WARM_UP):
        produce()
    produced = _timed(cpu, produce, BATCHES, BATCH)
    client.rewind()
    fetched = _timed(cpu, fetch, BATCHES, BATCH)
    for _ in range(WARM_UP):
        client.produce(VALUES[:1])
    return {
        "produce": produced,
        "fetch": fetched,
        "one": _timed(cpu, lambda: client.produce(VALUES[:1]), SINGLES, 1),
    }


def _timed(cpu: Callable[[], float], act: Callable[[], None], times: int, records: int) -> Result:
    """Time each call."""
    server, own, took = cpu(), time.process_time(), []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1e3)
    own, server = time.process_time() - own, cpu() - server
    ordered, total = sorted(took), times * records
    return Result(
        ordered[times // 2], ordered[times * 99 // 100], sum(took) / times, own / total * 1e6, server / total * 1e6
    )


def compare(address: str, rounds: int) -> dict[str, list[dict[str, Result]]]:
    """Measure all peers on one Kafka, the first one last in every other round."""
    admin = AdminClient({"bootstrap.servers": address})
    results: dict[str, list[dict[str, Result]]] = {peer.name: [] for peer in PEERS}
    with get_context("spawn").Pool(1, maxtasksperchild=1) as clients:
        for number in range(rounds):
            for peer in PEERS[:: -1 if number % 2 else 1]:
                topic = f"bench-{uuid4().hex[:8]}"
                admin.create_topics([NewTopic(topic, 1)])[topic].result()
                with peer.server(address) as server:
                    results[peer.name].append(clients.apply(measure, (peer, server, topic)))
                admin.delete_topics([topic])[topic].result()
    return results


def report(results: dict[str, list[dict[str, Result]]]) -> Iterator[str]:
    """Show medians, and how they compare with the direct client's."""
    labels = {
        "produce": f"produce, {BATCH} at a time",
        "fetch": f"fetch, {BATCH} at a time, {BATCHES * BATCH:,} from the start",
        "one": "produce, one by one",
    }
    rounds = len(results[DIRECT])
    yield f"records of 100 bytes, one client, acks=all, medians of {rounds} rounds"
    for act, label in labels.items():
        yield f"  {label}"
        per_call = 1 if act == "one" else BATCH
        for name, measured in results.items():
            middle = {it: median(getattr(one[act], it) for one in measured) for it in Result.__slots__}
            times = median(
                one[act].mean_ms / direct[act].mean_ms for one, direct in zip(measured, results[DIRECT], strict=True)
            )
            yield (
                f"    {name:20}{per_call / middle['mean_ms'] * 1e3:10,.0f} records/s   p50 {middle['p50_ms']:7.2f} ms"
                f"   p99 {middle['p99_ms']:7.2f} ms   client {middle['client_us']:6.1f} us   server"
                f" {middle['server_us']:6.1f} us   {times:5.2f} times direct"
            )
    above_ms = median(
        one["one"].p99_ms - direct["one"].p99_ms for one, direct in zip(results[OURS], results[DIRECT], strict=True)
    )
    yield f"  aims: batches at most {AIM_TIMES:.0f} times direct, and the p99 of one at most {AIM_MS:.0f} ms above it"
    yield f"  the gateway's p99 of one is {above_ms:.2f} ms above"
    taken, given = (median(one[act].server_us for one in results[OURS]) for act in ("produce", "fetch"))
    yield f"  processor time of the gateway for a record in a batch: i = {taken:.1f} us in, o = {given:.1f} us out"


def main() -> None:
    """Run and print; without a Kafka to work on, say so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apache", metavar="HOST:PORT", help="an Apache Kafka that runs")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args([] if __name__ != "__main__" else None)
    start = brokers(arguments.apache).get(APACHE)
    if start is not None:
        with start() as kafka:
            print(*report(compare(kafka.address, arguments.rounds)), sep="\n")
    elif __name__ == "__main__":
        sys.exit("a gateway needs a Kafka: --apache HOST:PORT, or APACHE_KAFKA with a command that starts one")


if __name__ == "__main__":
    main()
