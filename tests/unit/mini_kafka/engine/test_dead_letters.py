"""Dead letters of the memory engine: nothing that was given up is lost, and nothing goes round in circles."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.engine.dead_letters import HEADROOM_BYTES, RETRY_MS, dead_letter_topic
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller, GroupPartition, Release, ToOffset
from tests.support.clock import ManualClock
from tests.support.tasks import settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio

ME = Caller("test")
LOCK_MS = 1000


@pytest.fixture
async def small(make_engine: MakeEngine) -> AsyncIterator[MemoryEngine]:
    """Give an engine with two deliveries a record, a small memory and few partitions."""
    engine = make_engine(
        EngineConfig(memory_limit=10_000, max_partitions=3, share_max_delivery_count=2, auto_create_topics=False)
    )
    await engine.create_topic(ME, "orders")
    yield engine
    await engine.close()


async def give_up(engine: MemoryEngine, *values: bytes | None, topic: str = "orders") -> None:
    """Produce records, and reject them."""
    if values:
        await engine.produce(ME, topic, [NewRecord(value) for value in values])
    held = await engine.acquire(ME, "g", [topic], max_records=1000, lock_ms=LOCK_MS)
    await engine.acknowledge(ME, "g", reject=[one.lock for one in held])
    for _ in range(len(values) + 1):
        await settle()


async def letters(engine: MemoryEngine, topic: str = "orders.dlq") -> list[bytes | None]:
    if topic not in {known.name for known in await engine.describe_topics(ME)}:
        return []
    found = (await engine.read(ME, topic, {}, max_records=10_000)).records
    return [one.record.value for one in found if isinstance(one.record, Record)]


async def place(engine: MemoryEngine, topic: str = "orders") -> GroupPartition:
    partitions = (await engine.describe_group(ME, "g")).partitions
    return next(place for place in partitions if place.topic == topic)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("{topic}.dlq", "orders", "orders.dlq"),
        ("{topic}.dlq", "orders.dlq", None),
        ("{topic}.dlq", ".dlq", ".dlq.dlq"),
        ("dlq.{topic}", "orders", "dlq.orders"),
        ("dlq.{topic}", "dlq.orders", None),
        ("dead", "orders", "dead"),
        ("dead", "dead", None),
        ("", "orders", None),
        ("{topic}", "orders", None),
    ],
)
def test_a_dead_letter_topic_has_none_of_its_own(pattern: str, topic: str, expected: str | None) -> None:
    assert dead_letter_topic(pattern, topic) == expected


async def test_a_record_that_was_delivered_too_often_is_written_with_its_count_and_reason(
    small: MemoryEngine, clock: ManualClock
) -> None:
    await small.alter_topic(ME, "orders", configs={"retention.ms": "-1"})
    await small.produce(ME, "orders", [NewRecord(b"v", b"k", (("h", None),), timestamp_ms=5)])
    [one] = await small.acquire(ME, "g", ["orders"], max_records=9, lock_ms=LOCK_MS)
    await small.acknowledge(ME, "g", release=[Release(one.lock)])
    await small.acquire(ME, "g", ["orders"], max_records=9, lock_ms=LOCK_MS)
    clock.advance(LOCK_MS)
    await settle()
    [found] = (await small.read(ME, "orders.dlq", {}, max_records=9)).records
    assert isinstance(found.record, Record)
    assert (found.record.value, found.record.key, found.record.timestamp_ms) == (b"v", b"k", clock.now_ms())
    assert found.record.headers == (
        ("h", None),
        ("__dlq.errors.topic", b"orders"),
        ("__dlq.errors.partition", b"0"),
        ("__dlq.errors.offset", b"0"),
        ("__dlq.errors.group", b"g"),
        ("__dlq.errors.delivery.count", b"2"),
        ("__dlq.errors.message", b"delivered too often"),
    )
    assert await place(small) == GroupPartition("orders", 0, 1, 1, 0)


async def test_a_dead_letter_topic_is_made_where_no_other_is_and_takes_what_its_source_took(
    small: MemoryEngine,
) -> None:
    await give_up(small, b"x")
    made = await small.describe_topic(ME, "orders.dlq")
    assert made.config.max_message_bytes == 1_048_588 + HEADROOM_BYTES


async def test_many_records_are_written_in_their_order_and_each_once(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")
    values = [b"%d" % number for number in range(500)]
    await give_up(engine, *values)
    assert await letters(engine) == values
    assert (await place(engine)).lag == 0


async def test_tombstones_have_letters_too(small: MemoryEngine) -> None:
    await give_up(small, None)
    assert await letters(small) == [None]


async def test_what_does_not_fit_into_the_memory_waits_for_room(
    small: MemoryEngine, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await small.alter_topic(ME, "orders", configs={"retention.ms": "60000"})
    with caplog.at_level(logging.WARNING):
        await give_up(small, b"x" * 4_900, b"y" * 4_900)
        for _ in range(3):
            clock.advance(RETRY_MS)
            await settle()
    waits = [message for message in caplog.messages if "are tried again" in message]
    assert len(waits) == 1
    assert "dead letters of group g from orders-0" in waits[0]
    assert "MINI_KAFKA_MEMORY_LIMIT" in waits[0]
    assert (await letters(small), (await place(small)).condemned) == ([], 2)
    small._budget.limit = 30_000
    clock.advance(RETRY_MS)
    await settle()
    assert await letters(small) == [b"x" * 4_900, b"y" * 4_900]
    assert (await place(small)).lag == 0


async def test_what_finds_no_partition_for_its_topic_waits(small: MemoryEngine, clock: ManualClock) -> None:
    await small.create_topic(ME, "others", partitions=2)
    await give_up(small, b"x")
    assert (await place(small)).condemned == 1
    await small.delete_topic(ME, "others")
    clock.advance(RETRY_MS)
    await settle()
    assert await letters(small) == [b"x"]


async def test_a_record_that_its_topic_does_not_take_waits_and_holds_up_no_other(
    small: MemoryEngine, clock: ManualClock
) -> None:
    await small.create_topic(ME, "orders.dlq", configs={"max.message.bytes": "1000"})
    await give_up(small, b"a", b"x" * 990, b"b", b"y" * 990, b"c")
    assert await letters(small) == [b"a", b"b", b"c"]
    assert (await place(small)).condemned == 2
    await give_up(small, b"d")
    assert await letters(small) == [b"a", b"b", b"c"]  # until the next try
    clock.advance(RETRY_MS)
    await settle()
    assert await letters(small) == [b"a", b"b", b"c", b"d"]
    await small.alter_topic(ME, "orders.dlq", configs={"max.message.bytes": "5000"})
    clock.advance(RETRY_MS)
    await settle()
    assert sorted(map(str, await letters(small)))[-2:] == [str(b"x" * 990), str(b"y" * 990)]
    assert (await place(small)).lag == 0


async def test_a_record_of_a_dead_letter_topic_is_done_when_it_is_given_up(
    small: MemoryEngine, caplog: pytest.LogCaptureFixture
) -> None:
    await give_up(small, b"x")
    with caplog.at_level(logging.WARNING):
        await give_up(small, topic="orders.dlq")
    assert (await place(small, "orders.dlq")).lag == 0
    assert [topic.name for topic in await small.describe_topics(ME)] == ["orders", "orders.dlq"]
    assert caplog.messages == [
        "group g is done with orders.dlq-0@0 to 0 (rejected) and nothing was written: it is a dead-letter topic itself"
    ]


async def test_without_a_dead_letter_topic_what_is_given_up_is_done(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, dead_letter_topic=""))
    await engine.create_topic(ME, "orders")
    with caplog.at_level(logging.WARNING):
        await give_up(engine, b"x", b"y")
    assert (await place(engine)).lag == 0
    assert [topic.name for topic in await engine.describe_topics(ME)] == ["orders"]
    assert caplog.messages == [
        "group g is done with orders-0@0 to 1 (rejected) and nothing was written: there is no dead-letter topic"
    ]
    await engine.close()


async def test_a_fixed_name_takes_the_letters_of_all_topics(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, dead_letter_topic="dead"))
    for topic in ("orders", "bills"):
        await engine.create_topic(ME, topic)
        await give_up(engine, topic.encode(), topic=topic)
    assert await letters(engine, "dead") == [b"orders", b"bills"]
    await engine.close()


async def test_what_cannot_be_read_or_is_gone_is_done_with_a_log_line(
    small: MemoryEngine, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await small.create_topic(ME, "others", partitions=2)  # no room for the dead-letter topic yet
    await small.produce(ME, "orders", [NewRecord(b"x")])
    log = small._topics.get("orders").logs[0]
    broken = bytearray(log.fetch(0, 1)[0])
    broken[61:] = b"\xff" * (len(broken) - 61)
    log.append(broken)
    await give_up(small, b"y")
    log.drop_head()
    await small.delete_topic(ME, "others")
    with caplog.at_level(logging.WARNING):
        clock.advance(RETRY_MS)
        await settle()
    assert await letters(small) == [b"y"]
    assert (await place(small)).lag == 0
    told = sorted(message for message in caplog.messages if "nothing was written" in message)
    assert told[0].startswith("group g is done with orders-0@0 to 0 (rejected)")
    assert told[0].endswith("it is gone from the log")
    assert told[1].startswith("group g is done with orders-0@1 to 1 (rejected)")
    assert "cannot be decoded" in told[1]


async def test_a_reset_takes_back_what_was_condemned_and_not_yet_written(
    small: MemoryEngine, clock: ManualClock
) -> None:
    await small.create_topic(ME, "others", partitions=2)
    await give_up(small, b"x")
    held = await small.acquire(ME, "g", ["orders"], max_records=9)
    assert held == []
    await small.delete_group(ME, "g")
    await small.delete_topic(ME, "others")
    clock.advance(RETRY_MS)
    await settle()
    assert await letters(small) == []
    [one] = await small.acquire(ME, "g", ["orders"], max_records=9)
    assert one.delivery_count == 1


async def test_a_reset_while_a_letter_is_read_keeps_it_from_being_written(
    small: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on = small._reader.read_ranges, asyncio.Event()

    async def slow(*args: object) -> object:
        await go_on.wait()
        return await read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(small._reader, "read_ranges", slow)
    await give_up(small, b"x")
    await small.reset_offsets(ME, "g", {"orders": ToOffset(0)})
    go_on.set()
    await settle()
    assert await letters(small) == []
    assert (await place(small)).lag == 1


async def test_a_bug_while_writing_is_logged_and_the_letters_wait(
    small: MemoryEngine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(small._reader, "read_ranges", broken)
        await give_up(small, b"x")
    assert "ZeroDivisionError" in caplog.text
    assert (await place(small)).condemned == 1
    clock.advance(RETRY_MS)
    await settle()
    assert await letters(small) == [b"x"]


async def test_closing_ends_the_writing_and_its_timer(small: MemoryEngine, clock: ManualClock) -> None:
    await small.create_topic(ME, "others", partitions=2)
    await give_up(small, b"x")
    assert clock.timers > 0
    await small.close()
    await settle()
    assert clock.timers == 0
    assert [task for task in asyncio.all_tasks() if "DeadLetters" in repr(task.get_coro())] == []
