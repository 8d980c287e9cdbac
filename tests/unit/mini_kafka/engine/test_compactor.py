"""Compaction comes when there is something to clean, in slices, and leaves alone what changed in the meantime."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from mini_kafka.core import compaction
from mini_kafka.core.errors import InvalidRecord
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine import compactor
from mini_kafka.engine.compactor import LOOK_EVERY_MS
from mini_kafka.engine.memory import MemoryEngine
from mini_kafka.engine.port import Caller
from tests.support.clock import ManualClock
from tests.support.tasks import settle

ME = Caller("test")
DAY_MS = 24 * 60 * 60 * 1000
COMPACT = {"cleanup.policy": "compact"}

pytestmark = pytest.mark.anyio


async def produce(engine: MemoryEngine, topic: str, *keys: bytes, value: bytes | None = b"v") -> None:
    """Produce records, each as a batch of its own."""
    for key in keys:
        await engine.produce(ME, topic, [NewRecord(value, key)])


async def offsets(engine: MemoryEngine, topic: str = "t") -> list[int]:
    read = await engine.read(ME, topic, {}, max_records=10_000)
    assert read.up_to_date
    return [found.record.offset for found in read.records]


async def made(engine: MemoryEngine, configs: Mapping[str, str] = COMPACT, name: str = "t") -> None:
    await engine.create_topic(ME, name, configs=configs)


async def test_a_compacted_topic_is_cleaned_by_itself(engine: MemoryEngine, clock: ManualClock) -> None:
    await made(engine)
    await produce(engine, "t", b"a", b"b", b"a", b"c")
    clock.advance(LOOK_EVERY_MS - 1)
    assert await offsets(engine) == [0, 1, 2, 3]
    clock.advance(1)
    assert await offsets(engine) == [1, 2, 3]
    [partition] = (topic := await engine.describe_topic(ME, "t")).partitions
    assert (topic.record_count, partition.log_start_offset, partition.high_watermark) == (3, 0, 4)


async def test_other_topics_are_left_alone_and_need_no_timer(engine: MemoryEngine, clock: ManualClock) -> None:
    await made(engine, {"retention.ms": "-1"})
    await produce(engine, "t", b"a", b"a")
    assert clock.timers == 0


async def test_the_timer_goes_when_all_is_clean_and_comes_back_with_the_next_record(
    engine: MemoryEngine, clock: ManualClock
) -> None:
    await made(engine)
    await produce(engine, "t", b"a", b"a", b"a")
    clock.advance(2 * LOOK_EVERY_MS)
    assert clock.timers == 0
    await produce(engine, "t", b"a", b"a", b"a")
    clock.advance(2 * LOOK_EVERY_MS)
    assert await offsets(engine) == [5]
    assert clock.timers == 0


async def test_a_tombstone_goes_from_a_log_that_nobody_writes_to(engine: MemoryEngine, clock: ManualClock) -> None:
    await made(engine)
    await produce(engine, "t", b"a")
    await produce(engine, "t", b"a", value=None)
    await produce(engine, "t", b"z")
    clock.advance(LOOK_EVERY_MS)
    assert await offsets(engine) == [1, 2]
    clock.advance(DAY_MS + LOOK_EVERY_MS)
    assert await offsets(engine) == [2]
    assert clock.timers == 0


async def test_a_topic_that_becomes_compacted_is_cleaned(engine: MemoryEngine, clock: ManualClock) -> None:
    await made(engine, {})
    await produce(engine, "t", b"a", b"a", b"a")
    await engine.alter_topic(ME, "t", configs=COMPACT)
    clock.advance(LOOK_EVERY_MS)
    assert await offsets(engine) == [2]


async def test_compact_alone_outlives_its_retention_and_compact_delete_does_not(
    engine: MemoryEngine, clock: ManualClock
) -> None:
    await made(engine, COMPACT | {"retention.ms": "1000"}, "kept")
    await made(engine, {"cleanup.policy": "compact,delete", "retention.ms": "1000"}, "aged")
    for name in ("kept", "aged"):
        await produce(engine, name, b"a", b"b")
    clock.advance(2 * LOOK_EVERY_MS)
    assert (await offsets(engine, "kept"), await offsets(engine, "aged")) == ([0, 1], [])


async def test_a_record_without_a_key_is_refused_with_its_whole_request(engine: MemoryEngine) -> None:
    """Kafka answers INVALID_RECORD: "Compacted topic cannot accept message without key in topic partition t-0."."""
    await made(engine)
    with pytest.raises(InvalidRecord, match="record 1 has no key, and topic 't'") as refusal:
        await engine.produce(ME, "t", [NewRecord(b"v", b"k"), NewRecord(b"v")])
    assert refusal.value.index == 1
    assert await offsets(engine) == []
    await produce(engine, "t", b"")
    assert await offsets(engine) == [0]


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP_RECORDS", 1)
    monkeypatch.setattr(compactor, "STEPS_PER_SLICE", 1)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("slices", range(1, 60, 7))
async def test_a_topic_that_stops_being_compacted_between_two_slices_loses_nothing_more(
    engine: MemoryEngine, clock: ManualClock, slices: int
) -> None:
    await made(engine)
    await produce(engine, "t", *[b"a"] * 10)
    for _ in range(slices):
        clock.run_next()
    left = await offsets(engine)
    await engine.alter_topic(ME, "t", configs={"cleanup.policy": "delete"})
    clock.advance(10 * LOOK_EVERY_MS)
    assert await offsets(engine) == left


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("slices", range(1, 60, 7))
async def test_a_topic_that_is_deleted_between_two_slices_gives_all_its_memory_back(
    engine: MemoryEngine, clock: ManualClock, slices: int
) -> None:
    await made(engine)
    await produce(engine, "t", *[b"a"] * 10)
    for _ in range(slices):
        clock.run_next()
    await engine.delete_topic(ME, "t")
    await made(engine)
    await produce(engine, "t", b"a")
    used = engine.memory_used
    clock.advance(10 * LOOK_EVERY_MS)
    assert await offsets(engine) == [0]
    assert 0 < engine.memory_used < used


@pytest.mark.usefixtures("small_steps")
async def test_what_is_appended_between_two_slices_is_cleaned_in_its_turn(
    engine: MemoryEngine, clock: ManualClock
) -> None:
    await made(engine, name="first")
    await made(engine, name="second")
    await produce(engine, "second", *[b"a"] * 10)
    for _ in range(10):
        clock.run_next()  # has passed the first topic, which was empty
    await produce(engine, "first", *[b"a"] * 10)
    clock.advance(3 * LOOK_EVERY_MS)
    assert (await offsets(engine, "first"), await offsets(engine, "second")) == ([9], [9])


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Event]:
    """Stand in for threads: each piece of work waits until the test sets its event, and is done on the loop."""
    waiting: list[asyncio.Event] = []

    async def to_thread(work: Callable[[], bytes]) -> bytes:
        waiting.append(asyncio.Event())
        await waiting[-1].wait()
        return work()

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    return waiting


async def produce_large(engine: MemoryEngine) -> None:
    await made(engine)
    await engine.produce(ME, "t", [NewRecord(b"v", b"a"), NewRecord(bytes(compaction.INLINE_BYTES), b"b")])
    await produce(engine, "t", b"a", b"z")


async def test_a_large_batch_is_checksummed_away_from_the_loop_and_one_pass_waits_for_it(
    engine: MemoryEngine, clock: ManualClock, threads: list[asyncio.Event]
) -> None:
    await produce_large(engine)
    clock.advance(LOOK_EVERY_MS)
    await settle()
    await produce(engine, "t", b"z")
    clock.advance(3 * LOOK_EVERY_MS)
    await settle()
    assert len(threads) == 1
    assert await offsets(engine) == [0, 1, 2, 3, 4]
    threads[0].set()
    await settle()
    clock.advance(1000)
    assert await offsets(engine) == [1, 2, 3, 4]


async def test_work_that_comes_back_to_a_closed_engine_is_dropped(
    engine: MemoryEngine, clock: ManualClock, threads: list[asyncio.Event]
) -> None:
    await produce_large(engine)
    clock.advance(LOOK_EVERY_MS)
    await settle()
    await engine.close()
    threads[0].set()
    await settle()
    assert await offsets(engine) == [0, 1, 2, 3]
    assert clock.timers == 0


async def test_a_bug_ends_one_look_and_not_compaction(
    engine: MemoryEngine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(engine)
    await produce(engine, "t", b"a", b"a", b"a")
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "is_due", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            clock.advance(LOOK_EVERY_MS)
    await produce(engine, "t", b"a")
    clock.advance(LOOK_EVERY_MS)
    assert await offsets(engine) == [3]


async def test_after_closing_nothing_is_cleaned_or_arranged(engine: MemoryEngine, clock: ManualClock) -> None:
    await made(engine)
    await produce(engine, "t", b"a", b"a", b"a")
    await engine.close()
    assert clock.timers == 0
    clock.advance(2 * LOOK_EVERY_MS)
    assert await offsets(engine) == [0, 1, 2]
