"""Ordinary Kafka clients administrate: what they make over the Kafka protocol is there over HTTP, and the other way."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import aiokafka.admin
import confluent_kafka
import kafka
import kafka.admin
import pytest
import requests
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from tests.compat.differential.brokers import running_mini_kafka

WAIT_S = 20


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker: its HTTP address, and its address for Kafka clients."""
    with running_mini_kafka() as addresses:
        yield addresses


@pytest.fixture
def http(addresses: tuple[str, str]) -> str:
    return f"http://{addresses[0]}"


@pytest.fixture
def address(addresses: tuple[str, str]) -> str:
    return addresses[1]


@pytest.fixture
def confluent(address: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": address})


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid4().hex[:8]}"


def done(futures: dict[Any, Any]) -> Any:
    """Wait for the one answer of a call of confluent-kafka."""
    (future,) = futures.values()
    return future.result(WAIT_S)


def over_http(http: str, topic: str) -> requests.Response:
    return requests.get(f"{http}/v1/topics/{topic}", timeout=WAIT_S)


def test_confluent_makes_changes_and_deletes_a_topic(confluent: AdminClient, http: str, topic: str) -> None:
    done(confluent.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "5000", "segment.bytes": "2000000"})]))
    shown = over_http(http, topic).json()
    assert len(shown["partitions"]) == 2
    assert (shown["configs"]["retention.ms"], shown["configs"]["segment.bytes"]) == ("5000", "2000000")

    done(confluent.create_partitions([NewPartitions(topic, 3)]))
    change = ConfigEntry("retention.ms", "7000", incremental_operation=AlterConfigOpType.SET)
    done(confluent.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])]))
    shown = over_http(http, topic).json()
    assert (len(shown["partitions"]), shown["configs"]["retention.ms"]) == (3, "7000")

    configs = done(confluent.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
    assert (configs["retention.ms"].value, configs["retention.ms"].is_default) == ("7000", False)
    assert configs["flush.ms"].is_default

    done(confluent.delete_topics([topic]))
    assert over_http(http, topic).status_code == 404


@pytest.mark.parametrize(
    ("name", "partitions", "configs", "code"),
    [
        ("no name", 1, {}, "TOPIC_EXCEPTION"),
        ("t", 0, {}, "INVALID_PARTITIONS"),
        ("t", 1, {"retention.ms": "x"}, "INVALID_CONFIG"),
    ],
)
def test_confluent_is_told_why_a_topic_cannot_be(
    confluent: AdminClient, name: str, partitions: int, configs: dict[str, str], code: str
) -> None:
    with pytest.raises(confluent_kafka.KafkaException) as caught:
        done(confluent.create_topics([NewTopic(name, partitions, 1, config=configs)]))
    assert caught.value.args[0].name() == code
    assert caught.value.args[0].str()


def test_confluent_finds_the_broker_where_it_is(confluent: AdminClient, address: str, http: str, topic: str) -> None:
    requests.put(f"{http}/v1/topics/{topic}", json={"partitions": 5}, timeout=WAIT_S)
    found = confluent.list_topics(timeout=WAIT_S)
    assert [f"{broker.host}:{broker.port}" for broker in found.brokers.values()] == [address]
    assert len(found.topics[topic].partitions) == 5
    cluster = confluent.describe_cluster().result(WAIT_S)
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [address]
    described = confluent.describe_topics(confluent_kafka.TopicCollection([topic]))[topic].result(WAIT_S)
    assert [partition.leader.id for partition in described.partitions] == [1] * 5


def test_confluent_sees_every_config_of_the_broker(confluent: AdminClient) -> None:
    configs = done(confluent.describe_configs([ConfigResource(ResourceType.BROKER, "1")]))
    assert configs["num.partitions"].value == "1"
    assert configs["node.id"].value == "1"


def test_kafka_python_administrates(address: str, http: str, topic: str) -> None:
    admin = kafka.admin.KafkaAdminClient(bootstrap_servers=address)
    try:
        admin.create_topics([kafka.admin.NewTopic(topic, 2, 1)])
        assert topic in admin.list_topics()
        admin.create_partitions({topic: kafka.admin.NewPartitions(4)})
        assert len(over_http(http, topic).json()["partitions"]) == 4
        admin.delete_topics([topic])
        assert over_http(http, topic).status_code == 404
    finally:
        admin.close()


@pytest.mark.anyio
async def test_aiokafka_administrates(address: str, http: str, topic: str) -> None:
    admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([aiokafka.admin.NewTopic(topic, 2, 1)])
        assert topic in await admin.list_topics()
        await admin.create_partitions({topic: aiokafka.admin.NewPartitions(4)})
        assert len(over_http(http, topic).json()["partitions"]) == 4
        await admin.delete_topics([topic])
        assert over_http(http, topic).status_code == 404
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("asks", "known"),
    [(True, True), (False, False)],
)
def test_asking_for_a_topic_makes_it_where_the_client_wants_that(
    address: str, topic: str, asks: bool, known: bool
) -> None:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "g", "allow.auto.create.topics": asks}
    )
    try:
        found = consumer.list_topics(topic, timeout=WAIT_S).topics[topic]
        assert (found.error is None) is known
    finally:
        consumer.close()


def test_a_client_that_speaks_http_to_this_port_harms_nobody(address: str, confluent: AdminClient) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}/", timeout=WAIT_S)
    assert confluent.list_topics(timeout=WAIT_S).brokers
