"""Produce: what is answered, what is answered with nothing, and when the connection has to end."""

import asyncio
from typing import Any

import pytest

from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.errors import WireError
from tests.support.client_batches import GZIP, ZSTD, client_batch
from tests.support.kafka import KafkaClient, tell_kafka

VERSIONS = range(3, 14)


async def produce(
    client: KafkaClient,
    version: int,
    records: bytes | None,
    *,
    acks: int = -1,
    topic: str = "orders",
    partition: int = 0,
) -> Any:
    """Produce to one partition, and give its answer and how long to wait before the next request."""
    shape = client.engine.topic_shape(topic)
    named = {"topic_id": shape.topic_id if shape else None} if version >= 13 else {"name": topic}
    parts = [{"index": partition, "records": records}]
    answer = await client.ask(
        "Produce", version, acks=acks, timeout=1000, topic_data=[{**named, "partition_data": parts}]
    )
    if answer is None:
        return None
    [[part]] = [response.partition_responses for response in answer.responses]
    return part, answer.throttle_time.total_seconds()


async def end_of(client: KafkaClient, topic: str = "orders") -> int:
    return (await client.engine.describe_topic(client.caller, topic)).partitions[0].high_watermark


@pytest.mark.parametrize("version", VERSIONS)
def test_a_batch_gets_its_offset_and_a_wrong_partition_its_refusal(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        for expected in (0, 1):
            part, throttle_s = await produce(client, version, client_batch())
            assert (part.error_code, part.base_offset, throttle_s) == (ErrorCode.NONE, expected, 0)
        part, _ = await produce(client, version, client_batch(), partition=1)
        assert (part.error_code, part.base_offset) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1)

    tell_kafka(story)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_acknowledgement_is_no_answer_and_the_record_is_there(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        assert await produce(client, version, client_batch(), acks=0) is None
        assert await end_of(client) == 1

    tell_kafka(story)


def test_what_is_refused_without_acknowledgement_ends_the_connection() -> None:
    async def story(client: KafkaClient) -> None:
        with pytest.raises(WireError, match="acks=0"):
            await produce(client, 9, client_batch(), acks=0)

    tell_kafka(story)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_versions_that_are_only_listed_end_the_connection(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        client.session.receive(b"\0\0\0\x0a" + bytes([0, 0, 0, version, 0, 0, 0, 1, 255, 255]))
        request = client.session.next_request()
        assert request is not None
        with pytest.raises(WireError, match="lowest is 3"):
            request.api.handle(Call(request, client.connection))

    tell_kafka(story)


@pytest.mark.parametrize("acks", [2, -2])
def test_another_number_of_acknowledgements_is_refused(acks: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        part, throttle_s = await produce(client, 9, client_batch(), acks=acks)
        assert (part.error_code, throttle_s) == (ErrorCode.INVALID_REQUIRED_ACKS, 0)
        assert await end_of(client) == 0

    tell_kafka(story)


def test_null_records_are_refused() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        part, _ = await produce(client, 9, None)
        assert part.error_code == ErrorCode.INVALID_RECORD

    tell_kafka(story)


@pytest.mark.parametrize(("version", "code"), [(6, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE), (7, ErrorCode.NONE)])
def test_zstd_is_taken_from_version_7_on(version: int, code: ErrorCode) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        part, _ = await produce(client, version, client_batch(codec=ZSTD))
        assert part.error_code == code

    tell_kafka(story)


def test_over_the_memory_limit_clients_are_told_to_try_again_later() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        for expected in (ErrorCode.NONE, ErrorCode.KAFKA_STORAGE_ERROR):
            part, throttle_s = await produce(client, 9, client_batch(b"x" * 700_000))
            assert part.error_code == expected
        assert throttle_s == 1
        assert "MINI_KAFKA_MEMORY_LIMIT" in part.error_message

    tell_kafka(story, memory_limit=1024 * 1024)


@pytest.mark.parametrize("codec", [0, GZIP])
def test_a_compacted_topic_names_the_records_without_a_key(codec: int) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "states", configs={"cleanup.policy": "compact"})
        part, _ = await produce(client, 9, client_batch(b"a", b"b", keys=[b"k"], codec=codec), topic="states")
        assert (part.error_code, [it.batch_index for it in part.record_errors]) == (ErrorCode.INVALID_RECORD, [1])
        part, _ = await produce(client, 9, client_batch(b"a", b"b", keys=[b"k", b"l"], codec=codec), topic="states")
        assert (part.error_code, part.base_offset) == (ErrorCode.NONE, 0)

    tell_kafka(story)


def test_a_request_with_very_much_in_it_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mini_kafka.kafka_wire.handlers.api_00_produce.AT_ONCE_BYTES", 2 * 16 * 1024)

    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders", partitions=9)
        ends: list[int] = []
        parts = [{"index": number, "records": client_batch()} for number in range(9)]
        asking = asyncio.ensure_future(
            client.ask("Produce", 9, acks=-1, timeout=1000, topic_data=[{"name": "orders", "partition_data": parts}])
        )
        while not asking.done():
            await asyncio.sleep(0)
            shown = await client.engine.describe_topic(client.caller, "orders")
            ends.append(sum(partition.high_watermark for partition in shown.partitions))
        assert len(set(ends)) > 5
        [answered] = (await asking).responses
        assert [part.base_offset for part in answered.partition_responses] == [0] * 9

    tell_kafka(story)
