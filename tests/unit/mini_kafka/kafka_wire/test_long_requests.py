"""Long requests: read and written on a thread, worked at in turns, and right where something changes in between."""

import asyncio
import inspect
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from tests.support.client_batches import client_batch
from tests.support.clock import ManualClock
from tests.support.kafka import NAMES, KafkaClient, frame, tell_kafka
from tests.support.kafka_topics import new

MANY = 900
"""More than four slices of `pace.AT_ONCE`, and more than is read or written on the loop."""
TOPIC = "orders"
NUMBERS = range(MANY)
PARTS = {"topics": [{"name": TOPIC, "partitions": [{"partition_index": number} for number in NUMBERS]}]}


def parts(name: str, **fields: Any) -> list[dict[str, Any]]:
    return [{name: number, **fields} for number in NUMBERS]


FETCH = {
    "replica_id": -1, "max_wait": 0, "min_bytes": 1, "max_bytes": 2**20, "isolation_level": 0,
    "session_id": 0, "session_epoch": -1, "rack_id": "", "forgotten_topics_data": [],
    "topics": [{"topic": TOPIC, "partitions": parts("partition", fetch_offset=0, partition_max_bytes=2**20)}],
}  # fmt: skip
COMMIT = {"group_id": "g", "generation_id_or_member_epoch": -1, "member_id": ""}
LONG: dict[str, tuple[int, dict[str, Any]]] = {
    "Produce": (9, {
        "acks": -1, "timeout": 1000,
        "topic_data": [{"name": TOPIC, "partition_data": parts("index", records=client_batch())}],
    }),
    "Fetch": (11, FETCH),
    "ListOffsets": (7, {"replica_id": -1, "isolation_level": 0, "topics": [
        {"name": TOPIC, "partitions": parts("partition_index", timestamp=-1)}
    ]}),
    "Metadata": (9, {"topics": [{"name": f"t{number}"} for number in NUMBERS]}),
    "OffsetCommit": (8, COMMIT | {"topics": [
        {"name": TOPIC, "partitions": parts("partition_index", committed_offset=0, committed_metadata="")}
    ]}),
    "OffsetFetch": (7, {"group_id": "g", "topics": [{"name": TOPIC, "partition_indexes": list(NUMBERS)}]}),
    "FindCoordinator": (4, {"key_type": 0, "coordinator_keys": [f"g{number}" for number in NUMBERS]}),
    "LeaveGroup": (5, {"group_id": "g", "members": [{"member_id": str(number)} for number in NUMBERS]}),
    "DescribeGroups": (5, {"groups": [f"g{number}" for number in NUMBERS]}),
    "CreateTopics": (7, {"topics": [new(f"t{number}") for number in NUMBERS], "validate_only": True}),
    "DeleteTopics": (6, {"topics": [{"name": f"t{number}"} for number in NUMBERS]}),
    "DeleteRecords": (2, {"topics": [{"name": TOPIC, "partitions": parts("partition_index", offset=0)}]}),
    "OffsetForLeaderEpoch": (4, {"replica_id": -1, "topics": [
        {"topic": TOPIC, "partitions": parts("partition", current_leader_epoch=-1, leader_epoch=0)}
    ]}),
    "DescribeConfigs": (4, {"resources": [
        {"resource_type": 2, "resource_name": f"t{number}", "configuration_keys": None} for number in NUMBERS
    ]}),
    "AlterConfigs": (2, {"resources": [
        {"resource_type": 2, "resource_name": f"t{number}", "configs": []} for number in NUMBERS
    ]}),
    "DescribeLogDirs": (4, {"topics": None}),
    "CreatePartitions": (3, {"topics": [{"name": f"t{number}", "count": 2} for number in NUMBERS]}),
    "DeleteGroups": (2, {"groups_names": [f"g{number}" for number in NUMBERS]}),
    "ElectLeaders": (2, {"topic_partitions": [{"topic": TOPIC, "partitions": list(NUMBERS)}]}),
    "OffsetDelete": (0, {"group_id": "g", **PARTS}),
    "DescribeQuorum": (2, {"topics": [{"topic_name": TOPIC, "partitions": parts("partition_index")}]}),
    "DescribeProducers": (0, {"topics": [{"name": TOPIC, "partition_indexes": list(NUMBERS)}]}),
    "ConsumerGroupDescribe": (1, {"group_ids": [f"g{number}" for number in NUMBERS]}),
    "DescribeTopicPartitions": (0, {"topics": [{"name": f"t{number}"} for number in NUMBERS],
                                    "response_partition_limit": 2000}),
}  # fmt: skip


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Do what is for a thread at once, and tell what it was: so only slices of work give others their turn."""
    done: list[str] = []

    async def to_thread(work: Callable[..., Any], *args: Any) -> Any:
        done.append(work.__name__)
        return work(*args)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    return done


async def prepare(client: KafkaClient) -> None:
    await client.engine.create_topic(client.caller, TOPIC, partitions=MANY)
    await client.ask("OffsetCommit", 8, **COMMIT, topics=[
        {"name": TOPIC, "partitions": [{"partition_index": 0, "committed_offset": 0, "committed_metadata": ""}]}
    ])  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_others_have_their_turn_while_a_long_request_is_answered(name: str, threads: list[str]) -> None:
    async def story(client: KafkaClient) -> None:
        await prepare(client)
        threads.clear()
        version, fields = LONG[name]
        asking = asyncio.ensure_future(client.ask(name, version, **fields))
        turns = 0
        while not asking.done():
            turns += 1
            await asyncio.sleep(0)
        assert await asking is not None
        assert turns > 3
        if name != "DescribeLogDirs":  # whose request is short
            assert {"read_message", "read_request"} & set(threads)
        if name not in TOPICS_WITH_CONFIGS:  # they are written bit by bit
            assert {"_write_response", "_answer", "_write"} & set(threads)

    tell_kafka(story)


TOPICS_WITH_CONFIGS: dict[str, list[dict[str, Any]]] = {
    "CreateTopics": [new(f"made{number}") for number in range(100)],
    "DescribeConfigs": [
        {"resource_type": 2, "resource_name": f"t{number}", "configuration_keys": None} for number in range(100)
    ],
}


@pytest.mark.parametrize("name", TOPICS_WITH_CONFIGS)
def test_the_configs_of_many_topics_are_never_all_in_memory_as_objects(name: str) -> None:
    first, *others = TOPICS_WITH_CONFIGS[name]
    array = "topics" if name == "CreateTopics" else "resources"
    more: dict[str, Any] = {"validate_only": True} if name == "CreateTopics" else {}

    async def story(client: KafkaClient) -> None:
        for number in range(100):
            await client.engine.create_topic(client.caller, f"t{number}")
        await client.ask(name, None, **{array: [first]})  # loads its classes
        api = NAMES[name]
        client.session.receive(frame(api, api.highest, {array: others, **more}))
        request = client.session.next_request()
        assert request is not None
        tracemalloc.start()
        answering = api.handle(Call(request, client.connection))
        assert inspect.isawaitable(answering)
        client.session.respond(await answering)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * client.session.outgoing_bytes

    tell_kafka(story)


@pytest.mark.usefixtures("threads")
def test_a_long_poll_over_many_partitions_ends_in_time_also_where_records_never_cease() -> None:
    clock = ManualClock()

    async def story(client: KafkaClient) -> None:
        await prepare(client)
        await client.engine.produce(client.caller, TOPIC, [NewRecord(b"short", partition=0)])
        topics = [{"topic": TOPIC, "partitions": parts("partition", fetch_offset=0, partition_max_bytes=0)}]
        fields = FETCH | {"max_wait": 100, "min_bytes": 1000, "topics": topics}  # of which an answer never has so many
        asking = asyncio.ensure_future(client.ask("Fetch", 11, **fields))
        while not asking.done():
            assert clock.now_ms() - began_ms < 10_000
            clock.advance(10)
            await client.engine.produce(client.caller, TOPIC, [NewRecord(b"x" * 2000, partition=0)])
            await asyncio.sleep(0)
        assert [len(topic.partitions) for topic in (await asking).responses] == [MANY]

    began_ms = clock.now_ms()
    tell_kafka(story, clock)


async def ask_and_delete(client: KafkaClient, name: str, turns: int) -> Any:
    """Send a long request, and delete the topic when some of the work is done."""
    version, fields = LONG[name]
    asking = asyncio.ensure_future(client.ask(name, version, **fields))
    for _ in range(turns):
        await asyncio.sleep(0)
    await client.engine.delete_topic(client.caller, TOPIC)
    return await asking


@pytest.mark.parametrize(
    ("name", "turns", "found"),
    [
        ("Produce", 2, lambda answer: answer.responses[0].partition_responses),
        ("Fetch", 2, lambda answer: answer.responses[0].partitions),
        ("ListOffsets", 7, lambda answer: answer.topics[0].partitions),
        ("OffsetCommit", 7, lambda answer: answer.topics[0].partitions),
        ("DeleteRecords", 3, lambda answer: answer.topics[0].partitions),
    ],
)
@pytest.mark.usefixtures("threads")
def test_a_topic_that_goes_meanwhile_is_unknown_from_there_on(
    name: str, turns: int, found: Callable[[Any], Any]
) -> None:
    async def story(client: KafkaClient) -> None:
        await prepare(client)
        codes = [part.error_code for part in found(await ask_and_delete(client, name, turns))]
        gone = codes.index(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        assert gone > 0
        assert codes == [ErrorCode.NONE] * gone + [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] * (MANY - gone)

    tell_kafka(story)


async def begin_fetch(client: KafkaClient) -> "asyncio.Future[Any]":
    """Begin to read all partitions, and stop where the first ones are read."""
    asking = asyncio.ensure_future(client.ask("Fetch", 11, **{**FETCH, "max_wait": 30_000}))
    for _ in range(2):
        await asyncio.sleep(0)
    return asking


@pytest.mark.usefixtures("threads")
def test_a_fetch_does_not_wait_for_a_record_that_came_where_it_had_looked_already() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC, partitions=MANY)
        asking = await begin_fetch(client)
        await client.engine.produce(client.caller, TOPIC, [NewRecord(b"x", partition=0)])
        while not asking.done():
            assert client.engine.waiting == 0
            await asyncio.sleep(0)
        assert (await asking).responses[0].partitions[0].records

    tell_kafka(story, ManualClock())


@pytest.mark.usefixtures("threads")
def test_a_fetch_waits_for_the_records_of_a_topic_that_was_made_anew_meanwhile() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC, partitions=MANY)
        asking = await begin_fetch(client)
        await client.engine.delete_topic(client.caller, TOPIC)
        await client.engine.create_topic(client.caller, TOPIC, partitions=MANY)
        for _ in range(10):
            await asyncio.sleep(0)
        assert client.engine.waiting == 1
        await client.engine.produce(client.caller, TOPIC, [NewRecord(b"x", partition=0)])
        for _ in range(10):
            await asyncio.sleep(0)
        assert asking.done()
        assert (await asking).responses[0].partitions[0].records

    tell_kafka(story, ManualClock())


def test_partitions_that_are_too_many_for_a_session_are_read_without_one() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC)
        wanted = [{"partition": number % 2, "fetch_offset": 0, "partition_max_bytes": 1} for number in range(10_001)]
        answer = await client.ask("Fetch", 11, **{**FETCH, "session_epoch": 0,
                                                  "topics": [{"topic": TOPIC, "partitions": wanted}]})  # fmt: skip
        assert answer.session_id == 0
        assert len(answer.responses[0].partitions) == 10_001

    tell_kafka(story)


def test_offsets_that_are_left_when_their_group_goes_with_its_last_one_are_forgotten_too() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC, partitions=MANY)
        await client.engine.commit_offsets(client.caller, "g", {TopicPartition(TOPIC, 0): 0})
        answer = await client.ask("OffsetDelete", 0, group_id="g", **PARTS)
        assert answer.error_code == ErrorCode.NONE
        assert {part.error_code for part in answer.topics[0].partitions} == {ErrorCode.NONE}

    tell_kafka(story)
