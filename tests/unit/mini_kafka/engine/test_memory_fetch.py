"""Reading by offset and by time from the memory engine, long polls, and commits of a group's own."""

import asyncio

import pytest

from mini_kafka.core.errors import OffsetOutOfRange, UnknownPartition, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import EARLIEST, LATEST, Caller
from tests.support.clock import ManualClock
from tests.support.reading import Fetched, fetch, offset_at
from tests.support.tasks import outcome, settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio

ME = Caller("test")
ORDERS = TopicPartition("orders", 0)


async def produce(engine: MemoryEngine, *values: bytes, topic: str = "orders") -> None:
    """Produce values as one call, which is one batch."""
    await engine.produce(ME, topic, [NewRecord(value) for value in values])


async def start_fetch(engine: MemoryEngine, offset: int, wait_ms: int = 1000) -> "asyncio.Task[Fetched]":
    task = asyncio.create_task(fetch(engine, ME, ORDERS, offset, max_records=10, wait_ms=wait_ms))
    await settle()
    return task


def offsets(fetched: Fetched) -> list[int]:
    return [record.offset for record in fetched.records]


@pytest.fixture(autouse=True)
async def _orders(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")


async def test_a_fetch_starts_at_its_offset_also_inside_a_batch(engine: MemoryEngine) -> None:
    await produce(engine, b"a", b"b", b"c")
    await produce(engine, b"d")
    fetched = await fetch(engine, ME, ORDERS, 1, max_records=10)
    assert [record.value for record in fetched.records] == [b"b", b"c", b"d"]
    assert (fetched.log_start_offset, fetched.high_watermark) == (0, 4)


async def test_a_fetch_gives_no_more_records_than_it_was_asked_for(engine: MemoryEngine) -> None:
    await produce(engine, b"a", b"b", b"c")
    assert offsets(await fetch(engine, ME, ORDERS, 0, max_records=2)) == [0, 1]
    assert offsets(await fetch(engine, ME, ORDERS, 2, max_records=2)) == [2]


async def test_a_reader_that_follows_its_fetches_sees_every_record_once(engine: MemoryEngine) -> None:
    for number in range(40):
        await produce(engine, *[b"x" * 50_000] * (number % 3 + 1))
    seen: list[int] = []
    while found := offsets(await fetch(engine, ME, ORDERS, len(seen), max_records=7)):
        seen += found
    assert seen == list(range(len(seen)))
    assert len(seen) == await offset_at(engine, ME, ORDERS, LATEST)


async def test_a_fetch_at_the_end_is_empty_and_does_not_wait_unless_asked(engine: MemoryEngine) -> None:
    await produce(engine, b"a")
    assert offsets(await fetch(engine, ME, ORDERS, 1, max_records=10)) == []


@pytest.mark.parametrize("offset", [-1, 2])
async def test_an_offset_outside_the_log_is_refused_even_where_the_call_would_wait(
    engine: MemoryEngine, offset: int
) -> None:
    await produce(engine, b"a")
    with pytest.raises(OffsetOutOfRange):
        await fetch(engine, ME, ORDERS, offset, max_records=10, wait_ms=1000)


async def test_an_offset_that_retention_took_is_refused(engine: MemoryEngine, clock: ManualClock) -> None:
    await engine.create_topic(ME, "short", configs={"retention.ms": "1000"})
    await produce(engine, b"a", topic="short")
    clock.advance(5_000)
    with pytest.raises(OffsetOutOfRange, match="which holds 1 to 1"):
        await fetch(engine, ME, TopicPartition("short", 0), 0, max_records=1)


async def test_what_is_not_there_is_refused(engine: MemoryEngine) -> None:
    for partition, refusal in (
        (TopicPartition("bills", 0), UnknownTopic),
        (TopicPartition("orders", 1), UnknownPartition),
        (TopicPartition("orders", -1), UnknownPartition),
    ):
        with pytest.raises(refusal):
            await fetch(engine, ME, partition, 0, max_records=1)
        with pytest.raises(refusal):
            await engine.commit_offsets(ME, "g", {partition: 0})


async def test_a_waiting_fetch_ends_at_the_first_record(engine: MemoryEngine, clock: ManualClock) -> None:
    task = await start_fetch(engine, 0)
    assert engine.waiting == 1
    await produce(engine, b"a")
    assert offsets(await outcome(task)) == [0]
    assert (engine.waiting, clock.now_ms()) == (0, 1_700_000_000_000)


async def test_a_waiting_fetch_ends_empty_when_its_time_is_over(engine: MemoryEngine, clock: ManualClock) -> None:
    task = await start_fetch(engine, 0, wait_ms=1000)
    clock.advance(999)
    await settle()
    assert not task.done()
    clock.advance(1)
    assert offsets(await outcome(task)) == []


async def test_a_wait_is_cut_to_the_brokers_own_limit(make_engine: MakeEngine, clock: ManualClock) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, max_wait_ms=500))
    await engine.create_topic(ME, "orders")
    task = await start_fetch(engine, 0, wait_ms=10**9)
    clock.advance(500)
    assert offsets(await outcome(task)) == []


async def test_a_record_in_another_partition_or_none_at_all_does_not_end_the_wait(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "bills")
    task = await start_fetch(engine, 0)
    await produce(engine, b"a", topic="bills")
    await produce(engine)
    await settle()
    assert not task.done()
    await produce(engine, b"a")
    assert offsets(await outcome(task)) == [0]


async def test_a_waiting_fetch_learns_that_its_topic_is_gone(engine: MemoryEngine) -> None:
    task = await start_fetch(engine, 0)
    await engine.delete_topic(ME, "orders")
    with pytest.raises(UnknownTopic):
        await outcome(task)


async def test_closing_ends_a_waiting_fetch(engine: MemoryEngine) -> None:
    task = await start_fetch(engine, 0)
    await engine.close()
    assert offsets(await outcome(task)) == []
    assert engine.waiting == 0


async def test_the_ends_of_a_log_are_looked_up(engine: MemoryEngine, clock: ManualClock) -> None:
    await engine.create_topic(ME, "short", configs={"retention.ms": "10000"})
    short = TopicPartition("short", 0)
    await produce(engine, b"a", b"b", topic="short")
    clock.advance(9_000)
    await produce(engine, b"c", topic="short")
    clock.advance(4_000)
    assert [await offset_at(engine, ME, short, at) for at in (EARLIEST, LATEST)] == [2, 3]


async def test_a_time_finds_the_first_record_at_or_after_it_inside_its_batch(engine: MemoryEngine) -> None:
    records = [NewRecord(b"", timestamp_ms=time) for time in (100, 300, 200)]
    await engine.produce(ME, "orders", records)
    await engine.produce(ME, "orders", [NewRecord(b"", timestamp_ms=time) for time in (50, 400)])
    found = [await offset_at(engine, ME, ORDERS, time) for time in (0, 100, 101, 300, 301, 400, 401)]
    assert found == [0, 0, 1, 1, 4, 4, 5]


async def test_a_group_keeps_what_it_commits(engine: MemoryEngine) -> None:
    await produce(engine, b"a", b"b")
    await engine.commit_offsets(ME, "g", {ORDERS: 2})
    await engine.commit_offsets(ME, "g", {ORDERS: 1})
    assert await engine.committed_offsets(ME, "g") == {ORDERS: 1}
    assert await engine.committed_offsets(ME, "nobody") == {}


@pytest.mark.parametrize("offset", [-1, 3])
async def test_one_offset_outside_its_log_refuses_the_whole_commit(engine: MemoryEngine, offset: int) -> None:
    await engine.create_topic(ME, "bills", partitions=2)
    await produce(engine, b"a", b"b")
    with pytest.raises(OffsetOutOfRange, match=f"offset {offset} "):
        await engine.commit_offsets(ME, "g", {TopicPartition("bills", 1): 0, ORDERS: offset})
    assert await engine.committed_offsets(ME, "g") == {}
