"""A topic that was made anew is noticed within one look; one that a node does not know is not taken for gone."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from mini_kafka.core.errors import ClusterUnavailable
from mini_kafka.engine.kafka_cluster.joined_group import GroupTopic, JoinedGroup
from mini_kafka.engine.kafka_cluster.topic_watch import LOOK_MS, TopicWatch
from tests.support.clock import ManualClock
from tests.support.tasks import settle

pytestmark = pytest.mark.anyio

OLD, NEW = UUID(int=1), UUID(int=2)


class Cluster:
    """Topics by name, and one group that wants some of them."""

    def __init__(self) -> None:
        self.ids = {"t": OLD, "u": OLD}
        self.is_away = False
        self.looks: list[Sequence[str]] = []
        self.ended: list[tuple[str, str]] = []
        self.clock = ManualClock()
        self.groups: dict[str, JoinedGroup] = {}
        self.watch = TopicWatch(self.clock, self.topic_ids, self.groups.values, self.end)

    def join(self, name: str, *topics: str) -> None:
        group = self.groups[name] = JoinedGroup(None, name, 10)  # type: ignore[arg-type]
        group.topics = {topic: GroupTopic(topic, OLD) for topic in topics}
        self.watch.start()

    async def topic_ids(self, names: Sequence[str]) -> Mapping[str, tuple[UUID, int]]:
        self.looks.append(names)
        if self.is_away:
            raise ClusterUnavailable("no node answers")
        return {name: (self.ids[name], 1) for name in names if name in self.ids}

    def end(self, group: JoinedGroup, topic: str) -> None:
        self.ended.append((group.name, topic))
        del group.topics[topic]

    async def pass_time(self) -> None:
        self.clock.advance(LOOK_MS)
        await settle()


@pytest.fixture
def cluster() -> Cluster:
    """Give a cluster with two topics, and a group that shares both."""
    cluster = Cluster()
    cluster.join("g", "t", "u")
    return cluster


async def test_a_topic_with_another_id_ends_in_every_group_that_shares_it(cluster: Cluster) -> None:
    cluster.join("h", "t")
    await cluster.pass_time()
    assert cluster.ended == []
    cluster.ids["t"] = NEW
    await cluster.pass_time()
    assert cluster.ended == [("g", "t"), ("h", "t")]
    assert cluster.looks == [["t", "u"]] * 2


async def test_a_topic_that_is_not_found_ends_only_where_a_member_was_told_so(cluster: Cluster) -> None:
    del cluster.ids["t"], cluster.ids["u"]
    await cluster.pass_time()
    assert cluster.ended == []
    cluster.watch.suspect("t")
    await settle()
    assert cluster.ended == [("g", "t")]


async def test_a_suspicion_outlives_a_cluster_that_does_not_answer(cluster: Cluster) -> None:
    del cluster.ids["t"]
    cluster.is_away = True
    cluster.watch.suspect("t")
    await settle()
    cluster.is_away = False
    await cluster.pass_time()
    assert cluster.ended == [("g", "t")]


async def test_nobody_looks_without_a_group_or_after_the_end(cluster: Cluster) -> None:
    cluster.groups.clear()
    await cluster.pass_time()
    assert cluster.clock.timers == 0
    cluster.join("g", "t")
    cluster.watch.close()
    assert cluster.clock.timers == 0
