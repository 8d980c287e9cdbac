"""DeleteTopics: each topic is deleted or refused by itself, and is gone when the answer arrives."""

from uuid import uuid4

import pytest

from tests.support.kafka import KafkaClient, tell_kafka


@pytest.mark.parametrize("version", range(1, 7))
def test_a_topic_is_gone_and_an_unknown_one_is_said_to_be(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        names = ["orders", "none"]
        wanted = {"topics": [{"name": name} for name in names]} if version >= 6 else {"topic_names": names}
        answer = await client.ask("DeleteTopics", version, **wanted)
        assert [(found.name, found.error_code.name) for found in answer.responses] == [
            ("orders", "none"),
            ("none", "unknown_topic_or_partition"),
        ]
        assert client.engine.topic_shape("orders") is None

    tell_kafka(story)


def test_a_topic_is_deleted_by_its_id_and_no_other_of_its_name() -> None:
    async def story(client: KafkaClient) -> None:
        old = await client.engine.create_topic(client.caller, "orders")
        (gone,) = (await client.ask("DeleteTopics", topics=[{"topic_id": old.topic_id}])).responses
        assert (gone.error_code, gone.name, gone.topic_id) == (0, "orders", old.topic_id)
        await client.engine.create_topic(client.caller, "orders")
        (unknown,) = (await client.ask("DeleteTopics", topics=[{"topic_id": old.topic_id}])).responses
        assert (unknown.error_code.name, unknown.name) == ("unknown_topic_id", None)
        assert client.engine.topic_shape("orders") is not None

    tell_kafka(story)


def test_a_topic_that_is_there_by_its_name_and_by_its_id_is_refused_once_and_stays() -> None:
    async def story(client: KafkaClient) -> None:
        made = await client.engine.create_topic(client.caller, "orders")
        wanted = [{"name": "orders"}, {"topic_id": made.topic_id}]
        (refused,) = (await client.ask("DeleteTopics", topics=wanted)).responses
        assert (refused.error_code.name, refused.name, refused.topic_id) == ("invalid_request", "orders", made.topic_id)
        assert client.engine.topic_shape("orders") is not None

    tell_kafka(story)


def test_a_topic_is_named_by_its_name_or_its_id_and_once() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        wanted = [{"name": "orders", "topic_id": uuid4()}, {}, {"name": "orders"}, {"name": "orders"}]
        answer = await client.ask("DeleteTopics", topics=wanted)
        assert [found.error_code.name for found in answer.responses] == ["invalid_request"] * 3
        assert client.engine.topic_shape("orders") is not None

    tell_kafka(story)
