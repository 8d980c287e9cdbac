"""Metadata: which topics there are, where they are, and what asking for them makes."""

import itertools
from uuid import uuid4

import pytest

from tests.support.kafka import ADVERTISED, NAMES, KafkaClient, tell_kafka

VERSIONS = range(14)


def named(*names: str) -> list[dict[str, object]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_topic_that_is_missing_is_there_before_the_answer_is(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("Metadata", version, topics=named("orders"))
        (topic,) = answer.topics
        assert (topic.error_code, topic.name, len(topic.partitions)) == (0, "orders", 3)
        shape = client.engine.topic_shape("orders")
        assert shape is not None
        if version >= 10:
            assert topic.topic_id == shape.topic_id
        for number, partition in enumerate(topic.partitions):
            assert (partition.error_code, partition.partition_index, partition.leader_id) == (0, number, 1)
            assert (partition.replica_nodes, partition.isr_nodes) == ((1,), (1,))

    tell_kafka(story, num_partitions=3)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_broker_is_where_it_is_advertised(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("Metadata", version, topics=[])
        assert [(b.node_id, b.host, b.port) for b in answer.brokers] == [(1, ADVERTISED.host, ADVERTISED.port)]
        if version >= 2:
            assert answer.cluster_id == client.engine.cluster_id

    tell_kafka(story)


def test_the_oldest_version_asks_for_all_topics_with_an_empty_list_and_newer_ones_with_null() -> None:
    async def story(client: KafkaClient) -> None:
        for name in ("b", "a", "c"):
            await client.engine.create_topic(client.caller, name)
        for version in VERSIONS:
            everything = await client.ask("Metadata", version, topics=[] if version == 0 else None)
            assert [topic.name for topic in everything.topics] == ["a", "b", "c"]
            if version > 0:
                assert (await client.ask("Metadata", version, topics=[])).topics == ()

    tell_kafka(story)


@pytest.mark.parametrize("version", range(4, 14))
def test_a_client_may_forbid_to_create_what_is_missing(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("Metadata", version, topics=named("orders"), allow_auto_topic_creation=False)
        (topic,) = answer.topics
        assert (topic.error_code.name, topic.name, topic.partitions) == ("unknown_topic_or_partition", "orders", ())
        assert client.engine.topic_shape("orders") is None

    tell_kafka(story)


def test_the_broker_may_forbid_it_too() -> None:
    async def story(client: KafkaClient) -> None:
        (topic,) = (await client.ask("Metadata", topics=named("orders"), allow_auto_topic_creation=True)).topics
        assert topic.error_code.name == "unknown_topic_or_partition"

    tell_kafka(story, auto_create_topics_enable=False)


@pytest.mark.parametrize("allow", [True, False])
@pytest.mark.parametrize("name", ["", "no name", "x" * 250])
def test_a_name_that_no_topic_can_have_is_refused_beside_those_that_are_answered(name: str, allow: bool) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "good")
        answer = await client.ask("Metadata", topics=named(name, "good"), allow_auto_topic_creation=allow)
        assert [topic.error_code.name for topic in answer.topics] == ["invalid_topic_exception", "none"]

    tell_kafka(story)


def test_a_topic_that_is_asked_for_twice_is_answered_once() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("Metadata", topics=named("a", "b", "a"))
        assert [topic.name for topic in answer.topics] == ["a", "b"]

    tell_kafka(story)


@pytest.mark.parametrize("version", [12, 13])
def test_a_topic_is_found_by_its_id_as_long_as_it_lives(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        created = await client.engine.create_topic(client.caller, "orders")
        by_id = [{"topic_id": created.topic_id}, {"name": "passed-over"}]
        (topic,) = (await client.ask("Metadata", version, topics=by_id)).topics
        assert (topic.error_code, topic.name, topic.topic_id) == (0, "orders", created.topic_id)
        assert client.engine.topic_shape("passed-over") is None

        await client.engine.delete_topic(client.caller, "orders")
        await client.engine.create_topic(client.caller, "orders")
        (topic,) = (await client.ask("Metadata", version, topics=by_id)).topics
        assert (topic.error_code.name, topic.name, topic.topic_id) == ("unknown_topic_id", None, created.topic_id)

    tell_kafka(story)


@pytest.mark.parametrize("version", [10, 11])
def test_versions_with_room_for_ids_that_kafka_never_answered_are_refused_as_kafka_does(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("Metadata", version, topics=[{"topic_id": uuid4()}])
        assert [topic.error_code.name for topic in answer.topics] == ["invalid_request"]
        assert answer.brokers == ()

    tell_kafka(story)


def test_a_topic_without_a_name_and_an_id_is_refused() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("Metadata", topics=[{}])
        assert answer.error_code.name == "invalid_request"

    tell_kafka(story)


def test_what_a_caller_may_do_is_said_where_it_is_asked() -> None:
    everything_on_a_topic, everything_on_a_cluster, not_asked = 3576, 8096, -(2**31)  # Apache Kafka 4.3.1's answers

    async def story(client: KafkaClient) -> None:
        for version, asks in itertools.product(range(8, 14), (True, False)):
            answer = await client.ask(
                "Metadata", version, topics=named("orders"), allow_auto_topic_creation=True,
                include_topic_authorized_operations=asks, include_cluster_authorized_operations=asks,
            )  # fmt: skip
            (topic,) = answer.topics
            assert topic.topic_authorized_operations == (everything_on_a_topic if asks else not_asked)
            if version <= 10:
                assert answer.cluster_authorized_operations == (everything_on_a_cluster if asks else not_asked)

    tell_kafka(story)


def test_every_number_of_partitions_is_written_whole() -> None:
    async def story(client: KafkaClient) -> None:
        for count in (1, 2, 3, 4, 5, 127, 128, 129):
            await client.engine.create_topic(client.caller, f"t{count}", partitions=count)
        for version in VERSIONS:
            answer = await client.ask("Metadata", version, topics=[] if version == 0 else None)
            for topic in answer.topics:
                numbers = [partition.partition_index for partition in topic.partitions]
                assert numbers == list(range(int(topic.name[1:])))

    tell_kafka(story)


def test_an_answer_about_all_topics_follows_every_change() -> None:
    async def story(client: KafkaClient) -> None:
        async def all_topics() -> dict[str, int]:
            answer = await client.ask("Metadata", topics=None)
            return {topic.name: len(topic.partitions) for topic in answer.topics}

        engine, caller = client.engine, client.caller
        assert await all_topics() == {}
        await engine.create_topic(caller, "a")
        await engine.create_topic(caller, "b")
        assert await all_topics() == {"a": 1, "b": 1}
        await engine.alter_topic(caller, "a", partitions=2)
        assert await all_topics() == {"a": 2, "b": 1}
        await engine.delete_topic(caller, "b")
        assert await all_topics() == {"a": 2}

    tell_kafka(story)


def test_the_registry_and_the_message_agree_on_the_first_flexible_version() -> None:
    assert NAMES["Metadata"].flexible_from == 9


def test_of_a_name_that_no_topic_can_have_nobody_hears_what_he_may_do() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask(
            "Metadata", 9, topics=[{"name": "no name"}, {"name": "none"}], allow_auto_topic_creation=False,
            include_topic_authorized_operations=True, include_cluster_authorized_operations=False,
        )  # fmt: skip
        invalid, missing = answer.topics
        assert invalid.topic_authorized_operations == -(2**31)
        assert missing.topic_authorized_operations > 0

    tell_kafka(story)
