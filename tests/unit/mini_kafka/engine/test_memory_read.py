"""Reading a topic over all its partitions: nothing twice, nothing missed, nobody starved, nothing that stops it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from mini_kafka.core.errors import OffsetOutOfRange, UnknownPartition, UnknownTopic
from mini_kafka.core.record_batch import NewRecord, Record, UnreadableRecord
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller, Read
from mini_kafka.engine.reader import PARTITIONS_PER_SLICE, RECORDS_PER_SLICE
from tests.support.clock import ManualClock
from tests.support.tasks import outcome, settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio

ME = Caller("test")
KIB = 1024


@pytest.fixture
async def wide(engine: MemoryEngine) -> str:
    """Make a topic with three partitions and give its name."""
    return (await engine.create_topic(ME, "wide", partitions=3)).name


async def put(engine: MemoryEngine, partition: int, *values: bytes, at: int | None = None) -> None:
    records = [NewRecord(value, partition=partition, timestamp_ms=at) for value in values]
    await engine.produce(ME, "wide", records)


async def read_all(engine: MemoryEngine, max_records: int) -> list[list[bytes | None]]:
    """Read a topic from its start to its end, and give the values of each answer."""
    answers: list[list[bytes | None]] = []
    positions: dict[int, int] = {}
    while True:
        found = await engine.read(ME, "wide", positions, max_records=max_records)
        if not found.records:
            assert found.up_to_date
            return answers
        assert len(found.records) <= max_records
        positions = dict(found.positions)
        answers.append(values(found))


def values(found: Read) -> list[bytes | None]:
    assert all(isinstance(read.record, Record) for read in found.records)
    return [read.record.value for read in found.records if isinstance(read.record, Record)]


@pytest.mark.parametrize("max_records", [1, 2, 3, 7, 100])
async def test_a_reader_that_goes_on_where_it_is_told_sees_every_record_once(
    engine: MemoryEngine, wide: str, max_records: int
) -> None:
    sent = []
    for number in range(30):
        batch = [b"%d-%d" % (number, place) for place in range(number % 4)]
        await put(engine, number % 3, *batch)
        sent += batch
    seen = [value for answer in await read_all(engine, max_records) for value in answer]
    assert sorted(seen, key=str) == sorted(sent, key=str)


async def test_the_records_of_an_answer_are_in_the_order_of_their_times(engine: MemoryEngine, wide: str) -> None:
    for partition, time in ((0, 30), (1, 10), (2, 20), (0, 5)):
        await put(engine, partition, b"%d" % time, at=time)
    assert await read_all(engine, 100) == [[b"10", b"20", b"30", b"5"]]  # 30 and 5 keep their partition's order


@pytest.mark.parametrize("max_records", [1, 2, 3, 5])
async def test_a_busy_partition_starves_no_other(engine: MemoryEngine, wide: str, max_records: int) -> None:
    await put(engine, 0, *[b"busy"] * 50)
    for partition in (1, 2):
        await put(engine, partition, b"rare")
    seen = [value for answer in await read_all(engine, max_records) for value in answer]
    assert max(place for place, value in enumerate(seen) if value == b"rare") <= 5 * 3


async def test_one_partition_can_be_read_alone(engine: MemoryEngine, wide: str) -> None:
    for partition in range(3):
        await put(engine, partition, b"%d" % partition)
    found = await engine.read(ME, wide, {}, partition=1, max_records=10)
    assert values(found) == [b"1"]
    assert found.positions == {1: 1}
    assert found.up_to_date


async def test_an_answer_stays_within_its_bytes_and_holds_a_record_all_the_same(
    engine: MemoryEngine, wide: str
) -> None:
    for _ in range(4):
        await put(engine, 0, b"x" * 10 * KIB)
    found = await engine.read(ME, wide, {}, max_records=100, max_bytes=25 * KIB)
    assert (len(found.records), found.up_to_date) == (2, False)
    found = await engine.read(ME, wide, {}, max_records=100, max_bytes=1)
    assert len(found.records) == 1


async def test_many_partitions_stay_within_the_bytes_together(engine: MemoryEngine, wide: str) -> None:
    for partition in range(3):
        await put(engine, partition, b"x" * 10 * KIB)
    found = await engine.read(ME, wide, {}, max_records=100, max_bytes=1)
    assert len(found.records) == 1


async def test_a_position_outside_its_log_is_refused_with_its_partition(engine: MemoryEngine, wide: str) -> None:
    await put(engine, 2, b"x")
    with pytest.raises(OffsetOutOfRange, match="offset 2 is outside the log of partition 2, which holds 0 to 1"):
        await engine.read(ME, wide, {2: 2}, max_records=1)
    with pytest.raises(UnknownPartition):
        await engine.read(ME, wide, {}, partition=3, max_records=1)
    with pytest.raises(UnknownTopic):
        await engine.read(ME, "nothing", {}, max_records=1)


async def test_a_waiting_read_ends_at_the_first_record_of_any_partition(engine: MemoryEngine, wide: str) -> None:
    task = asyncio.create_task(engine.read(ME, wide, {}, max_records=10, wait_ms=1000))
    await settle()
    assert not task.done()
    await put(engine, 2, b"x")
    assert values(await outcome(task)) == [b"x"]


async def test_a_waiting_read_of_one_partition_is_not_ended_by_another(
    engine: MemoryEngine, clock: ManualClock, wide: str
) -> None:
    task = asyncio.create_task(engine.read(ME, wide, {}, partition=1, max_records=10, wait_ms=1000))
    await settle()
    await put(engine, 2, b"x")
    clock.advance(999)
    await settle()
    assert not task.done()
    clock.advance(1)
    found = await outcome(task)
    assert (found.records, found.positions, found.up_to_date) == ((), {1: 0}, True)


async def test_partitions_that_are_added_are_read_from_their_start(engine: MemoryEngine, wide: str) -> None:
    await put(engine, 0, b"a")
    found = await engine.read(ME, wide, {}, max_records=10)
    task = asyncio.create_task(engine.read(ME, wide, found.positions, max_records=10, wait_ms=1000))
    await settle()
    await engine.alter_topic(ME, wide, partitions=5)
    await settle()
    await put(engine, 4, b"new")
    found = await outcome(task)
    assert values(found) == [b"new"]
    assert found.positions == {0: 1, 1: 0, 2: 0, 3: 0, 4: 1}


async def test_a_read_that_waits_for_a_topic_that_goes_is_refused(engine: MemoryEngine, wide: str) -> None:
    task = asyncio.create_task(engine.read(ME, wide, {}, max_records=10, wait_ms=1000))
    await settle()
    await engine.delete_topic(ME, wide)
    await engine.create_topic(ME, wide, partitions=3)
    with pytest.raises(UnknownTopic):
        await outcome(task)


def compressed(codec: int, *values: bytes) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 2**31 - 1)
    for offset, value in enumerate(values):
        builder.append(offset, 1_700_000_000_000 + offset, None, value, [])
    return bytearray(builder.build())


def append_raw(engine: MemoryEngine, batch: bytearray) -> None:
    """Put a batch into partition 0 as a Kafka client's would come there."""
    engine._topics.get("wide").log(0).append(batch)


@pytest.mark.parametrize("size", [10, 2 * KIB * KIB], ids=["small", "over a mebibyte"])
async def test_a_compressed_batch_is_read_like_any_other(engine: MemoryEngine, wide: str, size: int) -> None:
    append_raw(engine, compressed(1, b"a" * size, b"b" * size, b"c" * size))
    await put(engine, 0, b"d")
    found = await engine.read(ME, wide, {0: 1}, partition=0, max_records=2)
    assert [value and value[:1] for value in values(found)] == [b"b", b"c"]
    assert found.positions == {0: 3}
    assert (await engine.offsets_at(ME, wide, 1_700_000_000_001))[0] == 1


async def test_a_batch_that_is_too_wide_or_broken_gives_its_reason_at_each_offset_and_stops_nobody(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, max_decompressed_bytes=5_000))
    await engine.create_topic(ME, "wide", partitions=1)
    append_raw(engine, compressed(1, b"a" * 10_000, b"b"))
    broken = compressed(0, b"c", b"d")
    broken[70:] = b"\xff" * len(broken[70:])
    append_raw(engine, broken)
    await put(engine, 0, b"e")
    found = await engine.read(ME, "wide", {0: 1}, max_records=10)
    reasons = [read.record.decode_error for read in found.records if isinstance(read.record, UnreadableRecord)]
    assert [read.record.offset for read in found.records] == [1, 2, 3, 4]
    assert reasons[0] == "the batch decompresses to more than 5000 bytes"
    assert [reason.startswith("the batch cannot be decoded: ") for reason in reasons[1:]] == [True, True]


async def test_consume_passes_over_what_cannot_be_decoded_with_a_log_line(
    engine: MemoryEngine, wide: str, caplog: pytest.LogCaptureFixture
) -> None:
    await engine.register_consumer(ME, "c", wide)
    broken = compressed(2, b"a", b"b")
    broken[61:] = b"\xff" * len(broken[61:])
    append_raw(engine, broken)
    await put(engine, 0, b"good")
    consumed = await engine.consume(ME, "c")
    assert consumed
    assert (consumed.record.value, consumed.record.offset) == (b"good", 2)
    assert [record.getMessage()[:34] for record in caplog.records if record.levelname == "WARNING"] == [
        "consumer c passes over wide-0@0: t", "consumer c passes over wide-0@1: t",
    ]  # fmt: skip


async def test_two_calls_for_one_consumer_never_get_the_same_record_of_a_large_compressed_batch(
    engine: MemoryEngine, wide: str
) -> None:
    await engine.register_consumer(ME, "c", wide)
    append_raw(engine, compressed(1, *[b"%d" % number * 3 * 100_000 for number in range(8)]))
    calls = [engine.consume(ME, "c") for _ in range(8)]
    taken = [consumed.record.offset for consumed in await asyncio.gather(*calls) if consumed]
    assert sorted(taken) == list(range(8))


async def test_transaction_markers_are_handed_to_nobody(engine: MemoryEngine, wide: str) -> None:
    marker = compressed(0, b"marker")
    marker[22] |= 0x20
    append_raw(engine, marker)
    await engine.register_consumer(ME, "c", wide)
    found = await engine.read(ME, wide, {}, partition=0, max_records=10)
    assert (found.records, found.positions, found.up_to_date) == ((), {0: 1}, True)
    assert await engine.consume(ME, "c") is None


async def test_others_have_their_turn_while_many_records_are_read(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "deep")
    for _ in range(5):
        await engine.produce(ME, "deep", [NewRecord(b"v")] * RECORDS_PER_SLICE)
    reading = asyncio.create_task(engine.read(ME, "deep", {}, max_records=5 * RECORDS_PER_SLICE))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert len((await reading).records) == 5 * RECORDS_PER_SLICE
    assert turns >= 5


async def read_wide(engine: MemoryEngine) -> int:
    return len((await engine.read(ME, "wide", {}, max_records=200)).records)


async def look_up(engine: MemoryEngine) -> int:
    return len(await engine.offsets_at(ME, "wide", 0))


async def acquire_wide(engine: MemoryEngine) -> int:
    return len(await engine.acquire(ME, "g", ["wide"], max_records=200))


@pytest.mark.parametrize("ask", [read_wide, look_up, acquire_wide])
async def test_others_have_their_turn_while_many_partitions_are_read(
    engine: MemoryEngine, ask: Callable[[MemoryEngine], Coroutine[Any, Any, int]]
) -> None:
    await engine.create_topic(ME, "wide", partitions=200)
    await engine.produce(ME, "wide", [NewRecord(b"x", partition=number) for number in range(200)])
    asking = asyncio.create_task(ask(engine))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 200 // PARTITIONS_PER_SLICE
    assert asking.result() == 200


async def test_a_topic_that_goes_while_its_partitions_are_acquired_leaves_nothing_locked(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "wide", partitions=200)
    await engine.produce(ME, "wide", [NewRecord(b"x", partition=number) for number in range(200)])
    acquiring = asyncio.create_task(engine.acquire(ME, "g", ["wide"], max_records=200))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not acquiring.done()
    await engine.delete_topic(ME, "wide")
    with pytest.raises(UnknownTopic):
        await acquiring
    assert await engine.list_groups(ME) == []
