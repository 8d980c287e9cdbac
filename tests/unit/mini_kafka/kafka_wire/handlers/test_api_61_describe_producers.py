"""DescribeProducers: who writes idempotently to a partition, and how far each came."""

from typing import Any

from tests.support.client_batches import client_batch
from tests.support.clock import ManualClock
from tests.support.kafka import KafkaClient, tell_kafka


async def describe(client: KafkaClient, *partitions: int) -> list[Any]:
    answer = await client.ask("DescribeProducers", topics=[{"name": "orders", "partition_indexes": list(partitions)}])
    return list(answer.topics[0].partitions)


def test_each_producer_is_shown_with_its_epoch_and_the_last_of_its_batches() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders", partitions=2)
        for batch in (
            client_batch(b"a", b"b", producer=(7, 0, 0), timestamp_ms=1000),
            client_batch(b"c", producer=(7, 0, 2), timestamp_ms=2000),
            client_batch(b"d", producer=(8, 3, 0), timestamp_ms=1500),
            client_batch(b"of nobody"),
        ):
            client.engine.raw_log.append_batch(client.caller, "orders", 0, memoryview(batch))
        written, empty = await describe(client, 0, 1)
        shown = [
            (it.producer_id, it.producer_epoch, it.last_sequence, it.last_timestamp) for it in written.active_producers
        ]
        assert shown == [(7, 0, 2, 2000), (8, 3, 0, 1500)]
        assert {(it.coordinator_epoch, it.current_txn_start_offset) for it in written.active_producers} == {(-1, -1)}
        assert (empty.error_code.name, empty.active_producers) == ("none", ())

    tell_kafka(story, ManualClock())


def test_of_a_partition_that_is_not_there_it_says_so() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "orders")
        known, missing = await describe(client, 0, 1)
        assert (known.error_code.name, known.error_message) == ("none", None)
        assert (missing.partition_index, missing.error_code.name) == (1, "unknown_topic_or_partition")
        assert "partition" in missing.error_message

    tell_kafka(story)
