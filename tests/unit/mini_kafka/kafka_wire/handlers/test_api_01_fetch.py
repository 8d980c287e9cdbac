"""Fetch: batches as they are stored, at once or later, and within sessions only what is news."""

import asyncio
from typing import Any

import pytest

from mini_kafka.kafka_wire.error_codes import ErrorCode
from tests.support.client_batches import client_batch
from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.tasks import outcome, settle

VERSIONS = range(4, 19)


def append(client: KafkaClient, partition: int = 0) -> None:
    client.engine.raw_log.append_batch(client.caller, "orders", partition, memoryview(client_batch()))


async def fetch(
    client: KafkaClient, version: int, *offsets: int, max_wait: int = 0, session: tuple[int, int] = (0, -1),
    replica_id: int = -1,
) -> Any:  # fmt: skip
    """Fetch from the first partitions of a topic at these offsets."""
    shape = client.engine.topic_shape("orders")
    assert shape is not None
    named = {"topic_id": shape.topic_id} if version >= 13 else {"topic": shape.name}
    parts = [
        {"partition": number, "fetch_offset": offset, "partition_max_bytes": 10_000, "current_leader_epoch": -1}
        for number, offset in enumerate(offsets)
    ]
    who = {"replica_state": {"replica_id": replica_id}} if version >= 15 else {"replica_id": replica_id}
    return await client.ask(
        "Fetch", version, **who, max_wait=max_wait, min_bytes=1, max_bytes=10_000, session_id=session[0],
        session_epoch=session[1], rack_id="", forgotten_topics_data=[],
        topics=[{**named, "partitions": parts}] if parts else [],
    )  # fmt: skip


def partitions(answer: Any) -> list[tuple[int, int, int]]:
    """Give the number, the code and the bytes of each partition."""
    return [
        (part.partition_index, part.error_code, len(part.records))
        for topic in answer.responses
        for part in topic.partitions
    ]


SIZE = len(client_batch())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_the_batches_and_refuses_what_is_outside(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        append(client)
        append(client, 1)
        answer = await fetch(client, version, 0, 5, 0)
        assert partitions(answer) == [(0, 0, SIZE), (1, ErrorCode.OFFSET_OUT_OF_RANGE, 0), (2, 0, 0)]

    tell_kafka(story, num_partitions=3)


@pytest.mark.parametrize("version", [4, 11, 18])
def test_a_long_poll_is_answered_at_the_first_record(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        poll = asyncio.create_task(fetch(client, version, 0, max_wait=30_000))
        await settle()
        assert not poll.done()
        append(client)
        assert partitions(await outcome(poll)) == [(0, 0, SIZE)]

    tell_kafka(story)


@pytest.mark.parametrize("version", [7, 12, 18])
def test_a_session_is_told_only_what_is_news(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        append(client)
        first = await fetch(client, version, 1, 0, session=(0, 0))
        assert partitions(first) == [(0, 0, 0), (1, 0, 0)]
        session_id = first.session_id
        assert session_id > 0
        assert partitions(await fetch(client, version, session=(session_id, 1))) == []
        append(client, 1)
        assert partitions(await fetch(client, version, session=(session_id, 2))) == [(1, 0, SIZE)]
        late = await fetch(client, version, session=(session_id, 2))
        assert (late.error_code, late.session_id, late.responses) == (ErrorCode.INVALID_FETCH_SESSION_EPOCH, 0, ())

    tell_kafka(story, num_partitions=2)


@pytest.mark.parametrize("version", [4, 14, 15, 18])
def test_who_says_to_be_a_replica_is_none(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        assert partitions(await fetch(client, version, 0, replica_id=5)) == [(0, ErrorCode.NOT_LEADER_OR_FOLLOWER, 0)]

    tell_kafka(story)
