"""What every engine promises about records that the members of a group share: locked, settled, waited for."""

import asyncio
from collections.abc import Callable

import pytest

from mini_kafka.core.errors import (
    InvalidTopic,
    UnknownTopic,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.engine.port import (
    Caller,
    Engine,
    Release,
    runs,
)
from tests.support.sharing import WAIT_MS, acquire, locks, offsets, produce

pytestmark = pytest.mark.anyio

Unique = Callable[[str], str]


@pytest.fixture
def group(unique: Unique) -> str:
    """Give a group's name that nobody else has."""
    return unique("group")


async def test_two_members_of_a_group_share_the_records_of_one_partition(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b", b"c")
    first = await acquire(engine, caller, group, topic, max_records=2)
    second = await acquire(engine, caller, group, topic, max_records=2)
    assert (offsets(first), offsets(second)) == ([0, 1], [2])
    assert [one.record.value for one in first if isinstance(one.record, Record)] == [b"a", b"b"]
    assert {(one.topic, one.partition, one.delivery_count) for one in (*first, *second)} == {(topic, 0, 1)}
    assert await acquire(engine, caller, group, topic, wait_ms=0) == []


async def test_an_accepted_record_is_done_and_the_committed_offset_is_the_first_that_is_not(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b", b"c")
    held = locks(await acquire(engine, caller, group, topic))
    done = await engine.acknowledge(caller, group, accept=held[1:])
    assert (done.accepted, done.late) == (2, ())
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): 0}
    await engine.acknowledge(caller, group, accept=held[:1])
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): 3}


async def test_a_run_of_records_is_one_lock_and_those_no_longer_held_are_late_one_by_one(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b", b"c", b"d")
    held = locks(await acquire(engine, caller, group, topic))
    [run] = runs(held)
    await engine.acknowledge(caller, group, release=[Release(held[1])])
    done = await engine.acknowledge(caller, group, accept=[run])
    assert (done.accepted, done.late) == (3, (held[1],))
    assert (await engine.acknowledge(caller, group, renew=[run])).late == tuple(held)


async def test_a_released_record_comes_back_with_its_delivery_counted(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b")
    held = locks(await acquire(engine, caller, group, topic))
    done = await engine.acknowledge(caller, group, release=[Release(held[1])])
    assert done.released == 1
    again = await acquire(engine, caller, group, topic)
    assert [(one.record.offset, one.delivery_count) for one in again] == [(1, 2)]


async def test_a_late_lock_is_counted_and_changes_nothing(
    engine: Engine, caller: Caller, topic: str, group: str, unique: Unique
) -> None:
    await produce(engine, caller, topic, b"a")
    [lock] = locks(await acquire(engine, caller, group, topic))
    await engine.acknowledge(caller, group, release=[Release(lock)])
    await acquire(engine, caller, group, topic)
    for done in (
        await engine.acknowledge(caller, group, accept=[lock], reject=[lock], renew=[lock], release=[Release(lock)]),
        await engine.acknowledge(caller, unique("other"), accept=[lock] * 4),
    ):
        assert done == (0, 0, 0, 0, (lock,) * 4)
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): 0}


async def test_a_renewed_lock_is_held_on(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    await produce(engine, caller, topic, b"a")
    held = locks(await acquire(engine, caller, group, topic))
    assert (await engine.acknowledge(caller, group, renew=held, lock_ms=50_000)).renewed == 1
    assert (await engine.acknowledge(caller, group, accept=held)).accepted == 1


async def test_a_rejected_record_goes_to_the_dead_letter_topic_with_its_story(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    dead = f"{topic}.dlq"
    await engine.ensure_topic(caller, dead, explicit=True)
    await engine.produce(caller, topic, [NewRecord(b"v", b"k", (("mine", b"h"),))])
    held = locks(await acquire(engine, caller, group, topic))
    assert (await engine.acknowledge(caller, group, reject=held)).rejected == 1
    [found] = (await engine.read(caller, dead, {}, max_records=9, wait_ms=WAIT_MS)).records
    assert isinstance(found.record, Record)
    assert (found.record.value, found.record.key) == (b"v", b"k")
    assert found.record.headers == (
        ("mine", b"h"),
        ("__dlq.errors.topic", topic.encode()),
        ("__dlq.errors.partition", b"0"),
        ("__dlq.errors.offset", b"0"),
        ("__dlq.errors.group", group.encode()),
        ("__dlq.errors.delivery.count", b"1"),
        ("__dlq.errors.message", b"rejected"),
    )
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): 1}


async def test_a_member_can_be_released_as_a_whole(
    engine: Engine, caller: Caller, wide_topic: str, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b")
    await engine.produce(caller, wide_topic, [NewRecord(b"", partition=number) for number in range(3)])
    mine = await acquire(engine, caller, group, topic, wide_topic, max_records=4, member="mine")
    await acquire(engine, caller, group, topic, wide_topic, member="other")
    assert await engine.release_member(caller, group, "mine") == len(mine) == 4
    assert await engine.release_member(caller, group, "mine") == 0
    assert await engine.release_member(caller, group, "stranger") == 0
    again = await acquire(engine, caller, group, topic, wide_topic)
    assert sorted((one.topic, one.partition, one.record.offset) for one in again) == sorted(
        (one.topic, one.partition, one.record.offset) for one in mine
    )


async def test_acquire_makes_missing_topics_or_refuses(
    engine: Engine, caller: Caller, topic: str, group: str, unique: Unique
) -> None:
    missing = unique("missing")
    with pytest.raises(UnknownTopic):
        await engine.acquire(caller, group, [topic, missing], max_records=1, create=False)
    with pytest.raises(InvalidTopic):
        await engine.acquire(caller, group, [missing, "no topic"], max_records=1)
    assert missing not in {known.name for known in await engine.describe_topics(caller)}
    assert await engine.committed_offsets(caller, group) == {}
    assert await engine.acquire(caller, group, [missing], max_records=1) == []
    assert (await engine.describe_topic(caller, missing)).record_count == 0


async def test_a_waiting_acquire_ends_at_the_first_record_of_any_topic(
    engine: Engine, caller: Caller, topic: str, wide_topic: str, group: str
) -> None:
    waiting = asyncio.create_task(acquire(engine, caller, group, topic, wide_topic))
    await asyncio.sleep(0)
    await engine.produce(caller, wide_topic, [NewRecord(b"a", partition=2)])
    [one] = await asyncio.wait_for(waiting, WAIT_MS / 1000)
    assert (one.topic, one.partition) == (wide_topic, 2)


async def test_a_waiting_acquire_ends_with_a_record_that_somebody_releases(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a")
    [lock] = locks(await acquire(engine, caller, group, topic))
    waiting = asyncio.create_task(acquire(engine, caller, group, topic))
    await asyncio.sleep(0)
    await engine.acknowledge(caller, group, release=[Release(lock)])
    assert [one.delivery_count for one in await asyncio.wait_for(waiting, WAIT_MS / 1000)] == [2]


async def test_a_cancelled_acquire_takes_no_record(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    waiting = asyncio.create_task(acquire(engine, caller, group, topic))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await produce(engine, caller, topic, b"a")
    assert [one.delivery_count for one in await acquire(engine, caller, group, topic)] == [1]


async def test_closing_answers_a_waiting_acquire(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    waiting = asyncio.create_task(acquire(engine, caller, group, topic))
    await asyncio.sleep(0)
    await engine.close()
    assert await asyncio.wait_for(waiting, WAIT_MS / 2000) == []


async def test_partitions_that_are_added_join_in(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    waiting = asyncio.create_task(acquire(engine, caller, group, topic))
    await asyncio.sleep(0)
    await engine.alter_topic(caller, topic, partitions=2)
    await engine.produce(caller, topic, [NewRecord(b"", partition=1)])
    [one] = await asyncio.wait_for(waiting, WAIT_MS / 1000)
    assert one.partition == 1
    assert set(await engine.committed_offsets(caller, group)) == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
