"""What every engine promises about groups: their kind, who is at work, resets, and the end of a group."""

import asyncio
from collections.abc import Callable

import pytest

from mini_kafka.core.errors import (
    GroupKindConflict,
    GroupNotEmpty,
    GroupNotFound,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import (
    EARLIEST,
    LATEST,
    Caller,
    Engine,
    GroupMember,
    GroupPartition,
    GroupSummary,
    OffsetChange,
    OffsetTarget,
    Release,
    ShiftBy,
    ToGroup,
    ToOffset,
    ToTime,
)
from tests.support.sharing import WAIT_MS, acquire, locks, offsets, produce

pytestmark = pytest.mark.anyio

Unique = Callable[[str], str]


@pytest.fixture
def group(unique: Unique) -> str:
    """Give a group's name that nobody else has."""
    return unique("group")


async def test_a_shared_group_goes_on_where_an_ordinary_one_committed(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b")
    await engine.commit_offsets(caller, group, {TopicPartition(topic, 0): 1})
    assert offsets(await acquire(engine, caller, group, topic)) == [1]


async def test_a_registered_consumer_goes_on_where_its_group_shared_before(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a", b"b", b"c")
    held = locks(await acquire(engine, caller, group, topic, max_records=2))
    await engine.acknowledge(caller, group, accept=held)
    await engine.register_consumer(caller, group, topic)
    consumed = await engine.consume(caller, group, wait_ms=WAIT_MS)
    assert consumed is not None
    assert consumed.record.offset == 2
    assert (await engine.describe_group(caller, group)).kind == "offsets"


async def test_a_group_with_locks_refuses_calls_of_the_other_kind(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await engine.register_consumer(caller, group, topic)
    await produce(engine, caller, topic, b"a")
    held = locks(await acquire(engine, caller, group, topic))
    place = TopicPartition(topic, 0)
    with pytest.raises(GroupKindConflict):
        await engine.consume(caller, group)
    with pytest.raises(GroupKindConflict):
        await engine.register_consumer(caller, group, topic)
    with pytest.raises(GroupKindConflict):
        await engine.commit_offsets(caller, group, {place: 1})
    assert await engine.committed_offsets(caller, group) == {place: 0}
    assert (await engine.acknowledge(caller, group, accept=held)).accepted == 1
    await engine.commit_offsets(caller, group, {place: 0})
    assert await engine.consume(caller, group, wait_ms=WAIT_MS) is not None


async def test_a_waiting_call_of_one_kind_keeps_the_other_out(
    engine: Engine, caller: Caller, topic: str, group: str, unique: Unique
) -> None:
    other = unique("other")
    for name in (group, other):
        await engine.register_consumer(caller, name, topic)
    waiting = [
        asyncio.create_task(engine.consume(caller, group, wait_ms=WAIT_MS)),
        asyncio.create_task(acquire(engine, caller, other, topic)),
    ]
    await asyncio.sleep(0)
    with pytest.raises(GroupKindConflict):
        await acquire(engine, caller, group, topic)
    with pytest.raises(GroupKindConflict):
        await engine.consume(caller, other)
    await produce(engine, caller, topic, b"a")
    await asyncio.wait_for(asyncio.gather(*waiting), WAIT_MS / 1000)


async def test_a_description_shows_who_is_at_work_and_where_the_group_stands(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, *[b"x"] * 10)
    mine = locks(await acquire(engine, caller, group, topic, max_records=4, member="mine"))
    others = locks(await acquire(engine, caller, group, topic, max_records=2))
    await engine.acknowledge(
        caller, group, accept=mine[:1], release=[Release(mine[1]), Release(mine[2], delay_ms=50_000)]
    )
    described = await engine.describe_group(caller, group)
    assert (described.name, described.kind, described.state) == (group, "shared", "Stable")
    assert described.members == (GroupMember(None, 2), GroupMember("mine", 1))
    assert described.partitions == (
        GroupPartition(topic, 0, 1, 10, 9, acquired=3, available=1, delayed=1, condemned=0),
    )
    await engine.acknowledge(caller, group, accept=[mine[3], *others])
    described = await engine.describe_group(caller, group)
    assert (described.state, described.members) == ("Empty", ())


async def test_a_registered_consumer_is_a_group_with_lag(
    engine: Engine, caller: Caller, wide_topic: str, group: str
) -> None:
    await engine.register_consumer(caller, group, wide_topic)
    waiting = asyncio.create_task(engine.consume(caller, group, wait_ms=WAIT_MS))
    await asyncio.sleep(0)
    described = await engine.describe_group(caller, group)
    assert (described.kind, described.state, described.members) == ("offsets", "Stable", (GroupMember(group, 0),))
    await engine.produce(caller, wide_topic, [NewRecord(b"a", partition=1), NewRecord(b"b", partition=1)])
    await asyncio.wait_for(waiting, WAIT_MS / 1000)
    described = await engine.describe_group(caller, group)
    assert [(place.partition, place.committed_offset, place.lag) for place in described.partitions] == [
        (0, 0, 0), (1, 1, 1), (2, 0, 0),
    ]  # fmt: skip
    assert described.state == "Empty"


async def test_all_groups_are_listed_by_name(engine: Engine, caller: Caller, topic: str, unique: Unique) -> None:
    shared, plain = unique("a-shared"), unique("b-plain")
    await produce(engine, caller, topic, b"a")
    await acquire(engine, caller, shared, topic, member="mine")
    await engine.commit_offsets(caller, plain, {TopicPartition(topic, 0): 1})
    listed = [one for one in await engine.list_groups(caller) if one.name in {shared, plain}]
    assert listed == [GroupSummary(shared, "shared", "Stable", 1), GroupSummary(plain, "offsets", "Empty", 0)]


async def test_what_nobody_knows_is_not_found(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    with pytest.raises(GroupNotFound):
        await engine.describe_group(caller, group)
    with pytest.raises(GroupNotFound):
        await engine.delete_group(caller, group)
    with pytest.raises(GroupNotFound):
        await engine.forget_offsets(caller, group, topic)
    with pytest.raises(GroupNotFound):
        await engine.reset_offsets(caller, group, {topic: ToGroup(f"{group}-other")})
    assert group not in {one.name for one in await engine.list_groups(caller)}


@pytest.mark.parametrize(
    ("target", "after"),
    [
        (ToTime(EARLIEST), 0),
        (ToTime(LATEST), 5),
        (ToTime(3000), 3),
        (ToTime(9000), 5),
        (ToOffset(4), 4),
        (ToOffset(-5), 0),
        (ToOffset(100), 5),
        (ShiftBy(2), 4),
        (ShiftBy(-1), 1),
        (ShiftBy(-100), 0),
        (ShiftBy(100), 5),
    ],
    ids=str,
)
async def test_a_reset_goes_where_it_is_told_within_the_log(
    engine: Engine, caller: Caller, topic: str, group: str, target: OffsetTarget, after: int
) -> None:
    for number in range(5):
        await engine.produce(caller, topic, [NewRecord(b"", timestamp_ms=number * 1000 or 1)])
    await engine.commit_offsets(caller, group, {TopicPartition(topic, 0): 2})
    change = [OffsetChange(topic, 0, 2, after)]
    assert await engine.reset_offsets(caller, group, {topic: target}, dry_run=True) == change
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): 2}
    assert await engine.reset_offsets(caller, group, {topic: target}) == change
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): after}


async def test_a_reset_may_name_single_partitions_and_make_the_group(
    engine: Engine, caller: Caller, wide_topic: str, group: str, unique: Unique
) -> None:
    await engine.produce(caller, wide_topic, [NewRecord(b"", partition=number % 3) for number in range(12)])
    leader = unique("leader")
    await engine.commit_offsets(caller, leader, {TopicPartition(wide_topic, 1): 3})
    last = TopicPartition(wide_topic, 2)
    changes = await engine.reset_offsets(caller, group, {last: ShiftBy(1), wide_topic: ToGroup(leader)})
    assert [change[1:] for change in changes] == [(0, None, 0), (1, None, 3), (2, None, 1)]
    with pytest.raises(UnknownPartition):
        await engine.reset_offsets(caller, group, {last: ToOffset(0), TopicPartition(wide_topic, 3): ToOffset(0)})
    assert (await engine.committed_offsets(caller, group))[last] == 1


async def test_a_reset_ends_the_locks_of_a_shared_group(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    await produce(engine, caller, topic, b"a", b"b", b"c")
    held = locks(await acquire(engine, caller, group, topic))
    await engine.acknowledge(caller, group, accept=held[:1])
    await engine.reset_offsets(caller, group, {topic: ToTime(EARLIEST)})
    assert (await engine.acknowledge(caller, group, accept=held)).late == tuple(held)
    again = await acquire(engine, caller, group, topic)
    assert [(one.record.offset, one.delivery_count) for one in again] == [(0, 1), (1, 1), (2, 1)]


async def test_a_group_is_deleted_when_nobody_is_at_work_in_it(
    engine: Engine, caller: Caller, topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a")
    held = locks(await acquire(engine, caller, group, topic))
    with pytest.raises(GroupNotEmpty):
        await engine.delete_group(caller, group)
    with pytest.raises(GroupNotEmpty):
        await engine.forget_offsets(caller, group, topic)
    await engine.acknowledge(caller, group, accept=held)
    await engine.delete_group(caller, group)
    with pytest.raises(GroupNotFound):
        await engine.describe_group(caller, group)
    assert offsets(await acquire(engine, caller, group, topic)) == [0]


async def test_one_topics_offsets_are_forgotten_alone(
    engine: Engine, caller: Caller, topic: str, wide_topic: str, group: str
) -> None:
    await produce(engine, caller, topic, b"a")
    await engine.produce(caller, wide_topic, [NewRecord(b"", partition=2)])
    held = locks(await acquire(engine, caller, group, topic, wide_topic))
    await engine.acknowledge(caller, group, accept=held)
    await engine.forget_offsets(caller, group, wide_topic)
    assert await engine.committed_offsets(caller, group) == {TopicPartition(topic, 0): 1}
    [again] = await acquire(engine, caller, group, topic, wide_topic)
    assert (again.topic, again.record.offset) == (wide_topic, 0)
    await engine.acknowledge(caller, group, accept=[again.lock])
    for name in (topic, wide_topic):
        await engine.forget_offsets(caller, group, name)
    with pytest.raises(GroupNotFound):
        await engine.describe_group(caller, group)


async def test_a_deleted_topic_ends_everything_of_it(
    engine: Engine, caller: Caller, topic: str, group: str, unique: Unique
) -> None:
    other = unique("other")
    await produce(engine, caller, topic, b"old")
    await engine.ensure_topic(caller, other, explicit=True)
    held = locks(await acquire(engine, caller, group, topic, other))
    waiting = asyncio.create_task(acquire(engine, caller, group, topic, other))
    await asyncio.sleep(0)
    await engine.delete_topic(caller, topic)
    with pytest.raises(UnknownTopic):
        await asyncio.wait_for(waiting, WAIT_MS / 2000)
    await engine.create_topic(caller, topic, partitions=1)
    await produce(engine, caller, topic, b"new")
    [new] = await acquire(engine, caller, group, topic, other)
    assert (await engine.acknowledge(caller, group, accept=held)).late == tuple(held)
    assert (await engine.acknowledge(caller, group, accept=[new.lock])).accepted == 1
