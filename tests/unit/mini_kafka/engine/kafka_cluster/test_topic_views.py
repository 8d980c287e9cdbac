"""What is known of topics, how long, and what is asked for it."""

from collections.abc import Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from confluent_kafka import Uuid

from mini_kafka.core.errors import UnknownTopic
from mini_kafka.engine.kafka_cluster import topic_views
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.topic_views import TopicViews

pytestmark = pytest.mark.anyio


def done(result: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(result)
    return future


class Cluster:
    """A connection and its admin client: two partitions of ten records in each topic, and what was asked."""

    config = ClusterConfig(("a:1",))

    def __init__(self) -> None:
        self.admin = self
        self.asked: list[str] = []

    def describe_topics(self, topics: Any, **_: Any) -> Mapping[str, "Future[Any]"]:
        self.asked.append("topics")
        described = SimpleNamespace(is_internal=False, partitions=[0, 1], topic_id=Uuid(0, 7))
        return {name: done(described) for name in topics.topic_names}

    def describe_configs(self, resources: list[Any], **_: Any) -> Mapping[Any, "Future[Any]"]:
        self.asked.append("configs")
        return {resource: done({}) for resource in resources}

    def list_offsets(self, places: Mapping[Any, Any], **_: Any) -> Mapping[Any, "Future[Any]"]:
        self.asked.append("offsets")
        return {place: done(SimpleNamespace(offset=10)) for place in places}


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


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def views(cluster: Cluster, time: Time) -> TopicViews:
    return TopicViews(cast("Any", cluster))


async def test_bounds_are_asked_anew_by_each_call_and_remembered_for_a_moment(
    views: TopicViews, cluster: Cluster, time: Time
) -> None:
    assert views.bounds_seen_just_now("t") is None
    bounds = await views.bounds("t")
    assert (bounds.topic_id, bounds.ends) == (UUID(int=7), [10, 10])
    assert views.bounds_seen_just_now("t") is bounds
    await views.bounds("t")
    assert cluster.asked == ["topics", "offsets", "offsets"] * 2
    time.now += topic_views.BOUNDS_AGE_S + 0.001
    assert views.bounds_seen_just_now("t") is None


async def test_bounds_are_as_old_as_their_question(views: TopicViews, cluster: Cluster, time: Time) -> None:
    asked = cluster.list_offsets

    def late(places: Mapping[Any, Any], **rest: Any) -> Mapping[Any, "Future[Any]"]:
        time.now += topic_views.BOUNDS_AGE_S
        return asked(places, **rest)

    cluster.list_offsets = late  # type: ignore[method-assign]
    await views.bounds("t")
    assert views.bounds_seen_just_now("t") is None


async def test_who_changes_a_topic_makes_all_that_is_known_of_it_be_forgotten(views: TopicViews) -> None:
    await views.bounds("t")
    await views.bounds("other")
    views.forget("t")
    assert views.bounds_seen_just_now("t") is None
    assert views.bounds_seen_just_now("other") is not None


async def test_the_bounds_of_so_many_topics_are_remembered_and_no_more(
    views: TopicViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_views, "BOUNDS_KEPT", 3)
    for number in range(10):
        await views.bounds(f"t{number}")
    assert sum(views.bounds_seen_just_now(f"t{number}") is not None for number in range(10)) <= 3


async def test_a_name_that_no_topic_can_have_is_not_asked_about(views: TopicViews, cluster: Cluster) -> None:
    with pytest.raises(UnknownTopic):
        await views.bounds("no such/name")
    assert cluster.asked == []
