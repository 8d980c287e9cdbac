"""CreateTopics: each topic is made or refused by itself, and is there when the answer arrives."""

import asyncio

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_topics import configs_of, new

VERSIONS = range(2, 8)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_topic_is_there_with_its_partitions_and_configs(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        wanted = [new("orders", 3, configs={"retention.ms": "5000", "segment.bytes": "2000000"})]
        (made,) = (await client.ask("CreateTopics", version, topics=wanted)).topics
        assert (made.error_code, made.name, made.error_message) == (0, "orders", None)
        shape = client.engine.topic_shape("orders")
        assert shape is not None
        assert shape.partitions == 3
        configs = await configs_of(client, "orders")
        assert (configs["retention.ms"], configs["segment.bytes"]) == ("5000", "2000000")
        if version >= 5:
            assert (made.num_partitions, made.replication_factor) == (3, 1)
            assert {entry.name: entry.value for entry in made.configs} == configs
        if version >= 7:
            assert made.topic_id == shape.topic_id

    tell_kafka(story)


def test_minus_one_is_the_broker_s_default() -> None:
    async def story(client: KafkaClient) -> None:
        (made,) = (await client.ask("CreateTopics", topics=[new("orders", -1, -1)])).topics
        assert (made.num_partitions, made.replication_factor) == (4, 1)

    tell_kafka(story, num_partitions=4)


def test_validate_only_says_what_would_be_and_makes_nothing() -> None:
    async def story(client: KafkaClient) -> None:
        wanted = [new("good", 2, configs={"retention.ms": "7"}), new("bad", 0)]
        good, bad = (await client.ask("CreateTopics", topics=wanted, validate_only=True)).topics
        assert (good.error_code, good.num_partitions, bad.error_code.name) == (0, 2, "invalid_partitions")
        assert {entry.name: entry.value for entry in good.configs}["retention.ms"] == "7"
        assert list(client.engine.topic_shapes()) == []

    tell_kafka(story)


# The codes are Apache Kafka 4.3.1's answers to the same requests.
@pytest.mark.parametrize("validate_only", [True, False])
@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (new("none", 0), "invalid_partitions"),
        (new("none", -2), "invalid_partitions"),
        (new("none", 0, 2), "invalid_partitions"),
        (new("none", 1, 3), "invalid_replication_factor"),
        (new("none", 1, 0), "invalid_replication_factor"),
        (new("bad name"), "invalid_topic_exception"),
        (new("taken"), "topic_already_exists"),
        (new("a_b"), "invalid_topic_exception"),
        (new("none", configs={"retention.ms": "x"}), "invalid_config"),
        (new("none", configs={"retention.ms": ""}), "invalid_config"),
        (new("none", configs={"retention.ms": None}), "invalid_config"),
        (new("none", configs={"no.such": "1"}), "invalid_config"),
        (new("none", configs={"segment.bytes": "1"}), "invalid_config"),
        (new("none", 2, 1, assigned={0: [1]}), "invalid_request"),
        (new("none", -1, 1, assigned={0: [1]}), "invalid_request"),
        (new("none", -1, -1, assigned={0: [1], 2: [1]}), "invalid_replica_assignment"),
        (new("none", -1, -1, assigned={0: [7]}), "invalid_replica_assignment"),
        (new("none", -1, -1, assigned={0: []}), "invalid_replica_assignment"),
        (new("none", -1, -1, assigned={0: [1, 1]}), "invalid_replica_assignment"),
    ],
)
def test_what_cannot_be_is_refused_as_kafka_refuses_it(
    topic: dict[str, object], code: str, validate_only: bool
) -> None:
    async def story(client: KafkaClient) -> None:
        await client.ask("CreateTopics", topics=[new("taken"), new("a.b")])
        answer = await client.ask("CreateTopics", topics=[topic, new("other")], validate_only=validate_only)
        refused, made = answer.topics
        assert (refused.error_code.name, made.error_code) == (code, 0)
        assert refused.error_message
        assert client.engine.topic_shape("none") is None

    tell_kafka(story)


def test_replicas_may_be_assigned_to_the_one_broker() -> None:
    async def story(client: KafkaClient) -> None:
        wanted = [new("orders", -1, -1, assigned={0: [1], 1: [1]})]
        (made,) = (await client.ask("CreateTopics", topics=wanted)).topics
        assert (made.error_code, made.num_partitions) == (0, 2)

    tell_kafka(story)


def test_a_topic_that_is_there_twice_is_refused_once_and_not_made() -> None:
    async def story(client: KafkaClient) -> None:
        (refused,) = (await client.ask("CreateTopics", topics=[new("orders"), new("orders", 2)])).topics
        assert refused.error_code.name == "invalid_request"
        assert client.engine.topic_shape("orders") is None

    tell_kafka(story)


def test_more_partitions_than_the_broker_may_have_are_refused_before_they_cost_anything() -> None:
    async def story(client: KafkaClient) -> None:
        (refused,) = (await client.ask("CreateTopics", topics=[new("orders", 2**31 - 1)])).topics
        assert refused.error_code.name == "policy_violation"

    tell_kafka(story)


def test_compression_by_the_broker_and_remote_storage_are_promises_that_are_not_made() -> None:
    async def story(client: KafkaClient) -> None:
        for configs in ({"compression.type": "gzip"}, {"remote.storage.enable": "true"}):
            (refused,) = (await client.ask("CreateTopics", topics=[new("orders", configs=configs)])).topics
            assert refused.error_code.name == "invalid_config"

    tell_kafka(story)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("CreateTopics", {"topics": [new(f"t{number}") for number in range(200)]}),
        ("DeleteTopics", {"topics": [{"name": f"t{number}"} for number in range(200)]}),
        ("CreatePartitions", {"topics": [{"name": f"t{number}", "count": 2} for number in range(200)]}),
        (
            "DescribeConfigs",
            {"resources": [{"resource_type": 2, "resource_name": f"t{number}"} for number in range(12)]},
        ),
    ],
)
def test_a_long_request_of_an_administrator_leaves_others_their_turns(name: str, fields: dict[str, object]) -> None:
    async def story(client: KafkaClient) -> None:
        asking = asyncio.create_task(client.ask(name, None, **fields))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 3
        assert await asking

    tell_kafka(story)
