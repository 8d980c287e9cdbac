"""The three Kafka nodes of docker-compose.kafka.yml, published for programs outside of its network; nothing else of it.

A node has one more listener, with a port of the host, which it names to who comes that way, and more time to start.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from testcontainers.compose import DockerCompose

from tests.integration.deadlines import wait_until
from tests.integration.engine import docker, inspect
from tests.integration.stack import ROOT, Cluster, free_port

NODES = ("kafka-1", "kafka-2", "kafka-3")
_NODE = """
  {node}:
    environment:
      KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093,HOST://:9094
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,HOST:PLAINTEXT
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://{node}:9092,HOST://127.0.0.1:{port}
    ports: ["127.0.0.1:{port}:9094"]
    healthcheck: {{start_period: 110s}}"""


class KafkaNodes(Cluster):
    """Three Kafka nodes as containers: killed, started and paused one by one or all together."""

    def __init__(self, folder: Path) -> None:
        """Prepare a project of their own."""
        self.project = f"mini-kafka-test-{uuid.uuid4().hex[:8]}"
        ports = {node: free_port() for node in NODES}
        self.addresses = ",".join(f"127.0.0.1:{port}" for port in ports.values())
        published = folder / "published.yml"
        nodes = "".join(_NODE.format(node=node, port=port) for node, port in ports.items())
        published.write_text(f"services:{nodes}\n")
        files = ["docker-compose.kafka.yml", str(published)]
        DockerCompose.__init__(self, context=ROOT, compose_file_name=files)

    def docker_compose_command(self) -> list[str]:
        """Give the command that all calls begin with."""
        return [*self.compose_command_property, "--project-name", self.project]

    def start(self) -> None:
        """Start all, and wait until they are a cluster."""
        self.up(*NODES)

    def controller(self) -> str:
        """Find the node that leads the cluster's metadata now."""
        admin = KafkaAdminClient(bootstrap_servers=self.addresses.split(","))
        try:
            [topic] = admin.describe_metadata_quorum()["topics"]
            return NODES[topic["partitions"][0]["leader_id"] - 1]
        finally:
            admin.close()

    def coordinator(self, group: str) -> str:
        """Find the node that a group's members turn to."""
        admin = AdminClient({"bootstrap.servers": self.addresses})
        return NODES[admin.describe_consumer_groups([group])[group].result().coordinator.id - 1]

    def leader(self, topic: str, partition: int) -> str:
        """Find the node that takes a partition's records."""
        admin = AdminClient({"bootstrap.servers": self.addresses})
        found = admin.describe_topics(TopicCollection([topic]))[topic].result()
        return NODES[found.partitions[partition].leader.id - 1]

    def kill(self, node: str) -> None:
        """End a node at once."""
        docker("kill", self.container(node))

    def restart(self, node: str) -> None:
        """Start a node that was killed, and wait until it answers."""
        container = self.container(node)
        docker("start", container)
        wait_until(lambda: inspect(container)["State"]["Health"]["Status"] == "healthy", f"{node} is back", seconds=90)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let all nodes stand still: connections stay open, and nothing is answered."""
        containers = [self.container(node) for node in NODES]
        docker("pause", *containers)
        try:
            yield
        finally:
            docker("unpause", *containers)
