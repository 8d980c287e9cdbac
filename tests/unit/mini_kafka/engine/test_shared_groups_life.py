"""Shared groups while other things happen to them: limits, resets, cancelled calls, other kinds, and the end."""

import asyncio

import pytest

from mini_kafka.core.errors import GroupKindConflict, GroupLimitReached, GroupNotEmpty, UnknownConsumer, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.groups import AT_ONCE
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import (
    EARLIEST,
    GroupMember,
    Release,
    ToOffset,
    ToTime,
)
from mini_kafka.engine.shared_groups import LOCKS_PER_SLICE
from tests.support.clock import ManualClock
from tests.support.sharing import LOCK_MS, ME, acquire, deliveries, locks, place, produce, start_acquire
from tests.support.tasks import outcome, settle
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _orders(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")


async def test_a_group_too_many_is_refused_before_anything_is_made(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, max_groups=1))
    await engine.ensure_topic(ME, "orders", explicit=True)
    await acquire(engine, group="one")
    with pytest.raises(GroupLimitReached):
        await acquire(engine, "missing", group="two")
    with pytest.raises(GroupLimitReached):
        await engine.reset_offsets(ME, "two", {"orders": ToTime(EARLIEST)})
    assert [topic.name for topic in await engine.describe_topics(ME)] == ["orders"]
    await acquire(engine, group="one")
    await engine.close()


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


async def test_a_group_is_of_one_kind_while_somebody_waits_or_holds_locks(engine: MemoryEngine) -> None:
    await engine.register_consumer(ME, "g", "orders")
    waiting = asyncio.create_task(engine.consume(ME, "g", wait_ms=1000))
    await settle()
    with pytest.raises(GroupKindConflict, match="'g' is a registered consumer's now"):
        await acquire(engine)
    with pytest.raises(GroupNotEmpty):
        await engine.delete_group(ME, "g")
    await produce(engine, 2)
    await outcome(waiting)
    [one] = await acquire(engine)
    with pytest.raises(GroupKindConflict, match="1 locked"):
        await engine.consume(ME, "g")
    await engine.acknowledge(ME, "g", release=[Release(one.lock)])
    assert (await engine.consume(ME, "g")) is not None


async def test_who_waits_for_records_is_a_member(engine: MemoryEngine) -> None:
    waiting = await start_acquire(engine)
    described = await engine.describe_group(ME, "g")
    assert (described.state, described.members) == ("Stable", (GroupMember(None, 0),))
    await produce(engine, 1)
    await outcome(waiting)


async def test_who_did_not_register_ends_no_sharing(engine: MemoryEngine) -> None:
    await produce(engine, 2)
    first, second = locks(await acquire(engine))
    await engine.acknowledge(ME, "g", accept=[second], release=[Release(first)])
    with pytest.raises(UnknownConsumer):
        await engine.consume(ME, "g")
    assert deliveries(await acquire(engine)) == [(0, 2)]


async def test_a_commit_that_is_refused_leaves_the_shared_group_as_it_is(engine: MemoryEngine) -> None:
    await produce(engine, 2)
    first, second = locks(await acquire(engine))
    await engine.acknowledge(ME, "g", accept=[second], release=[Release(first)])
    with pytest.raises(Exception, match="outside the log"):
        await engine.commit_offsets(ME, "g", {TopicPartition("orders", 0): 99})
    assert deliveries(await acquire(engine)) == [(0, 2)]


async def test_a_deleted_groups_consumer_has_to_register_again(engine: MemoryEngine) -> None:
    await engine.register_consumer(ME, "g", "orders")
    await engine.delete_group(ME, "g")
    assert await engine.consumer_places(ME) == []
    assert await engine.list_groups(ME) == []


@pytest.mark.parametrize("how", ["topic", "reset", "kind"])
async def test_what_ended_leaves_no_deadline(engine: MemoryEngine, how: str) -> None:
    await produce(engine, 1)
    [lock] = locks(await acquire(engine))
    if how == "topic":
        await engine.delete_topic(ME, "orders")
    elif how == "reset":
        await engine.reset_offsets(ME, "g", {"orders": ToOffset(0)})
    else:
        await engine.acknowledge(ME, "g", release=[Release(lock, delay_ms=1000)])
        await engine.commit_offsets(ME, "g", {TopicPartition("orders", 0): 0})
    assert len(engine._shared._deadlines) == 0


async def test_locks_that_run_out_together_are_given_back_bit_by_bit(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, 2000)
    held = locks(await acquire(engine, max_records=2000))
    await engine.acknowledge(ME, "g", accept=held[::2])  # each of the rest is a range of its own
    clock.run_next()
    given_back = [(await place(engine)).available]
    while (await place(engine)).acquired:
        clock.run_next()
        given_back.append((await place(engine)).available)
    assert given_back == [200, 400, 600, 800, 1000]


async def test_many_locks_are_acknowledged_bit_by_bit(engine: MemoryEngine) -> None:
    await produce(engine, 4 * LOCKS_PER_SLICE)
    held = locks(await acquire(engine))
    half = 2 * LOCKS_PER_SLICE
    release = [Release(lock, delay_ms=number) for number, lock in enumerate(held[half:])]
    task = asyncio.create_task(engine.acknowledge(ME, "g", accept=held[:half], release=release))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 4
    assert (task.result().accepted, task.result().released) == (half, half)


async def test_many_groups_and_partitions_are_shown_bit_by_bit(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "wide", partitions=2 * AT_ONCE)
    await engine.reset_offsets(ME, "g0000", {"wide": ToTime(EARLIEST)})
    for number in range(1, 2 * AT_ONCE):
        await engine.commit_offsets(ME, f"g{number:04}", {TopicPartition("orders", 0): 0})
    describing = asyncio.create_task(engine.describe_group(ME, "g0000"))
    listing = asyncio.create_task(engine.list_groups(ME))
    await asyncio.sleep(0)
    assert not describing.done()
    assert not listing.done()
    await engine.delete_group(ME, f"g{2 * AT_ONCE - 1:04}")
    assert len((await outcome(describing)).partitions) == 2 * AT_ONCE
    assert len(await outcome(listing)) == 2 * AT_ONCE - 1


async def test_a_closed_engine_leaves_no_timer_and_shares_no_more(engine: MemoryEngine, clock: ManualClock) -> None:
    await produce(engine, 1)
    await acquire(engine)
    waiting = await start_acquire(engine)
    await engine.close()
    assert await outcome(waiting) == []
    assert await acquire(engine, group="late") == []
    clock.advance(LOCK_MS)
    assert (await place(engine)).acquired == 1
    assert clock.timers == 0
