"""Kafka clients against this broker and, where one runs, Apache Kafka: `python -m bench.kafka [--apache HOST:PORT]`.

confluent-kafka works in processes of its own (`bench/kafka_load.py`), the brokers in turn, and each number is the
median of the rounds. The share of a core that the client's process took tells whether the client was the limit.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tests.integration.programs import BIN, Program

WORK = {
    "produce, 100 bytes": ("produce", 500_000, 100),
    "consume, 100 bytes": ("consume", 500_000, 100),
    "produce, 1 KB": ("produce", 100_000, 1000),
    "consume, 1 KB": ("consume", 100_000, 1000),
    "produce one by one": ("one_by_one", 2_000, 100),
}


@contextmanager
def mini_kafka() -> Iterator[str]:
    """Run this broker, and give its address for Kafka clients."""
    with Program(BIN / "mini-kafka", "--http-port", "0", "--kafka-port", "0", "--memory-limit", "2GiB") as program:
        yield program.line(r"kafka=(\S+)$")[1]


def measure(address: str, kind: str, topic: str, count: int, size: int, processes: int) -> dict[str, float]:
    """Let clients do the same work at once, and add up what they did."""
    command = [sys.executable, "-m", "bench.kafka_load", address, kind, topic, str(count // processes), str(size)]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    results = [json.loads(client.communicate()[0]) for client in clients]
    merged = {name: statistics.fmean(result[name] for result in results) for name in results[0]}
    if "records_s" in merged:
        merged["records_s"] = sum(result["records_s"] for result in results)
    return merged


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apache", metavar="HOST:PORT", help="an Apache Kafka to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=1, help="client processes at once")
    arguments = parser.parse_args()
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    with mini_kafka() as mini:
        brokers = {"mini-kafka": mini} | ({"apache-kafka": arguments.apache} if arguments.apache else {})
        for number in range(arguments.rounds):
            for broker, address in list(brokers.items())[:: 1 if number % 2 else -1]:
                topics = {size: f"bench-{size}-{uuid4().hex[:8]}" for size in (100, 1000)}
                for name, (kind, count, size) in WORK.items():
                    topic = f"one-{topics[size]}" if kind == "one_by_one" else topics[size]
                    result = measure(address, kind, topic, count, size, arguments.clients)
                    rows.setdefault((name, broker), []).append(result)
    for (name, broker), results in sorted(rows.items()):
        numbers = {key: statistics.median(result[key] for result in results) for key in results[0]}
        print(f"{name:20} {broker:13}", "  ".join(f"{key} {value:,.2f}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()
