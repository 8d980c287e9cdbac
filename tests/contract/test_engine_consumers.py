"""What every engine promises about committed offsets and about the guide's registered consumers."""

import asyncio
from collections.abc import Callable

import pytest

from mini_kafka.core.errors import OffsetOutOfRange, UnknownConsumer, UnknownPartition, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Caller, ConsumerPlace, Engine

pytestmark = pytest.mark.anyio

WAIT_MS = 20_000
Unique = Callable[[str], str]


async def produce(engine: Engine, caller: Caller, topic: str, *values: bytes) -> None:
    for value in values:
        await engine.produce(caller, topic, [NewRecord(value)])


async def take(engine: Engine, caller: Caller, consumer_id: str, count: int = 1) -> list[bytes | None]:
    """Take records that are there; an engine may need a moment to show each."""
    taken = []
    for _ in range(count):
        consumed = await engine.consume(caller, consumer_id, wait_ms=WAIT_MS)
        assert consumed is not None
        taken.append(consumed.record.value)
    return taken


async def place_of(engine: Engine, caller: Caller, consumer_id: str) -> ConsumerPlace | None:
    places = [place for place in await engine.consumer_places(caller) if place.consumer_id == consumer_id]
    return places[0] if places else None


@pytest.fixture
async def consumer(engine: Engine, caller: Caller, topic: str, unique: Unique) -> str:
    """Register a consumer of the topic and give its id."""
    consumer_id = unique("consumer")
    await engine.register_consumer(caller, consumer_id, topic)
    return consumer_id


async def test_a_group_keeps_what_it_committed_forward_and_back(
    engine: Engine, caller: Caller, wide_topic: str, unique: Unique
) -> None:
    group = unique("group")
    first, last = TopicPartition(wide_topic, 0), TopicPartition(wide_topic, 2)
    for number in range(30):
        await engine.produce(caller, wide_topic, [NewRecord(b"", str(number).encode())])
    assert await engine.committed_offsets(caller, group) == {}
    await engine.commit_offsets(caller, group, {first: 2, last: 1})
    await engine.commit_offsets(caller, group, {first: 0})
    assert await engine.committed_offsets(caller, group) == {first: 0, last: 1}
    assert await engine.committed_offsets(caller, unique("other")) == {}


async def test_a_commit_outside_the_logs_commits_nothing(
    engine: Engine, caller: Caller, topic: str, unique: Unique
) -> None:
    group, good = unique("group"), TopicPartition(topic, 0)
    await produce(engine, caller, topic, b"a")
    for partition, offset, refusal in (
        (TopicPartition(unique("nowhere"), 0), 0, UnknownTopic),
        (TopicPartition(topic, 1), 0, UnknownPartition),
    ):
        with pytest.raises(refusal):
            await engine.commit_offsets(caller, group, {good: 1, partition: offset})
    for offset in (-1, 2):
        with pytest.raises(OffsetOutOfRange):
            await engine.commit_offsets(caller, group, {good: offset})
    assert await engine.committed_offsets(caller, group) == {}


async def test_a_consumer_gets_every_record_once_and_in_order(
    engine: Engine, caller: Caller, topic: str, consumer: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b", b"c")
    assert await take(engine, caller, consumer, 3) == [b"a", b"b", b"c"]
    assert await engine.consume(caller, consumer) is None
    assert await place_of(engine, caller, consumer) == ConsumerPlace(consumer, topic, 3)


async def test_a_new_consumer_starts_at_the_log_start_and_that_is_committed(
    engine: Engine, caller: Caller, topic: str, unique: Unique
) -> None:
    await produce(engine, caller, topic, b"a")
    consumer_id = unique("late")
    await engine.register_consumer(caller, consumer_id, topic)
    assert await engine.committed_offsets(caller, consumer_id) == {TopicPartition(topic, 0): 0}
    assert await place_of(engine, caller, consumer_id) == ConsumerPlace(consumer_id, topic, 0)
    assert await take(engine, caller, consumer_id) == [b"a"]


async def test_a_consumer_that_registers_again_goes_on_where_it_was(
    engine: Engine, caller: Caller, topic: str, consumer: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b")
    await take(engine, caller, consumer)
    await engine.register_consumer(caller, consumer, topic)
    assert await take(engine, caller, consumer) == [b"b"]


async def test_a_consumer_that_moves_and_comes_back_finds_each_topics_offset(
    engine: Engine, caller: Caller, topic: str, wide_topic: str, consumer: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b")
    await produce(engine, caller, wide_topic, b"x")
    await take(engine, caller, consumer)
    await engine.register_consumer(caller, consumer, wide_topic)
    assert await take(engine, caller, consumer) == [b"x"]
    await engine.register_consumer(caller, consumer, topic)
    assert await take(engine, caller, consumer) == [b"b"]


async def test_two_consumers_each_see_everything(
    engine: Engine, caller: Caller, topic: str, consumer: str, unique: Unique
) -> None:
    other = unique("other")
    await engine.register_consumer(caller, other, topic)
    await produce(engine, caller, topic, b"a", b"b")
    assert await take(engine, caller, consumer, 2) == await take(engine, caller, other, 2) == [b"a", b"b"]


async def test_every_partition_is_served(engine: Engine, caller: Caller, wide_topic: str, consumer: str) -> None:
    await engine.register_consumer(caller, consumer, wide_topic)
    values = [b"%d" % number for number in range(12)]
    await engine.produce(caller, wide_topic, [NewRecord(value, value) for value in values])
    assert sorted(await take(engine, caller, consumer, 12), key=str) == sorted(values, key=str)
    assert await place_of(engine, caller, consumer) == ConsumerPlace(consumer, wide_topic, 12)


async def test_who_did_not_register_is_refused(engine: Engine, caller: Caller, unique: Unique) -> None:
    with pytest.raises(UnknownConsumer):
        await engine.consume(caller, unique("stranger"))


async def test_registering_makes_the_topic(engine: Engine, caller: Caller, unique: Unique) -> None:
    name, consumer_id = unique("made"), unique("consumer")
    await engine.register_consumer(caller, consumer_id, name)
    await produce(engine, caller, name, b"a")
    assert await take(engine, caller, consumer_id) == [b"a"]


async def test_a_waiting_consume_ends_with_the_first_record(
    engine: Engine, caller: Caller, topic: str, consumer: str
) -> None:
    waiting = asyncio.create_task(engine.consume(caller, consumer, wait_ms=WAIT_MS))
    await asyncio.sleep(0)
    await produce(engine, caller, topic, b"a")
    consumed = await asyncio.wait_for(waiting, WAIT_MS / 1000)
    assert consumed is not None
    assert (consumed.topic, consumed.partition, consumed.record.value) == (topic, 0, b"a")


async def test_a_waiting_consume_ends_empty(engine: Engine, caller: Caller, consumer: str) -> None:
    assert await engine.consume(caller, consumer, wait_ms=20) is None


async def test_calls_that_wait_for_one_consumer_share_its_records(
    engine: Engine, caller: Caller, topic: str, consumer: str
) -> None:
    waiting = [asyncio.create_task(engine.consume(caller, consumer, wait_ms=WAIT_MS)) for _ in range(4)]
    await asyncio.sleep(0)
    values = [b"a", b"b", b"c", b"d"]
    await produce(engine, caller, topic, *values)
    consumed = await asyncio.wait_for(asyncio.gather(*waiting), WAIT_MS / 1000)
    assert sorted(one.record.value or b"" for one in consumed if one is not None) == values


async def test_a_cancelled_consume_takes_no_record(engine: Engine, caller: Caller, topic: str, consumer: str) -> None:
    waiting = asyncio.create_task(engine.consume(caller, consumer, wait_ms=WAIT_MS))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await produce(engine, caller, topic, b"a")
    assert await take(engine, caller, consumer) == [b"a"]


async def test_a_deleted_topic_ends_the_waiting_of_its_consumers(
    engine: Engine, caller: Caller, topic: str, consumer: str
) -> None:
    waiting = asyncio.create_task(engine.consume(caller, consumer, wait_ms=WAIT_MS))
    await asyncio.sleep(0)
    await engine.delete_topic(caller, topic)
    with pytest.raises(UnknownConsumer):
        await asyncio.wait_for(waiting, WAIT_MS / 2000)
    assert await place_of(engine, caller, consumer) is None


async def test_closing_answers_a_waiting_consume(engine: Engine, caller: Caller, consumer: str) -> None:
    waiting = asyncio.create_task(engine.consume(caller, consumer, wait_ms=WAIT_MS))
    await asyncio.sleep(0)
    await engine.close()
    assert await asyncio.wait_for(waiting, WAIT_MS / 2000) is None
