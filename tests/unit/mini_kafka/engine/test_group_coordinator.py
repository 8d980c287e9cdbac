"""Members of Kafka's groups at work: waiting, time-outs, hanging up, the end of the engine, and one kind a group."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mini_kafka.core.errors import (
    BrokerStopping,
    CommitMetadataTooLarge,
    GroupKindConflict,
    GroupNotEmpty,
    InconsistentGroupProtocol,
    InvalidGroupName,
    InvalidSessionTimeout,
    RebalanceInProgress,
    UnknownMember,
)
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import JoinWish, Leaver, Place
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.group_coordinator import SWEEP_MS
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.memory import EngineConfig
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import GroupMember, GroupPartition, ToOffset
from tests.support.clock import ManualClock
from tests.support.membership import KAFKA, OUTSIDE, REBALANCE_MS, SESSION_MS, Kafka, wish
from tests.support.tasks import outcome, settle

pytestmark = pytest.mark.anyio

ORDERS = TopicPartition("orders", 0)


@pytest.fixture
async def kafka(clock: ManualClock) -> AsyncIterator[Kafka]:
    """Give Kafka clients of an engine that has a topic of two partitions, with three records in the first."""
    engine = MemoryLogEngine(EngineConfig(memory_limit=2**40), clock)
    await engine.create_topic(KAFKA, "orders", partitions=2)
    await engine.produce(KAFKA, "orders", [NewRecord(b"", partition=0)] * 3)
    yield Kafka(engine, clock)
    await engine.close()


async def test_a_new_member_is_given_an_id_that_begins_with_its_clients(kafka: Kafka) -> None:
    assert (await kafka.ask_for_id("g")).startswith("client-")
    joining = await kafka.joining("g", wish("", "orders", instance_id="till-1"))
    kafka.clock.advance(SESSION_MS)
    assert (await outcome(joining)).member_id.startswith("till-1-")


async def test_members_wait_for_each_other_and_the_leader_shares_out(kafka: Kafka) -> None:
    one = await kafka.enter("g", "orders")
    two_id = await kafka.ask_for_id("g")
    two_joins = await kafka.joining("g", wish(two_id, "orders"))
    assert not two_joins.done()
    with pytest.raises(RebalanceInProgress):
        kafka.engine.coordinator.heartbeat(KAFKA, "g", one)
    one_joins = await kafka.joining("g", wish(one.member_id, "orders"))
    assert [member.member_id for member in (await outcome(one_joins)).members] == [one.member_id, two_id]
    two_syncs = asyncio.create_task(kafka.sync("g", Place(two_id, 2)))
    await settle()
    assert not two_syncs.done()
    await kafka.sync("g", Place(one.member_id, 2), {two_id: b"yours"})
    assert (await outcome(two_syncs)).assignment == b"yours"


async def test_a_silent_member_is_missed_after_its_session(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0, 1)
    kafka.clock.advance(SESSION_MS - 1)
    kafka.engine.coordinator.heartbeat(KAFKA, "g", place)
    kafka.clock.advance(SESSION_MS - 1)
    assert (await kafka.engine.describe_group(KAFKA, "g")).state == "Stable"
    kafka.clock.advance(1)
    assert (await kafka.engine.describe_group(KAFKA, "g")).state == "Empty"


async def test_a_group_that_nobody_is_in_has_no_timer_but_that_of_its_offsets(kafka: Kafka) -> None:
    before = kafka.clock.timers
    await kafka.stable("g", "orders", 0)
    kafka.clock.advance(SESSION_MS + REBALANCE_MS)
    assert kafka.clock.timers == before + 1
    kafka.clock.advance(SWEEP_MS)
    assert kafka.clock.timers == before
    assert await kafka.engine.list_groups(KAFKA) == []


async def test_who_hangs_up_while_it_waits_stays_a_member_until_its_session_is_over(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0)
    member_id = await kafka.ask_for_id("g")
    joining = await kafka.joining("g", wish(member_id, "orders"))
    joining.cancel()
    await settle()
    again = await kafka.joining("g", wish(place.member_id, "orders"))
    assert len((await outcome(again)).members) == 2
    await kafka.sync("g", Place(place.member_id, 2))
    kafka.clock.advance(SESSION_MS - 1)
    kafka.engine.coordinator.heartbeat(KAFKA, "g", Place(place.member_id, 2))
    kafka.clock.advance(1)
    described = kafka.engine.coordinator.describe(KAFKA, "g")
    assert described is not None
    assert [member.member_id for member in described.members] == [place.member_id]


async def test_whoever_waits_is_told_when_the_engine_ends(kafka: Kafka) -> None:
    await kafka.stable("g", "orders", 0)
    joining = await kafka.joining("g", wish(await kafka.ask_for_id("g"), "orders"))
    place = await kafka.enter("h", "orders")
    other_id = await kafka.ask_for_id("h")
    other = await kafka.joining("h", wish(other_id, "orders"))
    await kafka.joining("h", wish(place.member_id, "orders"))
    await outcome(other)
    syncing = asyncio.create_task(kafka.sync("h", Place(other_id, 2)))
    await settle()
    await kafka.engine.close()
    for waiting in (joining, syncing):
        with pytest.raises(BrokerStopping):
            await outcome(waiting)
    with pytest.raises(BrokerStopping):
        await kafka.engine.coordinator.join(KAFKA, "i", wish())


@pytest.mark.parametrize(
    ("group", "wanted", "refusal"),
    [
        ("", wish(), InvalidGroupName),
        ("g", wish("unknown"), UnknownMember),
        ("g", JoinWish("", "", "", 5_999, 0, "consumer", ()), InvalidSessionTimeout),
    ],
)
async def test_a_join_that_makes_no_sense_makes_no_group(
    kafka: Kafka, group: str, wanted: JoinWish, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await kafka.engine.coordinator.join(KAFKA, group, wanted)
    assert await kafka.engine.list_groups(KAFKA) == []


async def test_a_group_shows_its_members_what_they_read_and_how_far_behind_it_is(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 1, 0)
    kafka.commit("g", place, ORDERS, 1)
    described = await kafka.engine.describe_group(KAFKA, "g")
    assert (described.kind, described.state) == ("classic", "Stable")
    assert described.members == (
        GroupMember(
            place.member_id, 0, "client", "10.0.0.1", None, (TopicPartition("orders", 1), TopicPartition("orders", 0))
        ),
    )
    assert described.partitions == (GroupPartition("orders", 0, 1, 3, 2),)
    (summary,) = await kafka.engine.list_groups(KAFKA)
    assert (summary.name, summary.kind, summary.members, summary.protocol_type) == ("g", "classic", 1, "consumer")


async def test_an_offset_that_is_to_come_is_no_negative_lag(kafka: Kafka) -> None:
    kafka.commit("g", OUTSIDE, ORDERS, 10)
    (partition,) = (await kafka.engine.describe_group(KAFKA, "g")).partitions
    assert (partition.committed_offset, partition.lag) == (10, 0)


async def test_nothing_of_a_group_is_moved_or_taken_away_under_its_consumers(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0)
    kafka.commit("g", place, ORDERS, 1)
    with pytest.raises(GroupKindConflict, match="keep to their own positions now"):
        await kafka.engine.reset_offsets(KAFKA, "g", {"orders": ToOffset(0)})
    with pytest.raises(GroupKindConflict):
        await kafka.engine.reset_offsets(KAFKA, "g", {"orders": ToOffset(0)}, dry_run=True)
    with pytest.raises(GroupNotEmpty):
        await kafka.engine.delete_group(KAFKA, "g")
    with pytest.raises(GroupNotEmpty):
        await kafka.engine.forget_offsets(KAFKA, "g", "orders")
    kafka.engine.coordinator.leave(KAFKA, "g", [Leaver(place.member_id)])
    await kafka.engine.reset_offsets(KAFKA, "g", {ORDERS: ToOffset(2)})
    assert await kafka.engine.committed_offsets(KAFKA, "g") == {ORDERS: 2}
    await kafka.engine.delete_group(KAFKA, "g")
    assert kafka.engine.coordinator.describe(KAFKA, "g") is None


async def test_while_kafka_consumers_are_there_no_call_of_another_kind_comes_in(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0)
    for call in (
        kafka.engine.acquire(KAFKA, "g", ["orders"], max_records=1),
        kafka.engine.register_consumer(KAFKA, "g", "orders"),
        kafka.engine.commit_offsets(KAFKA, "g", {ORDERS: 1}),
    ):
        with pytest.raises(GroupKindConflict, match="Kafka consumers"):
            await call
    kafka.engine.coordinator.leave(KAFKA, "g", [Leaver(place.member_id)])
    assert len(await kafka.engine.acquire(KAFKA, "g", ["orders"], max_records=1)) == 1
    assert (await kafka.engine.describe_group(KAFKA, "g")).kind == "shared"


async def test_a_registered_consumer_goes_on_where_kafka_consumers_stopped(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0)
    kafka.commit("g", place, ORDERS, 2)
    kafka.engine.coordinator.leave(KAFKA, "g", [Leaver(place.member_id)])
    await kafka.engine.register_consumer(KAFKA, "g", "orders")
    consumed = await kafka.engine.consume(KAFKA, "g")
    assert consumed is not None
    assert consumed.record.offset == 2


async def test_who_shares_records_keeps_kafka_consumers_out_until_nothing_is_locked(kafka: Kafka) -> None:
    (held,) = await kafka.engine.acquire(KAFKA, "g", ["orders"], max_records=1)
    with pytest.raises(GroupKindConflict, match="1 locked"):
        await kafka.ask_for_id("g")
    with pytest.raises(GroupKindConflict):
        kafka.commit("g", OUTSIDE, ORDERS, 0)
    await kafka.engine.acknowledge(KAFKA, "g", accept=[held.lock])
    await kafka.stable("g", "orders", 0)
    assert kafka.engine.group_offsets.fetch(KAFKA, "g", [ORDERS]) == {ORDERS: OffsetAndMetadata(1, -1, "")}


async def test_an_id_from_before_a_group_was_shared_is_no_way_around(kafka: Kafka) -> None:
    member_id = await kafka.ask_for_id("g")
    await kafka.engine.acquire(KAFKA, "g", ["orders"], max_records=1)
    with pytest.raises(UnknownMember):
        await kafka.engine.coordinator.join(KAFKA, "g", wish(member_id))


async def test_a_consume_call_that_waits_keeps_kafka_consumers_out(kafka: Kafka) -> None:
    await kafka.engine.register_consumer(KAFKA, "g", "orders")
    for _ in range(3):
        await kafka.engine.consume(KAFKA, "g")
    consuming = asyncio.create_task(kafka.engine.consume(KAFKA, "g", wait_ms=1000))
    await settle()
    with pytest.raises(GroupKindConflict, match="consume call"):
        await kafka.ask_for_id("g")
    kafka.clock.advance(1000)
    assert await outcome(consuming) is None
    await kafka.ask_for_id("g")


async def test_offsets_outlive_the_members_and_go_when_their_time_is_over(clock: ManualClock) -> None:
    limits = GroupLimits(offsets_retention_ms=2 * SWEEP_MS)
    kafka = Kafka(MemoryLogEngine(EngineConfig(memory_limit=2**40, group_limits=limits), clock), clock)
    await kafka.engine.create_topic(KAFKA, "orders")
    place = await kafka.stable("g", "orders", 0)
    kafka.commit("g", place, ORDERS, 0)
    kafka.engine.coordinator.leave(KAFKA, "g", [Leaver(place.member_id)])
    clock.advance(2 * SWEEP_MS - 1)
    assert await kafka.engine.committed_offsets(KAFKA, "g") == {ORDERS: 0}
    clock.advance(SWEEP_MS)
    assert await kafka.engine.committed_offsets(KAFKA, "g") == {}
    assert await kafka.engine.list_groups(KAFKA) == []
    await kafka.engine.close()


async def test_a_group_that_no_member_ever_joined_does_not_stay(kafka: Kafka) -> None:
    groups = kafka.engine._consumer_groups
    with pytest.raises(InconsistentGroupProtocol):
        await kafka.engine.coordinator.join(KAFKA, "refused", wish(protocol_type=""))
    with pytest.raises(CommitMetadataTooLarge):
        kafka.commit("no-commit", OUTSIDE, ORDERS, 1, "x" * 5_000)
    assert list(groups) == []
    assert not groups._new
    member_id = await kafka.ask_for_id("left")
    kafka.engine.coordinator.leave(KAFKA, "left", [Leaver(member_id)])
    await kafka.ask_for_id("late")
    assert [group.name for group in groups] == ["late"]
    kafka.clock.advance(SESSION_MS)
    assert list(groups) == []
    assert groups.memory.used == 0
    assert len(kafka.engine.coordinator._sweeps) == 0


async def test_bad_names_without_end_keep_no_new_group_out(clock: ManualClock) -> None:
    engine = MemoryLogEngine(EngineConfig(memory_limit=2**40, max_groups=3), clock)
    kafka = Kafka(engine, clock)
    await engine.create_topic(KAFKA, "orders")
    mine = await kafka.stable("mine", "orders", 0)
    for number in range(20):
        await kafka.ask_for_id(f"bad-{number}")
    await kafka.stable("new", "orders", 0)
    engine.coordinator.heartbeat(KAFKA, "mine", mine)
    assert len(engine.coordinator._deadlines) <= 3
    assert len(engine.coordinator._sweeps) <= 3
    await engine.close()
