"""Shared consumption of the memory engine: locks that run out, waits that end, limits, kinds, and short slices."""

import asyncio

import pytest

from mini_kafka.core.errors import (
    GroupKindConflict,
    GroupLimitReached,
    GroupNotEmpty,
    MemberLimitReached,
    OffsetLimitReached,
    UnknownConsumer,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import Record
from mini_kafka.engine.groups import AT_ONCE
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import (
    EARLIEST,
    GroupMember,
    OffsetTarget,
    Release,
    ToOffset,
    ToTime,
)
from tests.support.clock import ManualClock
from tests.support.memory_sharing import LOCK_MS, ME, acquire, place, produce, start_acquire
from tests.support.sharing import deliveries, locks
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
    assert len(engine._shared._sharing._deadlines) == 0


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


async def test_a_group_has_at_most_so_many_members_whether_they_wait_or_hold_records(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, group_max_size=3))
    await engine.ensure_topic(ME, "orders", explicit=True)
    await produce(engine, 1)
    held = await acquire(engine, member="holds")
    waiting = [await start_acquire(engine), await start_acquire(engine, member="waits")]
    for member in ("another", None):
        with pytest.raises(MemberLimitReached, match=r"MINI_KAFKA_GROUP_MAX_SIZE \(3\)"):
            await acquire(engine, member=member)
    assert await acquire(engine, member="holds") == []
    assert await acquire(engine, member="waits") == []
    assert await engine.acquire(ME, "other", ["orders"], max_records=1, member="another")
    await engine.acknowledge(ME, "g", accept=locks(held))
    await produce(engine, 1)
    await settle()
    assert sorted(len(task.result()) for task in waiting if task.done()) in ([0, 1], [1])
    assert await acquire(engine, member="another") == []
    await engine.close()


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


async def remade(engine: MemoryEngine, name: str) -> None:
    await engine.delete_topic(ME, name)
    await engine.create_topic(ME, name, partitions=1)


@pytest.mark.parametrize(("first", "error"), [(0, UnknownTopic), (1, UnknownPartition)])
async def test_a_topic_that_is_made_again_smaller_during_a_reset_is_said_to_be_gone(
    engine: MemoryEngine, first: int, error: type[Exception]
) -> None:
    await engine.create_topic(ME, "wide", partitions=2 * AT_ONCE)
    targets: dict[str | TopicPartition, OffsetTarget] = {
        TopicPartition("wide", number): ToOffset(0) for number in range(first, 2 * AT_ONCE)
    }
    resetting = asyncio.create_task(engine.reset_offsets(ME, "g", targets))
    await asyncio.sleep(0)
    await remade(engine, "wide")
    with pytest.raises(error):
        await resetting
    assert await engine.list_groups(ME) == []


async def test_a_topic_that_is_made_again_smaller_while_its_group_is_described_is_left_out(
    engine: MemoryEngine,
) -> None:
    await engine.create_topic(ME, "wide", partitions=2 * AT_ONCE)
    await engine.reset_offsets(ME, "g", {"wide": ToOffset(0), "orders": ToOffset(0)})
    describing = asyncio.create_task(engine.describe_group(ME, "g"))
    await asyncio.sleep(0)
    await remade(engine, "wide")
    described = (await describing).partitions
    assert len(described) == AT_ONCE  # `orders` and what was seen before the topic went


async def test_an_offset_too_many_is_refused_and_nothing_is_committed(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=2**30, num_partitions=3, max_offsets=5))
    await engine.ensure_topic(ME, "orders", explicit=True)
    await acquire(engine, group="one")
    places = {TopicPartition("orders", number): 0 for number in range(3)}
    for call in (
        lambda: acquire(engine, group="two"),
        lambda: engine.reset_offsets(ME, "two", {"orders": ToTime(EARLIEST)}),
        lambda: engine.register_consumer(ME, "two", "orders"),
        lambda: engine.commit_offsets(ME, "two", places),
    ):
        with pytest.raises(OffsetLimitReached):
            await call()
    assert [group.name for group in await engine.list_groups(ME)] == ["one"]
    await engine.commit_offsets(ME, "two", {TopicPartition("orders", 1): 0})
    await engine.close()


async def test_a_released_member_has_used_a_delivery_as_when_a_share_session_of_kafka_closes(
    engine: MemoryEngine,
) -> None:
    """Seen with Kafka 4.3.1: consumers that close without a word get deliveries 1 to 5 of a record, and then none."""
    await produce(engine, 1)
    for delivery in range(1, 6):
        assert deliveries(await acquire(engine, member="ada")) == [(0, delivery)]
        assert await engine.release_member(ME, "g", "ada") == 1
    await settle()
    assert await acquire(engine) == []
    [letter] = (await engine.read(ME, "orders.dlq", {}, max_records=2)).records
    assert isinstance(letter.record, Record)
    assert dict(letter.record.headers)["__dlq.errors.delivery.count"] == b"5"
