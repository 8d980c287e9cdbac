"""Registered consumers of the memory engine: every record once, in order, and long polls that lose nothing."""

import asyncio
import logging

import pytest

from mini_kafka.core.errors import GroupLimitReached, UnknownConsumer
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.consuming import PLACES_AT_ONCE
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller, ConsumedRecord, ConsumerPlace
from tests.support.clock import ManualClock
from tests.support.tasks import outcome, settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio

ME = Caller("test")
Consuming = asyncio.Task[ConsumedRecord | None]


async def produce(engine: MemoryEngine, *values: bytes, topic: str = "orders") -> None:
    """Produce values as one call, which is one batch."""
    await engine.produce(ME, topic, [NewRecord(value) for value in values])


def value(consumed: ConsumedRecord | None) -> bytes | None:
    return None if consumed is None else consumed.record.value


async def take(engine: MemoryEngine, consumer_id: str = "c") -> bytes | None:
    return value(await engine.consume(ME, consumer_id))


async def start_consume(engine: MemoryEngine, wait_ms: int = 1000) -> Consuming:
    task = asyncio.create_task(engine.consume(ME, "c", wait_ms=wait_ms))
    await settle()
    return task


@pytest.fixture(autouse=True)
async def _consumer(engine: MemoryEngine) -> None:
    await engine.register_consumer(ME, "c", "orders")


async def test_a_consumer_gets_every_record_once_and_in_order(engine: MemoryEngine) -> None:
    await produce(engine, b"a", b"b")
    await produce(engine, b"c")
    assert [await take(engine) for _ in range(4)] == [b"a", b"b", b"c", None]


async def test_a_record_comes_with_its_place(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, b"a")
    await engine.produce(ME, "orders", [NewRecord(b"b", b"key", (("h", b"v"),), timestamp_ms=7)])
    await take(engine)
    consumed = await engine.consume(ME, "c")
    assert consumed is not None
    assert (consumed.topic, consumed.partition, consumed.record.offset) == ("orders", 0, 1)
    record = consumed.record
    assert (record.key, record.headers, record.timestamp_ms) == (b"key", (("h", b"v"),), 7)


async def test_who_did_not_register_is_refused(engine: MemoryEngine) -> None:
    with pytest.raises(UnknownConsumer):
        await engine.consume(ME, "stranger", wait_ms=1000)


async def test_a_consumer_that_registers_again_goes_on_where_it_was(engine: MemoryEngine) -> None:
    await produce(engine, b"a", b"b")
    await take(engine)
    await engine.register_consumer(ME, "c", "orders")
    assert await engine.consumer_places(ME) == [ConsumerPlace("c", "orders", 1)]
    assert await take(engine) == b"b"


async def test_a_consumers_commits_are_those_of_its_group(engine: MemoryEngine) -> None:
    await produce(engine, b"a", b"b")
    await take(engine)
    partition = TopicPartition("orders", 0)
    assert await engine.committed_offsets(ME, "c") == {partition: 1}
    await engine.commit_offsets(ME, "c", {partition: 0})
    assert await take(engine) == b"a"


async def test_places_are_sums_over_partitions_and_listed_by_consumer(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "wide", partitions=3)
    for consumer_id in ("b", "a"):
        await engine.register_consumer(ME, consumer_id, "wide")
    for _ in range(6):
        await produce(engine, b"x", topic="wide")
    for _ in range(4):
        await take(engine, "a")
    assert await engine.consumer_places(ME) == [
        ConsumerPlace("a", "wide", 4),
        ConsumerPlace("b", "wide", 0),
        ConsumerPlace("c", "orders", 0),
    ]


async def test_a_waiting_consume_ends_at_the_first_record(engine: MemoryEngine, clock: ManualClock) -> None:
    task = await start_consume(engine)
    assert (task.done(), engine.waiting) == (False, 1)
    await produce(engine, b"a")
    assert value(await outcome(task)) == b"a"
    assert (engine.waiting, clock.now_ms()) == (0, 1_700_000_000_000)


async def test_a_waiting_consume_ends_empty_when_its_time_is_over(engine: MemoryEngine, clock: ManualClock) -> None:
    task = await start_consume(engine, wait_ms=1000)
    clock.advance(999)
    await settle()
    assert not task.done()
    clock.advance(1)
    assert await outcome(task) is None
    assert engine.waiting == 0


async def test_a_wait_is_cut_to_the_brokers_own_limit(make_engine: MakeEngine, clock: ManualClock) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, max_wait_ms=500))
    await engine.register_consumer(ME, "c", "orders")
    task = await start_consume(engine, wait_ms=10**9)
    clock.advance(500)
    assert await outcome(task) is None


async def test_being_woken_in_vain_does_not_prolong_the_wait(engine: MemoryEngine, clock: ManualClock) -> None:
    first, second = await start_consume(engine, wait_ms=1000), await start_consume(engine, wait_ms=1000)
    clock.advance(600)
    await produce(engine, b"a")
    await settle()
    clock.advance(400)
    assert {value(await outcome(first)), value(await outcome(second))} == {b"a", None}


async def test_two_waiting_calls_of_one_consumer_never_get_the_same_record(engine: MemoryEngine) -> None:
    tasks = {await start_consume(engine) for _ in range(3)}
    got = []
    for number in range(3):
        await produce(engine, b"%d" % number)
        await settle()
        done = {task for task in tasks if task.done()}
        tasks -= done
        got += [value(task.result()) for task in done]
    assert got == [b"0", b"1", b"2"]


async def test_any_partition_ends_the_wait(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "wide", partitions=3)
    await engine.register_consumer(ME, "c", "wide")
    seen = set()
    for _ in range(3):
        task = await start_consume(engine)
        await produce(engine, b"x", topic="wide")
        consumed = await outcome(task)
        assert consumed is not None
        seen.add(consumed.partition)
    assert seen == {0, 1, 2}


async def test_a_cancelled_consume_takes_no_record(engine: MemoryEngine) -> None:
    task = await start_consume(engine)
    task.cancel()
    await asyncio.wait([task])
    assert engine.waiting == 0
    await produce(engine, b"a")
    assert await take(engine) == b"a"


async def test_a_consume_that_is_cancelled_just_after_the_record_came_takes_none(engine: MemoryEngine) -> None:
    task = await start_consume(engine)
    await produce(engine, b"a")
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert await engine.consumer_places(ME) == [ConsumerPlace("c", "orders", 0)]
    assert await take(engine) == b"a"


async def test_closing_answers_every_waiting_call(engine: MemoryEngine, clock: ManualClock) -> None:
    tasks = [await start_consume(engine) for _ in range(50)]
    await engine.close()
    assert [await outcome(task) for task in tasks] == [None] * 50
    assert (engine.waiting, clock.timers) == (0, 0)
    assert await outcome(await start_consume(engine)) is None


async def test_a_waiting_consume_learns_that_its_topic_is_gone(engine: MemoryEngine) -> None:
    task = await start_consume(engine)
    await engine.delete_topic(ME, "orders")
    with pytest.raises(UnknownConsumer):
        await outcome(task)
    assert await engine.consumer_places(ME) == []


async def test_a_waiting_consume_follows_its_consumer_to_another_topic(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "bills")
    await produce(engine, b"bill", topic="bills")
    task = await start_consume(engine)
    await engine.register_consumer(ME, "c", "bills")
    assert value(await outcome(task)) == b"bill"


async def test_a_waiting_consume_sees_that_its_group_was_moved_back(engine: MemoryEngine) -> None:
    await produce(engine, b"a")
    await take(engine)
    task = await start_consume(engine)
    await engine.commit_offsets(ME, "c", {TopicPartition("orders", 0): 0})
    assert value(await outcome(task)) == b"a"


async def test_a_consumer_that_fell_behind_goes_on_at_the_log_start_with_one_log_line(
    engine: MemoryEngine, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await engine.create_topic(ME, "short", configs={"retention.ms": "10000"})
    await engine.register_consumer(ME, "c", "short")
    await produce(engine, b"a", b"b", topic="short")
    clock.advance(9_000)
    await produce(engine, b"c", topic="short")
    await produce(engine, b"d", topic="short")
    clock.advance(4_000)
    with caplog.at_level(logging.WARNING):
        assert [await take(engine) for _ in range(3)] == [b"c", b"d", None]
    assert caplog.messages == ["consumer c fell behind on short-0: offsets 0 to 1 are gone, it goes on at 2"]


async def test_a_consumer_of_an_emptied_topic_waits_for_the_next_record(
    engine: MemoryEngine, clock: ManualClock
) -> None:
    await engine.create_topic(ME, "short", configs={"retention.ms": "1000"})
    await engine.register_consumer(ME, "c", "short")
    await produce(engine, b"a", topic="short")
    clock.advance(5_000)
    task = await start_consume(engine)
    assert not task.done()
    await produce(engine, b"b", topic="short")
    assert value(await outcome(task)) == b"b"


async def test_being_woken_in_vain_does_not_prolong_a_wait_that_is_cut(
    make_engine: MakeEngine, clock: ManualClock
) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, max_wait_ms=1000))
    await engine.register_consumer(ME, "c", "orders")
    first, second = await start_consume(engine, wait_ms=5000), await start_consume(engine, wait_ms=5000)
    clock.advance(600)
    await produce(engine, b"a")
    await settle()
    clock.advance(400)
    assert {value(await outcome(first)), value(await outcome(second))} == {b"a", None}


async def test_a_closed_engine_leaves_no_timer(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, b"a")
    await start_consume(engine)
    assert clock.timers > 0
    await engine.close()
    await settle()
    assert clock.timers == 0


async def test_a_consumer_too_many_is_refused_and_nothing_is_registered(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, num_partitions=3, max_groups=1))
    await engine.register_consumer(ME, "a", "orders")
    with pytest.raises(GroupLimitReached):
        await engine.register_consumer(ME, "b", "orders")
    assert [place.consumer_id for place in await engine.consumer_places(ME)] == ["a"]


async def test_many_consumers_are_listed_bit_by_bit(engine: MemoryEngine) -> None:
    for number in range(2 * PLACES_AT_ONCE):
        await engine.register_consumer(ME, f"c{number:04}", "orders")
    await engine.register_consumer(ME, "z", "gone")
    listing = asyncio.create_task(engine.consumer_places(ME))
    await asyncio.sleep(0)
    assert not listing.done()
    await engine.delete_topic(ME, "gone")
    places = await outcome(listing)
    assert [place.consumer_id for place in places] == ["c", *(f"c{number:04}" for number in range(2 * PLACES_AT_ONCE))]
