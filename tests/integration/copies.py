"""`mini-kafka copy` as a process, and what the brokers on both sides of it hold."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from confluent_kafka import Consumer

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program

TOPIC = "orders"
RECORDS: list[dict[str, Any]] = [
    {"value": "text", "key": "k", "timestamp": 1_700_000_000_000, "partition": 0},
    {"value": None, "key": "k", "timestamp": 0, "partition": 0},
    {"value": "", "key": "", "timestamp": 1_700_000_000_001, "partition": 0},
    {"value_base64": "/wA=", "key_base64": "/w==", "timestamp": 1_700_000_000_002, "partition": 2},
    {"value": "h", "headers": [["h", "2"], ["a", None], ["h", "1"]], "timestamp": 5, "partition": 2},
    {"value": "h", "headers": {"empty": "", "null": None}, "timestamp": 5, "partition": 2},
    {"value": "h", "headers_base64": {"bytes": "/w==", "null": None}, "timestamp": 4, "partition": 2},
    {"value": {"a": 1.0, "b": [None, "é\u2028"]}, "timestamp": 6, "partition": 2},
]


class Copy:
    """The command, with its state in a folder of the test's own."""

    def __init__(self, source: str, target: str, folder: Path, topic: str = TOPIC) -> None:
        self.source, self.target, self.topic = source, target, topic
        self.flags = ["--from", source, "--to", target, "--state", str(folder / "state")]

    def start(self, *flags: str) -> Program:
        """Start it, to be watched and cut short."""
        return Program(BIN / "mini-kafka", "copy", *self.flags, "--topic", self.topic, *flags)

    def run(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command = [str(BIN / "mini-kafka"), "copy", *self.flags, "--topic", self.topic, *flags]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)


def topic(url: str, name: str = TOPIC) -> dict[str, Any]:
    return dict(requests.get(f"{url}/v1/topics/{name}").json())


def held(url: str, name: str = TOPIC) -> int:
    """Count what a broker has of the topic, also while it is not there."""
    return int(topic(url, name).get("records", 0))


def produce(url: str, records: list[dict[str, Any]], name: str = TOPIC) -> None:
    requests.post(f"{url}/v1/topics/{name}/records", json=records).raise_for_status()


def contents(url: str, partition: int, name: str = TOPIC) -> list[dict[str, Any]]:
    """Read a partition to its end, and give its records without their offsets."""
    found, place, more = [], "earliest", True
    while more:
        query: dict[str, str | int] = {"partition": partition, "as": "base64", "from": place}
        answer = requests.get(f"{url}/v1/topics/{name}/records", query).json()
        found += answer["records"]
        place, more = answer["next"], not answer["up_to_date"]
    return [{name: value for name, value in record.items() if name != "offset"} for record in found]


def commit(url: str, group: str, partition: int, offset: int, name: str = TOPIC) -> None:
    wish = {"offsets": [{"topic": name, "partition": partition, "offset": offset}]}
    requests.put(f"{url}/v1/groups/{quote(group, safe='')}/offsets", json=wish).raise_for_status()


def committed(url: str, group: str) -> dict[int, int]:
    partitions = requests.get(f"{url}/v1/groups/{quote(group, safe='')}").json()["partitions"]
    return {each["partition"]: each["committed_offset"] for each in partitions}


def copy_killed_often(copy: Copy, *, kills: int, chance: random.Random) -> None:
    """Copy 30,000 records in runs that are killed in the middle, and one that comes to its end."""
    whole = 30_000
    requests.put(f"{copy.source}/v1/topics/{copy.topic}", json={"partitions": 2}).raise_for_status()
    for first in range(0, whole, 10_000):
        records = [{"value": f"{number}", "partition": number % 2} for number in range(first, first + 10_000)]
        produce(copy.source, records, copy.topic)
    for _ in range(kills):
        with copy.start() as program:
            wanted = min(held(copy.target, copy.topic) + chance.randrange(1, 6000), whole)
            wait_until(lambda: held(copy.target, copy.topic) >= wanted, "some records are copied")  # noqa: B023
            program.process.kill()
    done = copy.run()
    assert done.returncode == 0, done.stderr


@contextmanager
def member(kafka: str, group: str, name: str = TOPIC) -> Iterator[None]:
    """Have a Kafka client in a group as long as this lasts."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False})
    try:
        consumer.subscribe([name])
        wait_until(lambda: consumer.poll(0.1) is not None or consumer.assignment(), "the consumer is a member")
        yield
    finally:
        consumer.close()
