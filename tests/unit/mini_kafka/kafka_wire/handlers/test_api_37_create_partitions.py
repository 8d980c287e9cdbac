"""CreatePartitions: each topic grows or is refused by itself."""

from typing import Any

import pytest

from tests.support.kafka import KafkaClient, tell_kafka


def wish(name: str, count: int, *assigned: list[int]) -> dict[str, Any]:
    return {"name": name, "count": count, "assignments": [{"broker_ids": ids} for ids in assigned] or None}


@pytest.mark.parametrize("version", range(4))
def test_a_topic_has_more_partitions(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        answer = await client.ask("CreatePartitions", version, topics=[wish("orders", 3), wish("none", 3)])
        assert [(result.name, result.error_code.name) for result in answer.results] == [
            ("orders", "none"),
            ("none", "unknown_topic_or_partition"),
        ]
        shape = client.engine.topic_shape("orders")
        assert shape is not None
        assert shape.partitions == 3

    tell_kafka(story)


@pytest.mark.parametrize(
    ("wished", "code"),
    [
        ([wish("orders", 2)], "invalid_partitions"),
        ([wish("orders", 1)], "invalid_partitions"),
        ([wish("orders", 0)], "invalid_partitions"),
        ([wish("orders", 4, [1])], "invalid_replica_assignment"),
        ([wish("orders", 3, [2])], "invalid_replica_assignment"),
        ([wish("orders", 3), wish("orders", 4)], "invalid_request"),
        ([wish("orders", 2**31 - 1)], "policy_violation"),
    ],
)
def test_what_cannot_be_is_refused_as_kafka_refuses_it(wished: list[dict[str, Any]], code: str) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders", partitions=2)
        (refused,) = (await client.ask("CreatePartitions", topics=wished)).results
        assert refused.error_code.name == code
        shape = client.engine.topic_shape("orders")
        assert shape is not None
        assert shape.partitions == 2

    tell_kafka(story)


def test_validate_only_makes_nothing() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        wished = [wish("orders", 3, [1], [1])]
        (result,) = (await client.ask("CreatePartitions", topics=wished, validate_only=True)).results
        assert result.error_code == 0
        shape = client.engine.topic_shape("orders")
        assert shape is not None
        assert shape.partitions == 1

    tell_kafka(story)
