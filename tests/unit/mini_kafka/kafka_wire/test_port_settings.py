"""A setting of the Kafka port changes what the port does: each limit at its default, and moved."""

import struct
from typing import Any

import pytest

from mini_kafka.bootstrap import build_engine, build_wire_limits
from mini_kafka.kafka_wire.bounds import WireLimits
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.registry import APIS
from mini_kafka.kafka_wire.session import Session
from mini_kafka.settings import BrokerSettings
from tests.support.client_batches import client_batch
from tests.support.clock import ManualClock
from tests.support.kafka import KafkaClient, kafka_client, tell_kafka
from tests.support.kafka_group import commit, join, stable

FETCH = 1
TOPIC = "orders"
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run tests that are coroutines on asyncio."""
    return "asyncio"


def test_the_settings_reach_the_port() -> None:
    settings = BrokerSettings(
        socket_request_max_bytes=1024,
        max_request_elements=2,
        max_ahead_bytes=3,
        queued_max_request_bytes=4,
        fetch_max_bytes=2048,
        max_unread_bytes=5,
        connections_max_idle_ms=6000,
        stall_timeout=7,
    )
    assert build_wire_limits(settings) == WireLimits(1024, 2, 3, 4, 2048, 5, 6.0, 7)
    assert build_wire_limits(BrokerSettings()) == WireLimits()
    assert build_wire_limits(BrokerSettings(connections_max_idle_ms=-1)).idle_s == float("inf")


@pytest.mark.parametrize(("changes", "is_refused"), [({}, False), ({"socket_request_max_bytes": 5000}, True)])
def test_a_request_is_as_large_as_the_setting_lets_it_be(changes: dict[str, Any], is_refused: bool) -> None:
    session = Session(APIS, build_wire_limits(BrokerSettings(**changes)))
    session.receive(struct.pack(">i", 5001))
    if is_refused:
        with pytest.raises(WireError, match=r"5001 bytes is over socket\.request\.max\.bytes \(5000\)"):
            session.next_request()
    else:
        assert session.next_request() is None


@pytest.mark.parametrize("api", ["Metadata", "DescribeGroups"])
def test_a_request_has_as_many_elements_as_the_setting_lets_it_have(api: str) -> None:
    many: dict[str, Any] = {"groups": ["g"] * 4} if api == "DescribeGroups" else {"topics": [{"name": "t"}] * 4}

    async def ask(client: KafkaClient) -> None:
        await client.ask(api, **many)

    tell_kafka(ask)
    with pytest.raises(WireError, match=r"more than 3 elements \(MINI_KAFKA_MAX_REQUEST_ELEMENTS\)"):
        tell_kafka(ask, max_request_elements=3)


async def fetch(client: KafkaClient, *partitions: int, session: tuple[int, int] = (0, 0)) -> Any:
    wanted = [
        {"partition": number, "fetch_offset": 0, "partition_max_bytes": 2**20, "log_start_offset": -1}
        for number in partitions
    ]  # fmt: skip
    return await client.ask(
        "Fetch", 11,
        replica_id=-1, max_wait=0, min_bytes=1, max_bytes=2**30, isolation_level=0,
        session_id=session[0], session_epoch=session[1], rack_id="", forgotten_topics_data=[],
        topics=[{"topic": TOPIC, "partitions": wanted}],
    )  # fmt: skip


def append(client: KafkaClient, size: int, partition: int = 0, **changes: Any) -> None:
    client.engine.raw_log.append_batch(
        client.caller, TOPIC, partition, memoryview(client_batch(b"x" * size, **changes))
    )


@pytest.mark.parametrize(
    ("changes", "has_session"),
    [
        ({}, True),
        ({"max_fetch_session_partitions": 1}, False),
        ({"max_incremental_fetch_session_cache_slots": 0}, False),
    ],
)
async def test_a_consumer_has_a_fetch_session_where_the_settings_have_room(
    changes: dict[str, Any], has_session: bool
) -> None:
    async with kafka_client(**changes) as client:
        await client.engine.create_topic(client.caller, TOPIC, partitions=2)
        assert ((await fetch(client, 0, 1)).session_id != 0) is has_session


@pytest.mark.parametrize(
    ("changes", "unread", "batches"),
    [
        ({}, 0, 2),
        ({"fetch_max_bytes": 1024}, 0, 1),
        ({"max_unread_bytes": 5000}, 0, 2),
        ({"max_unread_bytes": 5000}, 4000, 1),
        ({"max_unread_bytes": 5000}, 9000, 1),
    ],
)
async def test_a_fetch_gives_as_much_as_the_settings_and_the_unread_answers_let_it(
    changes: dict[str, Any], unread: int, batches: int
) -> None:
    async with kafka_client(**changes) as client:
        await client.engine.create_topic(client.caller, TOPIC, partitions=2)
        append(client, 1000)
        append(client, 1000, partition=1)
        client.answers.note("a slow reader", unread)
        answer = await fetch(client, 0, 1)
        given = [part.records for topic in answer.responses for part in topic.partitions if part.records]
        assert len(given) == batches


@pytest.mark.parametrize(
    ("changes", "session_ms", "error"),
    [
        ({}, 5_999, "invalid_session_timeout"),
        ({"group_min_session_timeout_ms": 100}, 100, "none"),
        ({}, 1_800_001, "invalid_session_timeout"),
        ({"group_max_session_timeout_ms": 1_900_000}, 1_800_001, "none"),
        ({"group_max_session_timeout_ms": 20_000}, 20_001, "invalid_session_timeout"),
    ],
)
async def test_a_session_time_out_is_within_the_settings(changes: dict[str, Any], session_ms: int, error: str) -> None:
    async with kafka_client(**changes) as client:
        assert (await join(client, session_timeout=session_ms)).error_code.name == error


@pytest.mark.parametrize(("changes", "error"), [({}, "none"), ({"max_group_bytes": 8192}, "group_max_size_reached")])
async def test_a_member_says_as_much_as_the_memory_of_groups_has_room_for(changes: dict[str, Any], error: str) -> None:
    async with kafka_client(**changes) as client:
        protocols = [{"name": "range", "metadata": b"x" * 10_000}]
        assert (await join(client, protocols=protocols)).error_code.name == error


@pytest.mark.parametrize(
    ("changes", "error"), [({}, "none"), ({"offset_metadata_max_bytes": 3}, "offset_metadata_too_large")]
)
async def test_as_much_text_is_kept_with_an_offset_as_the_setting_says(changes: dict[str, Any], error: str) -> None:
    async with kafka_client(**changes) as client:
        await stable(client)
        await client.engine.create_topic(client.caller, "other")
        assert await commit(client, group_id="another", topic="other") == error  # its text is "mine"


@pytest.mark.parametrize(("changes", "known"), [({}, [7, 8]), ({"max_producers": 1}, [8])])
async def test_as_many_producers_are_remembered_as_the_setting_says(changes: dict[str, Any], known: list[int]) -> None:
    async with kafka_client(**changes) as client:
        await client.engine.create_topic(client.caller, TOPIC)
        for producer in (7, 8):
            append(client, 10, producer=(producer, 0, 0))
        found = client.engine.raw_log.producers(client.caller, TOPIC, 0)
        assert [state.producer_id for state in found] == known


@pytest.mark.parametrize(("changes", "known"), [({}, 1), ({"producer_id_expiration_ms": 5000}, 0)])
async def test_a_silent_producer_is_remembered_as_long_as_the_setting_says(changes: dict[str, Any], known: int) -> None:
    clock = ManualClock()
    async with kafka_client(clock, **changes) as client:
        await client.engine.create_topic(client.caller, TOPIC)
        append(client, 10, producer=(7, 0, 0))
        clock.advance(5000)
        assert len(list(client.engine.raw_log.producers(client.caller, TOPIC, 0))) == known


def test_what_is_sent_ahead_is_kept_as_far_as_the_setting_says() -> None:
    for changes, wants_data in (({}, True), ({"max_ahead_bytes": 10}, False)):
        session = Session(APIS, build_wire_limits(BrokerSettings.model_validate(changes)))
        session.receive(struct.pack(">ihhih", 10, FETCH, 4, 7, -1) + b"x" * 100)
        assert session.next_request() is not None
        assert session.wants_data is wants_data


async def test_who_is_named_twice_is_described_once() -> None:
    """Or 100,000 names of one group would make an answer of gigabytes; Kafka repeats it."""
    async with kafka_client() as client:
        await stable(client)
        append(client, 10, producer=(7, 0, 0))
        groups = await client.ask("DescribeGroups", groups=["g", "other", "g"])
        assert [group.group_id for group in groups.groups] == ["g", "other"]
        resource = {"resource_type": 2, "resource_name": TOPIC, "configuration_keys": None}
        configs = await client.ask(
            "DescribeConfigs", resources=[resource] * 9, include_synonyms=False, include_documentation=False
        )
        assert len(configs.results) == 1
        offsets = await client.ask(
            "OffsetFetch", 9, groups=[{"group_id": "g", "member_id": None, "topics": None}] * 3, require_stable=False
        )
        assert len(offsets.groups) == 1
        topics = [{"name": TOPIC, "partition_indexes": [0, 0, 1]}] * 2
        (found,) = (await client.ask("DescribeProducers", topics=topics)).topics
        assert [(one.partition_index, len(one.active_producers)) for one in found.partitions] == [(0, 1), (1, 0)]


def test_the_setting_of_named_producers_reaches_the_engine() -> None:
    assert build_engine(BrokerSettings(max_named_producers=3))._sequences._max_producers == 3
