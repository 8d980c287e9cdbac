"""Ordinary consumers pause partitions, go on with them, and read again: each library in its way."""

import asyncio
from collections.abc import Callable, Iterator
from uuid import uuid4

import aiokafka
import confluent_kafka
import kafka
import pytest
import requests

from tests.compat.differential.brokers import running_mini_kafka

WAIT_S = 20
Place = tuple[int, int]
Produce = Callable[[], None]


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker: its HTTP address, and its address for Kafka clients."""
    with running_mini_kafka() as addresses:
        yield addresses


def confluent_story(address: str, topic: str, produce: Produce) -> list[Place]:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "g", "auto.offset.reset": "earliest"}
    )
    zero, one = (confluent_kafka.TopicPartition(topic, number, 0) for number in (0, 1))

    def next_places(count: int) -> list[Place]:
        found = [consumer.poll(WAIT_S) for _ in range(count)]
        return [(it.partition() or 0, it.offset() or 0) for it in found if it is not None]

    try:
        consumer.assign([zero, one])
        seen = sorted(next_places(2))
        consumer.pause([zero])
        produce()
        seen += next_places(1)
        consumer.resume([zero])
        seen += next_places(1)
        consumer.seek(zero)
        return seen + next_places(2)
    finally:
        consumer.close()


def kafka_python_story(address: str, topic: str, produce: Produce) -> list[Place]:
    zero, one = kafka.TopicPartition(topic, 0), kafka.TopicPartition(topic, 1)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=WAIT_S * 1000
    )

    def next_places(count: int) -> list[Place]:
        return [(it.partition, it.offset) for it in (next(consumer) for _ in range(count))]

    try:
        consumer.assign([zero, one])
        seen = sorted(next_places(2))
        consumer.pause(zero)
        produce()
        seen += next_places(1)
        consumer.resume(zero)
        seen += next_places(1)
        consumer.seek(zero, 0)
        return seen + next_places(2)
    finally:
        consumer.close()


def aiokafka_story(address: str, topic: str, produce: Produce) -> list[Place]:
    async def run() -> list[Place]:
        zero, one = aiokafka.TopicPartition(topic, 0), aiokafka.TopicPartition(topic, 1)
        async with aiokafka.AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:

            async def next_places(count: int) -> list[Place]:
                return [(it.partition, it.offset) for it in [await consumer.getone() for _ in range(count)]]

            consumer.assign([zero, one])
            seen = sorted(await next_places(2))
            consumer.pause(zero)
            await asyncio.to_thread(produce)
            seen += await next_places(1)
            consumer.resume(zero)
            seen += await next_places(1)
            consumer.seek(zero, 0)
            return seen + await next_places(2)

    return asyncio.run(asyncio.wait_for(run(), WAIT_S))


STORIES = {"confluent-kafka": confluent_story, "kafka-python": kafka_python_story, "aiokafka": aiokafka_story}


@pytest.mark.parametrize("name", STORIES)
def test_a_paused_partition_is_left_out_until_it_is_resumed_and_a_seek_reads_again(
    name: str, addresses: tuple[str, str]
) -> None:
    http, address = addresses
    topic = f"topic-{uuid4().hex[:8]}"
    url = f"http://{http}/v1/topics/{topic}"
    requests.put(url, json={"partitions": 2}, timeout=WAIT_S).raise_for_status()

    def produce() -> None:
        records = [{"value": "v", "partition": number} for number in (0, 1)]
        requests.post(f"{url}/records", json=records, timeout=WAIT_S).raise_for_status()

    produce()
    assert STORIES[name](address, topic, produce) == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 1)]
