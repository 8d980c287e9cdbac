"""What an acquire reads, and what it leaves out because it was lost while the call still read."""

import asyncio

import pytest

from mini_kafka.core.errors import UnknownTopic
from mini_kafka.core.record_batch import NewRecord, UnreadableRecord
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import (
    EARLIEST,
    READ_BYTES,
    AcquiredRecord,
    Release,
    ToOffset,
    ToTime,
)
from tests.support.clock import ManualClock
from tests.support.memory_sharing import ME, acquire, place, produce, start_acquire
from tests.support.sharing import deliveries, locks
from tests.support.tasks import outcome, settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _orders(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")


async def test_what_came_back_is_read_again_by_its_offsets(engine: MemoryEngine) -> None:
    for size in (3, 1, 5, 2):
        values = [NewRecord(b"%d-%d" % (size, number)) for number in range(size)]
        await engine.produce(ME, "orders", values)
    held = await acquire(engine)
    wanted = [held[place] for place in (1, 3, 5, 6, 10)]
    await engine.acknowledge(ME, "g", release=[Release(one.lock) for one in wanted])
    assert [one.record for one in await acquire(engine)] == [one.record for one in wanted]


async def test_an_answer_has_bytes_enough_and_not_many_more(engine: MemoryEngine) -> None:
    large = READ_BYTES // 4
    for _ in range(40):
        await engine.produce(ME, "orders", [NewRecord(b"x" * large)])
    held: list[AcquiredRecord] = []
    while part := await acquire(engine):
        assert len(part) <= 4
        held += part
    await engine.acknowledge(ME, "g", release=[Release(lock) for lock in locks(held)])
    assert len(await acquire(engine)) == 4
    assert (await place(engine)).available == 36


async def test_many_single_records_are_acquired_again_bit_by_bit(engine: MemoryEngine) -> None:
    await produce(engine, 1000)
    held = locks(await acquire(engine))
    await engine.acknowledge(ME, "g", accept=held[::2], release=[Release(lock) for lock in held[1::2]])
    task = asyncio.create_task(acquire(engine))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3
    assert len(task.result()) == 500


async def test_large_records_behind_small_ones_do_not_all_come_at_once(engine: MemoryEngine) -> None:
    for size in (1,) * 4 + (READ_BYTES // 4,) * 30:
        await engine.produce(ME, "orders", [NewRecord(b"x" * size)])
    held: list[AcquiredRecord] = []
    while part := await acquire(engine):
        held += part
    await engine.acknowledge(ME, "g", release=[Release(lock) for lock in locks(held)])
    assert len(await acquire(engine)) == 4 + 8


async def test_records_that_were_compacted_away_after_their_first_delivery_are_done(engine: MemoryEngine) -> None:
    for _ in range(3):
        await produce(engine, 1)
    held = locks(await acquire(engine))
    await engine.acknowledge(ME, "g", release=[Release(lock) for lock in held])
    log = engine._topics.get("orders").logs[0]
    log.replace(log.fetch(1, 1)[0], None)
    again = await acquire(engine)
    assert deliveries(again) == [(0, 2), (2, 2)]
    await engine.acknowledge(ME, "g", accept=locks(again))
    assert (await place(engine)).lag == 0


async def test_records_that_the_log_dropped_are_done_and_make_room(make_engine: MakeEngine, clock: ManualClock) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, share_max_in_flight=2))
    await engine.create_topic(ME, "short", configs={"retention.ms": "10000"})
    await produce(engine, 2, "short")
    held = locks(await acquire(engine, "short", lock_ms=60_000))
    clock.advance(9_000)
    await produce(engine, 1, "short")
    clock.advance(4_000)
    assert deliveries(await acquire(engine, "short")) == [(2, 1)]
    assert (await engine.acknowledge(ME, "g", accept=held)).late == tuple(held)
    assert (await place(engine)).committed_offset == 2
    await engine.close()


async def test_records_that_retention_dropped_while_they_were_available_are_not_delivered(
    engine: MemoryEngine, clock: ManualClock
) -> None:
    await engine.create_topic(ME, "short", configs={"retention.ms": "10000"})
    await produce(engine, 2, "short")
    await acquire(engine, "short", lock_ms=1000)
    clock.advance(20_000)
    assert await acquire(engine, "short") == []
    assert (await place(engine)).committed_offset == 2


async def test_a_batch_that_cannot_be_decoded_is_acquired_with_the_reason(engine: MemoryEngine) -> None:
    await produce(engine, 1)
    log = engine._topics.get("orders").logs[0]
    broken = bytearray(log.fetch(0, 1)[0])
    broken[61:] = b"\xff" * (len(broken) - 61)
    log.append(broken)
    first, second = await acquire(engine)
    assert isinstance(second.record, UnreadableRecord)
    assert (await engine.acknowledge(ME, "g", accept=[first.lock, second.lock])).accepted == 2


async def test_a_call_that_is_cancelled_while_it_reads_gives_its_records_back(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.create_topic(ME, "wide", partitions=2)
    for partition in range(2):
        await produce(engine, 1, "wide", partition)
    read = engine._reader.read_partition
    reads = 0

    async def slow(*args: object) -> object:
        nonlocal reads
        reads += 1
        if reads == 2:
            await asyncio.Event().wait()
        return await read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._reader, "read_partition", slow)
    task = await start_acquire(engine, "wide")
    task.cancel()
    await asyncio.wait([task])
    assert (await engine.describe_group(ME, "g")).members == ()
    assert sorted(one.delivery_count for one in await acquire(engine, "wide")) == [1, 2]


async def test_new_records_that_are_read_while_the_group_is_reset_are_not_locked(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await produce(engine, 2)
    read, go_on = engine._reader.read_partition, asyncio.Event()

    async def slow(*args: object) -> object:
        await go_on.wait()
        return await read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._reader, "read_partition", slow)
    waiting = await start_acquire(engine)
    await engine.reset_offsets(ME, "g", {"orders": ToOffset(2)})
    go_on.set()
    await settle()
    assert not waiting.done()
    group = engine._groups._share_groups.find("g")
    assert group is not None
    assert group.in_flight.in_flight == 0
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_reset_by_time_that_outlives_its_topic_moves_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()

    async def slow(*_: object) -> int:
        await go_on.wait()
        return 0

    monkeypatch.setattr(engine._reader, "offset_at", slow)
    task = asyncio.create_task(engine.reset_offsets(ME, "g", {"orders": ToTime(5)}))
    await settle()
    await engine.delete_topic(ME, "orders")
    await engine.create_topic(ME, "orders")
    go_on.set()
    with pytest.raises(UnknownTopic):
        await outcome(task)
    assert await engine.list_groups(ME) == []


@pytest.mark.parametrize("happens", ["expired", "released", "reset", "deleted"])
async def test_what_is_lost_while_a_call_still_reads_is_left_out_of_its_answer(
    engine: MemoryEngine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    await produce(engine, 2)
    held = locks(await acquire(engine))
    await engine.acknowledge(ME, "g", release=[Release(held[0])])
    read, go_on = engine._reader.read_ranges, asyncio.Event()

    async def slow(*args: object) -> object:
        await go_on.wait()
        return await read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._reader, "read_ranges", slow)
    task = asyncio.create_task(acquire(engine, member="mine", lock_ms=1000))
    await settle()
    monkeypatch.undo()
    if happens == "expired":
        clock.advance(1000)
        assert deliveries(await acquire(engine)) == [(0, 3)]
    elif happens == "released":
        await engine.release_member(ME, "g", "mine")
        assert deliveries(await acquire(engine)) == [(0, 3)]
    elif happens == "reset":
        await engine.reset_offsets(ME, "g", {"orders": ToTime(EARLIEST)})
        assert deliveries(await acquire(engine)) == [(0, 1), (1, 1)]
    else:
        await engine.delete_topic(ME, "orders")
        await engine.create_topic(ME, "orders")
    go_on.set()
    assert await outcome(task) == []
