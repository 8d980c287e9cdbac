"""Offsets as Kafka clients commit, fetch and delete them: each partition has an answer of its own."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mini_kafka.core.errors import (
    CommitMetadataTooLarge,
    GroupIsSubscribed,
    GroupNotEmpty,
    GroupNotFound,
    IllegalGeneration,
    InvalidGroupName,
    OffsetLimitReached,
    UnknownMember,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.group_member import Place, Protocol
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.memory import EngineConfig
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import ToOffset
from tests.support.clock import ManualClock
from tests.support.membership import KAFKA, OUTSIDE, Kafka, wish

pytestmark = pytest.mark.anyio

ORDERS, OTHER, BILLS = TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("bills", 0)


@pytest.fixture
async def kafka(clock: ManualClock) -> AsyncIterator[Kafka]:
    engine = MemoryLogEngine(EngineConfig(memory_limit=2**40), clock)
    await engine.create_topic(KAFKA, "orders", partitions=2)
    await engine.create_topic(KAFKA, "bills")
    yield Kafka(engine, clock)
    await engine.close()


async def test_what_is_committed_is_fetched_with_all_that_came_along(kafka: Kafka) -> None:
    wanted = {ORDERS: OffsetAndMetadata(5, 3, "mine"), OTHER: OffsetAndMetadata(0, -1, "")}
    assert kafka.engine.group_offsets.commit(KAFKA, "g", OUTSIDE, wanted) == {}
    fetch = kafka.engine.group_offsets.fetch
    assert fetch(KAFKA, "g") == wanted
    assert fetch(KAFKA, "g", [BILLS, ORDERS]) == {BILLS: None, ORDERS: wanted[ORDERS]}
    assert fetch(KAFKA, "nobody's", [ORDERS]) == {ORDERS: None}


async def test_offsets_too_many_are_refused_and_none_of_them_is_committed(clock: ManualClock) -> None:
    engine = MemoryLogEngine(EngineConfig(memory_limit=2**40, max_offsets=2), clock)
    await engine.create_topic(KAFKA, "orders", partitions=3)
    wanted = {TopicPartition("orders", number): OffsetAndMetadata(0, -1, "") for number in range(3)}
    with pytest.raises(OffsetLimitReached):
        engine.group_offsets.commit(KAFKA, "g", OUTSIDE, wanted)
    assert engine.group_offsets.fetch(KAFKA, "g") == {}
    gone = {**wanted, TopicPartition("orders", 0): OffsetAndMetadata(-1, -1, "")}
    assert engine.group_offsets.commit(KAFKA, "g", OUTSIDE, gone) == {}
    await engine.close()


async def test_one_bad_partition_does_not_keep_the_others_from_being_committed(kafka: Kafka) -> None:
    unknown, beyond = TopicPartition("none", 0), TopicPartition("orders", 2)
    wanted = dict.fromkeys([unknown, beyond, ORDERS], OffsetAndMetadata(5, -1, ""))
    wanted[OTHER] = OffsetAndMetadata(5, -1, "x" * 4097)
    refused = kafka.engine.group_offsets.commit(KAFKA, "g", OUTSIDE, wanted)
    assert {partition: type(error) for partition, error in refused.items()} == {
        unknown: UnknownTopic, beyond: UnknownPartition, OTHER: CommitMetadataTooLarge,
    }  # fmt: skip
    assert list(kafka.engine.group_offsets.fetch(KAFKA, "g")) == [ORDERS]


async def test_an_offset_below_zero_is_as_if_nothing_were_committed(kafka: Kafka) -> None:
    kafka.commit("g", OUTSIDE, ORDERS, 5)
    kafka.commit("g", OUTSIDE, ORDERS, -1)
    assert kafka.engine.group_offsets.fetch(KAFKA, "g", [ORDERS]) == {ORDERS: None}


async def test_a_reset_over_http_is_seen_by_kafka_clients_without_the_metadata_of_before(kafka: Kafka) -> None:
    kafka.commit("g", OUTSIDE, ORDERS, 0, "mine")
    await kafka.engine.reset_offsets(KAFKA, "g", {ORDERS: ToOffset(0)})
    assert kafka.engine.group_offsets.fetch(KAFKA, "g") == {ORDERS: OffsetAndMetadata(0, -1, "")}


@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        (OUTSIDE, UnknownMember),
        (Place("stranger", 1), UnknownMember),
        (Place("stranger", -1), UnknownMember),
    ],
)
async def test_a_commit_of_whoever_is_no_member_moves_nothing(
    kafka: Kafka, place: Place, refusal: type[Exception]
) -> None:
    member = await kafka.stable("g", "orders", 0)
    kafka.commit("g", member, ORDERS, 1)
    with pytest.raises(refusal):
        kafka.commit("g", place, ORDERS, 2)
    with pytest.raises(IllegalGeneration):
        kafka.commit("g", member._replace(generation=0), ORDERS, 2)
    assert await kafka.engine.committed_offsets(KAFKA, "g") == {ORDERS: 1}


async def test_a_member_of_a_group_that_is_gone_is_told_so_and_makes_none(kafka: Kafka) -> None:
    with pytest.raises(GroupNotFound):
        kafka.commit("g", Place("m", 1), ORDERS, 1)
    assert await kafka.engine.list_groups(KAFKA) == []
    await kafka.engine.register_consumer(KAFKA, "g", "orders")
    with pytest.raises(UnknownMember):
        kafka.commit("g", Place("m", 1), ORDERS, 1)


async def test_what_members_read_is_not_deleted_and_the_rest_is(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0, 1)
    for partition in (ORDERS, BILLS):
        kafka.commit("g", place, partition, 1)
    unknown = TopicPartition("none", 0)
    refused = kafka.engine.group_offsets.delete(KAFKA, "g", [ORDERS, BILLS, unknown])
    assert {partition: type(error) for partition, error in refused.items()} == {
        ORDERS: GroupIsSubscribed, unknown: UnknownTopic,
    }  # fmt: skip
    assert list(kafka.engine.group_offsets.fetch(KAFKA, "g")) == [ORDERS]


async def test_nothing_is_deleted_under_members_that_are_no_consumers(kafka: Kafka) -> None:
    await kafka.enter("g", protocol_type="connect")
    with pytest.raises(GroupNotEmpty):
        kafka.engine.group_offsets.delete(KAFKA, "g", [ORDERS])


async def test_nothing_is_deleted_under_members_whose_topics_cannot_be_read(kafka: Kafka) -> None:
    wanted = replace(wish(), takes_id_first=False, protocols=(Protocol("range", b"not a subscription"),))
    joining = await kafka.joining("g", wanted)
    await kafka.sync("g", Place(joining.result().member_id, 1))
    refused = kafka.engine.group_offsets.delete(KAFKA, "g", [ORDERS, BILLS])
    assert {type(error) for error in refused.values()} == {GroupIsSubscribed}
    assert list(refused) == [ORDERS, BILLS]


async def test_nothing_is_deleted_under_who_shares_records_and_afterwards_its_sharing_ends(kafka: Kafka) -> None:
    await kafka.engine.acquire(KAFKA, "g", ["bills"], max_records=1)
    await kafka.engine.commit_offsets(KAFKA, "h", {ORDERS: 0})
    assert kafka.engine.group_offsets.delete(KAFKA, "g", [BILLS]) == {}
    assert kafka.engine.group_offsets.fetch(KAFKA, "g") == {}
    assert kafka.engine.group_offsets.fetch(KAFKA, "h") == {ORDERS: OffsetAndMetadata(0, -1, "")}


@pytest.mark.parametrize(("group", "refusal"), [("", InvalidGroupName), ("g", GroupNotFound)])
async def test_nothing_is_deleted_of_a_group_that_is_not(kafka: Kafka, group: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        kafka.engine.group_offsets.delete(KAFKA, group, [ORDERS])


async def test_a_topic_that_is_deleted_takes_the_offsets_of_kafka_groups_along(kafka: Kafka) -> None:
    place = await kafka.stable("g", "orders", 0)
    kafka.commit("g", place, ORDERS, 1)
    await kafka.engine.delete_topic(KAFKA, "orders")
    assert kafka.engine.group_offsets.fetch(KAFKA, "g") == {}
    assert (await kafka.engine.describe_group(KAFKA, "g")).members != ()
