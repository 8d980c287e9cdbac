"""Shared consumption of the memory engine: locks that run out, waits that end, limits, kinds, and short slices."""

import pytest

from mini_kafka.core.record_batch import NewRecord, UnreadableRecord
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import (
    READ_BYTES,
    AcquiredRecord,
    Release,
    ToOffset,
)
from tests.support.clock import ManualClock
from tests.support.sharing import LOCK_MS, ME, acquire, deliveries, locks, place, produce, start_acquire
from tests.support.tasks import outcome, settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _orders(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")


async def test_a_lock_that_runs_out_releases_and_the_late_acknowledgement_is_counted(
    engine: MemoryEngine, clock: ManualClock
) -> None:
    await produce(engine, 2)
    held = await acquire(engine)
    assert [one.deadline_ms for one in held] == [clock.now_ms() + LOCK_MS] * 2
    clock.advance(LOCK_MS - 1)
    assert await acquire(engine) == []
    clock.advance(1)
    assert (await engine.acknowledge(ME, "g", accept=locks(held))).late == tuple(locks(held))
    assert deliveries(await acquire(engine)) == [(0, 2), (1, 2)]


async def test_a_renewed_lock_runs_out_later(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, 2)
    held = locks(await acquire(engine))
    clock.advance(LOCK_MS - 1)
    await engine.acknowledge(ME, "g", renew=held[:1], lock_ms=10_000)
    clock.advance(9_999)
    assert deliveries(await acquire(engine, lock_ms=1)) == [(1, 2)]
    clock.advance(1)
    assert deliveries(await acquire(engine)) == [(0, 2), (1, 3)]


async def test_a_lock_and_a_delay_are_cut_to_the_longest_that_is_allowed(
    make_engine: MakeEngine, clock: ManualClock
) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, share_max_lock_ms=1000))
    await engine.ensure_topic(ME, "orders", explicit=True)
    await produce(engine, 1)
    [one] = await acquire(engine, lock_ms=10**12)
    assert one.deadline_ms == clock.now_ms() + 1000
    await engine.acknowledge(ME, "g", renew=[one.lock], lock_ms=10**12)
    await engine.acknowledge(ME, "g", release=[Release(one.lock, 10**12)])
    clock.advance(1000)
    assert deliveries(await acquire(engine)) == [(0, 2)]
    await engine.close()


async def test_a_waiting_acquire_ends_when_a_lock_runs_out(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, 1)
    await acquire(engine, lock_ms=5_000)
    waiting = await start_acquire(engine)
    clock.advance(4_999)
    await settle()
    assert not waiting.done()
    clock.advance(1)
    assert deliveries(await outcome(waiting)) == [(0, 2)]


async def test_a_waiting_acquire_ends_when_a_delayed_record_comes_due(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, 1)
    held = locks(await acquire(engine))
    waiting = await start_acquire(engine)
    await engine.acknowledge(ME, "g", release=[Release(held[0], 3_000)])
    clock.advance(2_999)
    await settle()
    assert not waiting.done()
    clock.advance(1)
    assert deliveries(await outcome(waiting)) == [(0, 2)]


async def test_a_waiting_acquire_ends_when_a_member_is_released(engine: MemoryEngine) -> None:
    await produce(engine, 1)
    await acquire(engine, member="mine")
    waiting = await start_acquire(engine)
    assert await engine.release_member(ME, "g", "mine") == 1
    assert deliveries(await outcome(waiting)) == [(0, 2)]


async def test_a_waiting_acquire_ends_when_the_group_is_moved_back(engine: MemoryEngine) -> None:
    await produce(engine, 2)
    await engine.acknowledge(ME, "g", accept=locks(await acquire(engine)))
    waiting = await start_acquire(engine)
    await engine.reset_offsets(ME, "g", {"orders": ToOffset(1)})
    assert deliveries(await outcome(waiting)) == [(1, 1)]


async def test_a_waiting_acquire_ends_empty_when_its_time_is_over(make_engine: MakeEngine, clock: ManualClock) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, max_wait_ms=500))
    waiting = await start_acquire(engine, wait_ms=10**9)
    clock.advance(499)
    await settle()
    assert not waiting.done()
    clock.advance(1)
    assert await outcome(waiting) == []
    assert (engine.waiting, clock.timers) == (0, 0)
    await engine.close()


async def test_being_woken_in_vain_does_not_prolong_the_wait(engine: MemoryEngine, clock: ManualClock) -> None:
    waiting = [await start_acquire(engine, wait_ms=1000) for _ in range(3)]
    clock.advance(600)
    await produce(engine, 1)
    await settle()
    clock.advance(400)
    assert sorted([deliveries(await outcome(task)) for task in waiting]) == [[], [], [(0, 1)]]


async def test_room_in_flight_holds_new_records_back_and_ends_the_wait_when_there_is_some(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, num_partitions=2, share_max_in_flight=3))
    await engine.ensure_topic(ME, "wide", explicit=True)
    for partition in range(2):
        await produce(engine, 5, "wide", partition)
    held = locks(await acquire(engine, "wide"))
    assert len(held) == 3
    assert await acquire(engine, "wide") == []
    waiting = await start_acquire(engine, "wide")
    await engine.acknowledge(ME, "g", renew=held)
    await settle()
    assert not waiting.done()
    await engine.acknowledge(ME, "g", accept=held[:2])
    assert len(await outcome(waiting)) == 2
    other = await acquire(engine, "wide", group="other")
    assert len(other) == 3
    await engine.close()


async def test_partitions_and_topics_take_turns(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "wide", partitions=2)
    await produce(engine, 100)
    for partition in range(2):
        await produce(engine, 100, "wide", partition)
    seen = [one[:2] for _ in range(3) for one in await acquire(engine, "orders", "wide", max_records=1)]
    assert sorted(seen) == [("orders", 0), ("wide", 0), ("wide", 1)]
    part = await acquire(engine, "orders", "wide", max_records=30)
    counts = [sum(one[:2] == place for one in part) for place in (("orders", 0), ("wide", 0), ("wide", 1))]
    assert counts == [10, 10, 10]


async def test_a_topic_that_is_named_twice_is_read_once(engine: MemoryEngine) -> None:
    await produce(engine, 1)
    assert len(await acquire(engine, "orders", "orders")) == 1
    assert await engine.acquire(ME, "nobody", [], max_records=1) == []
    assert [one.name for one in await engine.list_groups(ME)] == ["g"]


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
