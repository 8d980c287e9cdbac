"""What gateways of one cluster promise together: the engine of a gateway twice, over one real Kafka.

Only where there is a real Kafka; `tests/integration/test_cluster_contract.py` starts one.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from mini_kafka.core.errors import (
    GroupKindConflict,
    InvalidGroupName,
    InvalidTopic,
    LockHeldElsewhere,
    SharedGroupLimitReached,
    UnknownTopic,
    UnknownTopicId,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.engine.kafka_cluster.feed import MAX_RECORDS
from mini_kafka.engine.port import AcquiredRecord, Caller, ConsumerPlace, GroupPartition, Release, ToOffset
from tests.support.sharing import WAIT_MS, acquire, deliveries, locks, offsets, produce
from tests.support.tasks import until

if TYPE_CHECKING:
    from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif("APACHE_KAFKA" not in os.environ, reason="test_cluster_contract runs it over a real Kafka"),
]

Unique = Callable[[str], str]
Start = Callable[..., Awaitable["KafkaClusterEngine"]]


@pytest.fixture
async def topic(left: "KafkaClusterEngine", caller: Caller, unique: Unique) -> str:
    """Make a topic with four partitions."""
    return (await left.create_topic(caller, unique("topic"), partitions=4)).name


async def fill(engine: "KafkaClusterEngine", caller: Caller, topic: str, each: int, partitions: int = 4) -> None:
    """Produce records, `each` of them to every partition."""
    records = [NewRecord(b"%d" % n, partition=number) for n in range(each) for number in range(partitions)]
    await engine.produce(caller, topic, records)


def places(acquired: list[AcquiredRecord]) -> list[tuple[int, int]]:
    return [(one.partition, one.record.offset) for one in acquired]


async def test_two_gateways_share_one_groups_records_completely(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, topic: str, group: str
) -> None:
    await fill(left, caller, topic, 250)
    done: dict[str, set[tuple[int, int]]] = {"left": set(), "right": set()}
    ends = {TopicPartition(topic, number): 250 for number in range(4)}

    async def work(engine: "KafkaClusterEngine", name: str) -> None:
        while await left.committed_offsets(caller, group) != ends:
            got = await acquire(engine, caller, group, topic, max_records=20, wait_ms=100)
            late = set((await engine.acknowledge(caller, group, accept=locks(got))).late)
            done[name].update((one.partition, one.record.offset) for one in got if one.lock not in late)

    async with asyncio.timeout(60):
        await asyncio.gather(work(left, "left"), work(right, "right"))
    assert done["left"] | done["right"] == {(number, n) for n in range(250) for number in range(4)}
    assert done["right"]  # the gateway that came second took its part


async def test_what_a_gateway_leaves_undone_comes_to_the_other(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    await produce(left, caller, narrow, b"a", b"b", b"c", b"d")
    held = locks(await acquire(left, caller, group, narrow))
    await left.acknowledge(caller, group, accept=[held[0], held[2]])
    await left.close()
    assert deliveries(await acquire(right, caller, group, narrow)) == [(1, 1), (2, 1), (3, 1)]


async def test_a_lock_of_another_gateway_is_refused_and_nothing_is_settled(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, group: str, unique: Unique
) -> None:
    await produce(left, caller, narrow, b"a", b"b")
    theirs, mine = unique("theirs"), group
    held = locks(await acquire(left, caller, theirs, narrow))
    own = locks(await acquire(right, caller, mine, narrow))
    with pytest.raises(LockHeldElsewhere) as refusal:
        await right.acknowledge(caller, mine, accept=own, release=[Release(held[0])])
    assert refusal.value.gateway == "left"
    assert (await right.acknowledge(caller, mine, accept=own)).accepted == 2
    assert (await left.acknowledge(caller, theirs, accept=held)).accepted == 2


async def test_a_lock_of_a_gateways_earlier_life_is_late(
    start: Start, left: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    await produce(left, caller, narrow, b"a")
    held = locks(await acquire(left, caller, group, narrow))
    await left.close()
    again = await start("left")
    [new] = await acquire(again, caller, group, narrow)
    assert (await again.acknowledge(caller, group, accept=held)).late == tuple(held)
    assert (await again.acknowledge(caller, group, accept=[new.lock])).accepted == 1


async def test_no_commit_passes_a_record_that_is_not_done(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    place = TopicPartition(narrow, 0)
    await produce(left, caller, narrow, b"a", b"b", b"c")
    held = locks(await acquire(left, caller, group, narrow))
    await left.acknowledge(caller, group, accept=held[1:])
    assert await left.committed_offsets(caller, group) == {place: 0}
    assert await right.committed_offsets(caller, group) == {place: 0}
    await left.acknowledge(caller, group, accept=held[:1])

    async def is_committed() -> bool:
        return await right.committed_offsets(caller, group) == {place: 3}

    await until(is_committed)


async def test_locks_on_a_partition_that_moves_are_late_and_its_records_come_to_its_new_gateway(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, topic: str, group: str
) -> None:
    await fill(left, caller, topic, 2)
    held = await acquire(left, caller, group, topic)
    assert len(held) == 8
    moved = await acquire(right, caller, group, topic)
    done = await left.acknowledge(caller, group, accept=locks(held))
    gone = {lock.partition for lock in done.late}
    assert done.accepted + len(done.late) == 8
    assert {one.partition for one in moved} <= gone
    assert gone < {0, 1, 2, 3}  # only what moves is taken away


async def test_a_gateway_that_nobody_asks_gives_its_partitions_to_the_others(
    start: Start, right: "KafkaClusterEngine", caller: Caller, unique: Unique, group: str
) -> None:
    idle = await start("idle", share_idle_ms=50)
    topic = (await idle.create_topic(caller, unique("topic"), partitions=4)).name
    await fill(idle, caller, topic, 1)
    first = locks(await acquire(idle, caller, group, topic))
    await idle.acknowledge(caller, group, accept=first)
    await fill(idle, caller, topic, 1)
    got: set[tuple[int, int]] = set()

    async def has_all() -> bool:
        got.update(places(await acquire(right, caller, group, topic, wait_ms=200)))
        return len(got) == 4

    await until(has_all)
    assert got == {(number, 1) for number in range(4)}


async def test_a_gateway_that_holds_locks_stays(start: Start, caller: Caller, unique: Unique, group: str) -> None:
    idle = await start("idle", share_idle_ms=50)
    topic = (await idle.create_topic(caller, unique("topic"), partitions=1)).name
    other = (await idle.create_topic(caller, unique("other"), partitions=1)).name
    await produce(idle, caller, topic, b"a")
    held = locks(await acquire(idle, caller, group, topic))
    await acquire(idle, caller, group, other, wait_ms=300)  # six times as long as it takes to be idle
    assert (await idle.acknowledge(caller, group, accept=held)).accepted == 1


async def test_a_gateway_shares_so_many_groups_and_no_more(
    start: Start, caller: Caller, unique: Unique, group: str
) -> None:
    small = await start("small", shared_groups=1)
    topic = (await small.create_topic(caller, unique("topic"), partitions=1)).name
    await acquire(small, caller, group, topic, wait_ms=0)
    with pytest.raises(SharedGroupLimitReached):
        await acquire(small, caller, unique("other"), topic, wait_ms=0)
    await acquire(small, caller, group, topic, wait_ms=0)


async def test_a_window_that_was_full_is_filled_again_and_all_records_come_in_order_and_once(
    left: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    for _ in range(10):
        await produce(left, caller, narrow, *[b"x" * 400] * 1000)
    first = await acquire(left, caller, group, narrow, max_records=1)
    await left.acknowledge(caller, group, accept=locks(first))
    joined = left._shared.find(group)
    assert joined is not None
    [window] = [shared.log for shared in joined.share.shares.values()]

    async def is_paused() -> bool:
        return window.paused

    await until(is_paused)
    assert len(window) < 2 * MAX_RECORDS
    seen: list[int] = offsets(first)
    while len(seen) < 10_000:
        got = await acquire(left, caller, group, narrow, max_records=700)
        seen += offsets(got)
        await left.acknowledge(caller, group, accept=locks(got))
    assert seen == list(range(10_000))
    assert await left.committed_offsets(caller, group) == {TopicPartition(narrow, 0): 10_000}


async def test_a_consumer_that_waits_for_each_answer_gets_every_record_once_from_any_gateway(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, unique: Unique
) -> None:
    consumer = unique("consumer")
    await left.register_consumer(caller, consumer, narrow)
    await produce(left, caller, narrow, b"a", b"b", b"c", b"d")
    taken = []
    for engine in (left, right, right, left):
        consumed = await engine.consume(caller, consumer, wait_ms=WAIT_MS)
        assert consumed is not None
        taken.append(consumed.record.value)
    assert taken == [b"a", b"b", b"c", b"d"]


async def test_calls_at_two_gateways_at_once_get_the_same_record_and_the_slower_commit_counts(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, unique: Unique,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    consumer = unique("consumer")
    await left.register_consumer(caller, consumer, narrow)
    await produce(left, caller, narrow, b"a", b"b", b"c")
    has_read, may_commit = asyncio.Event(), asyncio.Event()
    admin = left._consuming._admin
    commit = admin.commit

    async def slowly(*arguments: object) -> None:
        has_read.set()
        await may_commit.wait()
        await commit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(admin, "commit", slowly)
    slow = asyncio.create_task(left.consume(caller, consumer))
    await has_read.wait()
    taken = [await right.consume(caller, consumer) for _ in range(2)]
    may_commit.set()
    taken += [await slow]
    taken += [await right.consume(caller, consumer) for _ in range(3)]
    assert [consumed and consumed.record.value for consumed in taken] == [b"a", b"b", b"a", b"b", b"c", None]


async def test_every_gateway_knows_where_every_consumer_stands(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, topic: str, narrow: str, unique: Unique
) -> None:
    consumer = unique("consumer")
    await left.register_consumer(caller, consumer, topic)
    await left.register_consumer(caller, consumer, narrow)
    await produce(left, caller, narrow, b"a", b"b")
    await left.consume(caller, consumer)
    found = [place for place in await right.consumer_places(caller) if place.consumer_id == consumer]
    assert found == [ConsumerPlace(consumer, narrow, 1)]
    described = await right.describe_group(caller, consumer)
    assert (described.kind, described.state) == ("offsets", "Empty")
    assert GroupPartition(narrow, 0, 1, 2, 1) in described.partitions


async def test_a_group_that_another_gateway_shares_is_not_moved_nor_read_here(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    await left.register_consumer(caller, group, narrow)
    await produce(left, caller, narrow, b"a")
    held = locks(await acquire(left, caller, group, narrow))
    for refused in (
        right.reset_offsets(caller, group, {narrow: ToOffset(1)}),
        right.commit_offsets(caller, group, {TopicPartition(narrow, 0): 1}),
        right.consume(caller, group),
    ):
        with pytest.raises(GroupKindConflict):
            await refused
    described = await right.describe_group(caller, group)
    assert (described.kind, described.state) == ("shared", "Stable")
    assert [member.client_id for member in described.members] == ["mini-kafka-gateway:left"]
    assert (await left.acknowledge(caller, group, accept=held)).accepted == 1


async def test_a_group_of_kafka_consumers_is_theirs(
    left: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    import confluent_kafka

    await produce(left, caller, narrow, b"a")
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": os.environ["APACHE_KAFKA"], "group.id": group, "auto.offset.reset": "earliest",
         "client.id": "somebody", "enable.auto.commit": False}
    )  # fmt: skip
    try:
        consumer.subscribe([narrow])
        assert await asyncio.to_thread(consumer.poll, WAIT_MS / 1000) is not None
        for refused in (
            acquire(left, caller, group, narrow),
            left.commit_offsets(caller, group, {TopicPartition(narrow, 0): 1}),
            left.reset_offsets(caller, group, {narrow: ToOffset(1)}),
        ):
            with pytest.raises(GroupKindConflict):
                await refused
        described = await left.describe_group(caller, group)
        assert (described.kind, described.state) == ("classic", "Stable")
        [member] = described.members
        assert (member.client_id, member.assignment) == ("somebody", (TopicPartition(narrow, 0),))
    finally:
        await asyncio.to_thread(consumer.close)
    assert offsets(await acquire(left, caller, group, narrow)) == [0]


@pytest.mark.parametrize("before", [" ", "\t", "\0"])
async def test_a_group_whose_name_the_client_would_shorten_is_refused_and_the_gateway_lives(
    left: "KafkaClusterEngine", caller: Caller, narrow: str, group: str, before: str
) -> None:
    for name in (before, before + group):
        with pytest.raises(InvalidGroupName):
            await acquire(left, caller, name, narrow)
    assert group not in [one.name for one in await left.list_groups(caller)]


@pytest.mark.parametrize("name", ["__consumer_offsets", "__transaction_state", "__share_group_state"])
async def test_kafkas_own_topics_are_neither_made_nor_waited_for(
    left: "KafkaClusterEngine", caller: Caller, name: str
) -> None:
    for refused in (
        left.create_topic(caller, name),
        left.put_topic(caller, name),
        left.ensure_topic(caller, name, explicit=True),
        left.produce(caller, name, [NewRecord(b"v")], create=True),
    ):
        with pytest.raises(InvalidTopic, match="its own"):
            await refused
    assert name not in [topic.name for topic in await left.describe_topics(caller)]


async def test_who_reads_on_sees_what_any_gateway_has_acknowledged_before(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, topic: str
) -> None:
    await fill(left, caller, topic, 50)
    positions: Mapping[int, int] = {}
    seen = 0
    for turn in range(10):
        read = await left.read(caller, topic, positions, max_records=15)
        seen, positions = seen + len(read.records), read.positions
        await right.produce(caller, topic, [NewRecord(b"late", partition=turn % 4)])
    while not read.up_to_date:
        read = await left.read(caller, topic, positions, max_records=15)
        seen, positions = seen + len(read.records), read.positions
    assert (seen, sum(positions.values())) == (210, 210)


async def test_who_reads_on_gets_no_record_of_a_topic_that_another_gateway_has_made_again(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str
) -> None:
    old = b"old" + b"x" * 5000  # more in all than a consumer fetches ahead
    await left.produce(caller, narrow, [NewRecord(old)] * 2000)
    read = await left.read(caller, narrow, {}, max_records=20)
    topic_id = read.topic_id

    async def make_again() -> None:
        await right.delete_topic(caller, narrow)
        await right.create_topic(caller, narrow, partitions=1)
        await right.produce(caller, narrow, [NewRecord(b"new")] * 3000)

    async def read_on() -> None:
        positions = read.positions
        while True:
            found = await left.read(caller, narrow, positions, topic_id=topic_id, max_records=20, wait_ms=WAIT_MS)
            assert all(isinstance(one.record, Record) and one.record.value == old for one in found.records)
            positions = found.positions
            await asyncio.sleep(0.005)

    making = asyncio.create_task(make_again())
    with pytest.raises((UnknownTopic, UnknownTopicId)):
        await read_on()
    await making
    with pytest.raises(UnknownTopicId):
        await left.read(caller, narrow, read.positions, topic_id=topic_id, max_records=5)


async def test_gateways_that_make_one_topic_at_the_same_time_all_find_it(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, unique: Unique
) -> None:
    name = unique("topic")
    made = await asyncio.gather(
        *(engine.ensure_topic(caller, name, explicit=True) for engine in (left, right) for _ in range(5))
    )
    assert len({topic.topic_id for topic in made}) == 1


async def test_a_new_group_begins_where_the_log_begins_and_that_is_committed(
    left: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    import confluent_kafka

    await produce(left, caller, narrow, b"a", b"b", b"c", b"d")
    [deleted] = left._connection.admin.delete_records([confluent_kafka.TopicPartition(narrow, 0, 2)]).values()
    await asyncio.to_thread(deleted.result, WAIT_MS / 1000)
    assert offsets(await acquire(left, caller, group, narrow)) == [2, 3]
    assert await left.committed_offsets(caller, group) == {TopicPartition(narrow, 0): 2}
