"""What every engine promises about groups: shared consumption, who is at work, resets, and the end of a group."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from mini_kafka.core.errors import (
    GroupKindConflict,
    GroupNotEmpty,
    GroupNotFound,
    InvalidTopic,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.engine.port import (
    EARLIEST,
    LATEST,
    AcquiredRecord,
    Caller,
    Engine,
    GroupMember,
    GroupPartition,
    GroupSummary,
    OffsetChange,
    OffsetTarget,
    RecordLock,
    Release,
    ShiftBy,
    ToGroup,
    ToOffset,
    ToTime,
)

pytestmark = pytest.mark.anyio

WAIT_MS = 20_000
Unique = Callable[[str], str]


@pytest.fixture
def group(unique: Unique) -> str:
    """Give a group's name that nobody else has."""
    return unique("group")


async def produce(engine: Engine, caller: Caller, topic: str, *values: bytes) -> None:
    await engine.produce(caller, topic, [NewRecord(value) for value in values])


async def acquire(
    engine: Engine,
    caller: Caller,
    group: str,
    *topics: str,
    max_records: int = 100,
    wait_ms: int = WAIT_MS,
    member: str | None = None,
) -> list[AcquiredRecord]:
    return list(await engine.acquire(caller, group, topics, max_records=max_records, wait_ms=wait_ms, member=member))


def offsets(acquired: Sequence[AcquiredRecord]) -> list[int]:
    return [one.record.offset for one in acquired]


def locks(acquired: Sequence[AcquiredRecord]) -> list[RecordLock]:
    return [one.lock for one in acquired]


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
        await engine.produce(caller, topic, [NewRecord(b"", timestamp_ms=number * 1000)])
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


async def test_partitions_that_are_added_join_in(engine: Engine, caller: Caller, topic: str, group: str) -> None:
    waiting = asyncio.create_task(acquire(engine, caller, group, topic))
    await asyncio.sleep(0)
    await engine.alter_topic(caller, topic, partitions=2)
    await engine.produce(caller, topic, [NewRecord(b"", partition=1)])
    [one] = await asyncio.wait_for(waiting, WAIT_MS / 1000)
    assert one.partition == 1
    assert set(await engine.committed_offsets(caller, group)) == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
