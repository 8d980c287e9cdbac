"""A real Apache Kafka of one node: the one that APACHE_KAFKA=HOST:PORT names, or a container of the tests' own."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer

from tests.compat.clients import APACHE_KAFKA_IMAGE
from tests.integration.deadlines import wait_until

SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,INNER://:9094,CONTROLLER://:9093",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INNER",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,INNER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}

INNER = "INNER://localhost:9094"
"""Where the node finds itself, as it does to ask about a transaction: the published port is not there for it."""


class ApacheKafka:
    """A container with Kafka, published at `address`."""

    def __init__(self, container: DockerContainer, address: str) -> None:
        self._container = container
        self.address = address

    def pause(self) -> None:
        """Let its processes stand still: connections stay open, and nothing is answered."""
        self._container.get_wrapped_container().pause()

    def unpause(self) -> None:
        """Let them go on."""
        self._container.get_wrapped_container().unpause()


@contextmanager
def running_apache_kafka() -> Iterator[ApacheKafka]:
    """Start a container with Kafka, and take it down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    container = DockerContainer(APACHE_KAFKA_IMAGE)
    ports: dict[str, Any] = container.ports  # whose type has no place for an address
    ports["9092/tcp"] = ("127.0.0.1", port)
    container.with_envs(**SETTINGS, KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://{address},{INNER}")
    with container:
        wait_until(lambda: answers(address), f"Kafka answers at {address}", seconds=120)
        yield ApacheKafka(container, address)


@contextmanager
def kafka_address() -> Iterator[str]:
    """Give the address of a Kafka: a given one, or one of its own."""
    if given := os.environ.get("APACHE_KAFKA"):
        yield given
    else:
        with running_apache_kafka() as kafka:
            yield kafka.address


def answers(address: str) -> bool:
    """Tell whether a Kafka answers there."""
    told: dict[str, str | int | float | bool] = {"bootstrap.servers": address, "log_level": 0}
    admin = AdminClient(told)  # it has to outlive its question: a client that is gone never answers
    try:
        return bool(admin.describe_cluster(request_timeout=5).result(timeout=10).cluster_id)
    except KafkaException:
        return False
