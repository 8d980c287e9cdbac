"""The two brokers of the differential tests: Apache Kafka where it runs, and Mini Kafka as a process of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

from tests.compat.differential.raw_client import RawClient
from tests.compat.differential.script import Broker
from tests.integration.programs import BIN, Program


@contextmanager
def apache_kafka(address: str) -> Iterator[Broker]:
    """Talk to an Apache Kafka at HOST:PORT."""
    host, _, port = address.rpartition(":")
    with RawClient(host, int(port)) as client:

        def create_topic(name: str, partitions: int, configs: dict[str, str]) -> None:
            answer = client.ask(
                "create_topics", 5, timeout=10_000, validate_only=False,
                topics=[{
                    "name": name, "num_partitions": partitions, "replication_factor": 1, "assignments": [],
                    "configs": [{"name": key, "value": value} for key, value in configs.items()],
                }],
            )  # fmt: skip
            assert answer["topics"][0]["error_code"] == "none", answer

        yield Broker(client, create_topic)


@contextmanager
def running_mini_kafka(*flags: str) -> Iterator[tuple[str, str]]:
    """Run a Mini Kafka, and give its addresses: of the HTTP API, and for Kafka clients."""
    with Program(BIN / "mini-kafka", "--http-port", "0", "--kafka-port", "0", *flags) as program:
        http, kafka = program.line(r"^listening http=(\S+) kafka=(\S+)$").groups()
        yield http, kafka


@contextmanager
def mini_kafka(http: str, kafka: str) -> Iterator[Broker]:
    """Talk to a running Mini Kafka."""
    host, _, port = kafka.rpartition(":")

    def create_topic(name: str, partitions: int, configs: dict[str, str]) -> None:
        body = json.dumps({"partitions": partitions, "configs": configs}).encode()
        headers = {"content-type": "application/json"}
        urlopen(Request(f"http://{http}/v1/topics/{name}", body, headers, method="PUT"), timeout=20).close()

    with RawClient(host, int(port)) as client:
        yield Broker(client, create_topic)
