"""Views of topics: offsets in slices, what is not there told from what cannot be asked, and how old a look may be."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Uuid
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import ConfigResource

from mini_kafka.core.errors import ClusterUnavailable, UnknownTopic
from mini_kafka.engine.kafka_cluster import topic_views
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.topic_views import OFFSETS_AT_ONCE, TopicViews
from mini_kafka.engine.port import EARLIEST, LATEST

pytestmark = pytest.mark.anyio

TOPICS = {"t", "u", *(f"t{number}" for number in range(10))}
START, END = 10, 20
ASKED_TIME = 1_000


def answered(result: object) -> "Future[Any]":
    future: Future[Any] = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


class AdminClient:
    """Has `TOPICS`, a log from START to END in each partition, and `at_time` as the answer about a time."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.at_time = END - 1
        self.without_leader: set[int] = set()
        self.asked: list[tuple[int, IsolationLevel]] = []
        self.questions: list[str] = []

    def describe_topics(self, topics: Any, *, request_timeout: float) -> "dict[str, Future[Any]]":
        self.questions.append("topics")
        there = SimpleNamespace(topic_id=Uuid(0, 7), is_internal=False, partitions=[None] * self.partitions)
        gone = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return {name: answered(there if name in TOPICS else gone) for name in topics.topic_names}

    def describe_configs(
        self, resources: list[ConfigResource], *, request_timeout: float
    ) -> "dict[ConfigResource, Future[Any]]":
        self.questions.append("configs")
        return {resource: answered({}) for resource in resources}

    def list_offsets(
        self, wanted: Mapping[KafkaTopicPartition, Any], *, isolation_level: IsolationLevel, request_timeout: float
    ) -> "dict[KafkaTopicPartition, Future[Any]]":
        self.questions.append("offsets")
        self.asked.append((len(wanted), isolation_level))
        away = KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        return {
            place: answered(away if place.partition in self.without_leader else SimpleNamespace(offset=self._at(spec)))
            for place, spec in wanted.items()
        }

    def _at(self, spec: Any) -> int:
        return {EARLIEST: START, LATEST: END}.get(spec._value, self.at_time)


class QuietConnection(Connection):
    """A connection without clients."""

    def __init__(self, admin: AdminClient) -> None:
        self.config = ClusterConfig(("127.0.0.1:1",))
        self.admin = admin  # type: ignore[assignment]
        self.trouble = ""


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(topic_views, "time", clock)
    return clock


def views_of(admin: AdminClient) -> TopicViews:
    return TopicViews(QuietConnection(admin))


async def test_offsets_of_very_many_partitions_are_asked_for_in_slices_with_turns_for_others_between() -> None:
    admin = AdminClient(partitions=3 * OFFSETS_AT_ONCE + 1)
    seen = []

    async def others() -> None:
        while True:
            seen.append(len(admin.asked))
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    bounds = await views_of(admin).bounds("t")
    task.cancel()
    assert (len(bounds.starts), set(bounds.starts), set(bounds.ends)) == (3 * OFFSETS_AT_ONCE + 1, {START}, {END})
    assert max(count for count, _ in admin.asked) == OFFSETS_AT_ONCE
    assert max(later - before for before, later in pairwise(seen)) <= 2  # of starts and of ends


async def test_ends_are_those_that_no_open_transaction_can_take_back() -> None:
    admin = AdminClient()
    await views_of(admin).bounds("t")
    await views_of(admin).ends_of({"t": 1})
    assert {isolation for _, isolation in admin.asked} == {IsolationLevel.READ_COMMITTED}


@pytest.mark.parametrize(("told", "offset"), [(-1, END), (START + 3, START + 3), (START - 3, START), (END + 3, END)])
async def test_an_offset_at_a_time_lies_in_the_log(told: int, offset: int) -> None:
    admin = AdminClient()
    admin.at_time = told
    assert await views_of(admin).offsets_at("t", ASKED_TIME) == [offset]


async def test_the_ends_of_a_topic_are_told_all_or_none_and_of_other_topics_all_the_same() -> None:
    admin = AdminClient()
    admin.without_leader = {1}
    assert await views_of(admin).ends_of({"t": 2, "u": 1}) == {"t": None, "u": [END]}


async def test_what_a_produce_knows_of_its_topic_is_looked_up_anew_after_some_seconds(time: Time) -> None:
    admin = AdminClient()
    views = views_of(admin)
    shape = await views.shape("t")
    assert (shape.topic_id, shape.partitions) == (UUID(int=7), 1)
    admin.partitions = 2
    assert (await views.shape("t")).partitions == 1
    time.now += topic_views.SHAPE_AGE_S + 0.1
    assert (await views.shape("t")).partitions == 2
    assert admin.questions == ["topics", "configs"] * 2  # and no offsets


async def test_bounds_are_asked_anew_by_each_call_and_remembered_for_a_moment(time: Time) -> None:
    admin = AdminClient()
    views = views_of(admin)
    assert views.bounds_seen_just_now("t") is None
    bounds = await views.bounds("t")
    assert (bounds.topic_id, bounds.ends) == (UUID(int=7), [END])
    assert views.bounds_seen_just_now("t") is bounds
    await views.bounds("t")
    assert admin.questions == ["topics", "offsets", "offsets"] * 2
    time.now += topic_views.BOUNDS_AGE_S + 0.001
    assert views.bounds_seen_just_now("t") is None


async def test_bounds_are_as_old_as_their_question(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = AdminClient()
    asked = admin.list_offsets

    def late(*places: Any, **rest: Any) -> "dict[KafkaTopicPartition, Future[Any]]":
        time.now += topic_views.BOUNDS_AGE_S
        return asked(*places, **rest)

    monkeypatch.setattr(admin, "list_offsets", late)
    views = views_of(admin)
    await views.bounds("t")
    assert views.bounds_seen_just_now("t") is None


async def test_who_changes_a_topic_makes_all_that_is_known_of_it_be_forgotten(time: Time) -> None:
    views = views_of(AdminClient())
    await views.bounds("t")
    await views.bounds("u")
    views.forget("t")
    assert views.bounds_seen_just_now("t") is None
    assert views.bounds_seen_just_now("u") is not None


async def test_the_bounds_of_so_many_topics_are_remembered_and_no_more(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_views, "BOUNDS_KEPT", 3)
    views = views_of(AdminClient())
    for number in range(10):
        await views.bounds(f"t{number}")
    assert sum(views.bounds_seen_just_now(f"t{number}") is not None for number in range(10)) <= 3


async def test_a_name_that_no_topic_can_have_is_not_asked_about() -> None:
    admin = AdminClient()
    with pytest.raises(UnknownTopic):
        await views_of(admin).bounds("no such/name")
    assert admin.questions == []


async def test_a_topic_that_is_gone_is_unknown() -> None:
    for refused in (views_of(AdminClient()).shape("gone"), views_of(AdminClient()).bounds("gone")):
        with pytest.raises(UnknownTopic):
            await refused


async def test_a_look_that_is_to_be_forgotten_while_it_is_taken_is_good_for_whoever_waits_for_it() -> None:
    views = views_of(AdminClient())
    looking = asyncio.create_task(views.shape("t"))
    while not looking.done():
        views.forget("t")  # what another call does whose records the cluster has refused
        await asyncio.sleep(0)
    assert (await looking).name == "t"


async def test_a_partition_without_a_leader_lets_records_for_the_others_be_taken() -> None:
    admin = AdminClient(partitions=2)
    admin.without_leader = {1}
    views = views_of(admin)
    assert (await views.shape("t")).partitions == 2
    with pytest.raises(ClusterUnavailable):
        await views.describe("t")
    with pytest.raises(ClusterUnavailable):
        await views.bounds("t")
