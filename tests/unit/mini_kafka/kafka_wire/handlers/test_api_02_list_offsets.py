"""ListOffsets: special times by the version that knows them, what is remote, and partitions that are named twice."""

from typing import Any

import pytest

from mini_kafka.core.record_batch import NewRecord
from tests.support.kafka import KafkaClient, tell_kafka

EARLIEST, LATEST, MAX_TIMESTAMP = -2, -1, -3
NOWHERE = (-1, -1, -1)


async def with_records(client: KafkaClient) -> None:
    await client.engine.create_topic(client.caller, "orders")
    records = [NewRecord(b"", timestamp_ms=time) for time in (1000, 3000, 2000)]
    await client.engine.produce(client.caller, "orders", records)


async def look_up(client: KafkaClient, version: int, *asked: dict[str, int]) -> list[tuple[str, tuple[int, int, int]]]:
    """Ask for offsets in partition 0, and give each answer's error, offset, time and leader epoch."""
    parts = [{"partition_index": 0, "current_leader_epoch": -1, **one} for one in asked]
    topics = [{"name": "orders", "partitions": parts}]
    answer = await client.ask("ListOffsets", version, replica_id=-1, isolation_level=0, topics=topics)
    return [_plain(part) for part in answer.topics[0].partitions]


def _plain(part: Any) -> tuple[str, tuple[int, int, int]]:
    return part.error_code.name, (part.offset, part.timestamp, getattr(part, "leader_epoch", -1))


@pytest.mark.parametrize("version", range(1, 12))
def test_the_ends_and_a_time_are_looked_up_in_every_version(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        epoch = 0 if version >= 4 else -1
        assert await look_up(client, version, {"timestamp": EARLIEST}) == [("none", (0, -1, epoch))]
        assert await look_up(client, version, {"timestamp": LATEST}) == [("none", (3, -1, epoch))]
        assert await look_up(client, version, {"timestamp": 1500}) == [("none", (1, 3000, epoch))]
        assert await look_up(client, version, {"timestamp": 4000}) == [("none", NOWHERE)]

    tell_kafka(story)


@pytest.mark.parametrize(
    ("time", "since", "found"),
    [
        (MAX_TIMESTAMP, 7, (1, 3000, 0)),
        (-4, 8, (0, -1, 0)),
        (-5, 9, NOWHERE),
        (-6, 11, NOWHERE),
    ],
)
def test_a_special_time_is_known_from_its_version_on(time: int, since: int, found: tuple[int, int, int]) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        assert await look_up(client, since, {"timestamp": time}) == [("none", found)]
        assert await look_up(client, since - 1, {"timestamp": time}) == [("unsupported_version", NOWHERE)]
        assert await look_up(client, 11, {"timestamp": -7}) == [("unsupported_version", NOWHERE)]

    tell_kafka(story)


@pytest.mark.parametrize("time", [LATEST, -5])
def test_what_is_not_there_is_refused_whatever_time_is_asked_for(time: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        missing = {"partition_index": 1, "timestamp": time}
        newer = {"current_leader_epoch": 1, "timestamp": time}
        assert await look_up(client, 11, missing, newer) == [
            ("unknown_topic_or_partition", NOWHERE),
            ("unknown_leader_epoch", NOWHERE),
        ]

    tell_kafka(story)


def test_a_partition_that_is_named_twice_is_refused_once() -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        twice = [{"timestamp": EARLIEST}, {"timestamp": LATEST}]
        assert await look_up(client, 11, *twice) == [("invalid_request", NOWHERE)]

    tell_kafka(story)
