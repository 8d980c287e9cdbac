"""Gateways that break one rule each: small patches of the cluster engine, and the rule that each breaks."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.kafka_cluster.joined_group import JoinedGroup
from mini_kafka.engine.kafka_cluster.membership import Assigned, Membership
from mini_kafka.engine.kafka_cluster.producer import Outcome, RecordProducer
from mini_kafka.engine.kafka_cluster.producing import Producing
from mini_kafka.engine.kafka_cluster.topic_views import Bounds, Shape, TopicViews
from tests.checker.mutants import Patch, commits_what_is_delivered, now_and_then
from tests.checker.violations import Rule


def commits_one_too_many(patch: pytest.MonkeyPatch) -> None:
    """Commit one too many with every seventh commit."""
    original, now = Membership.commit, now_and_then(7)

    def commit(self: Membership, partition: TopicPartition, committed: Any) -> None:
        original(self, partition, committed._replace(offset=committed.offset + now()))

    patch.setattr(Membership, "commit", commit)


def acknowledges_before_delivery(patch: pytest.MonkeyPatch) -> None:
    """Answer with the places that records will probably have, and send them a little later."""
    original, now = Producing._send, now_and_then(10)
    later = set()

    async def send(
        self: Producing, shape: Shape, records: Sequence[NewRecord], places: Sequence[int], now_ms: int, size: int
    ) -> Sequence[Outcome]:
        async def deliver() -> Sequence[Outcome]:
            await asyncio.sleep(0.3)
            return await original(self, shape, records, places, now_ms, size)

        if not now():
            return await original(self, shape, records, places, now_ms, size)
        ends = list((await self._views.bounds(shape.name)).ends)
        task = asyncio.create_task(deliver())
        later.add(task)
        outcomes = []
        for place in places:
            outcomes.append((ends[place], now_ms))
            ends[place] += 1
        return outcomes

    patch.setattr(Producing, "_send", send)


def sends_some_records_twice(patch: pytest.MonkeyPatch) -> None:
    """Hand a record to librdkafka once more, as a retry without idempotence does."""
    original, now = RecordProducer.send, now_and_then(20)

    def send(
        self: RecordProducer,
        delivery: Any,
        topic: str,
        records: Sequence[NewRecord],
        places: Sequence[int],
        now_ms: int,
    ) -> None:
        original(self, delivery, topic, records, places, now_ms)
        if now():
            self._producer.produce(topic, records[0].value, records[0].key, places[0])

    patch.setattr(RecordProducer, "send", send)


def forgets_a_partition(patch: pytest.MonkeyPatch) -> None:
    """Share nothing of the last one of several partitions that are assigned."""
    original = JoinedGroup.assigned

    def assigned(self: JoinedGroup, partitions: Sequence[Assigned]) -> None:
        original(self, [one for one in partitions if one.partition.partition == 0])

    patch.setattr(JoinedGroup, "assigned", assigned)


def sees_old_ends(patch: pytest.MonkeyPatch) -> None:
    """Take ends of a while ago for those of now, as a cache does."""
    original, now = TopicViews.bounds, now_and_then(5)
    known: dict[str, Bounds] = {}

    async def bounds(self: TopicViews, name: str) -> Bounds:
        found = await original(self, name)
        if not now() or name not in known or known[name].topic_id != found.topic_id:
            known[name] = found
        return known[name]

    patch.setattr(TopicViews, "bounds", bounds)


def breaks_every_cluster_rule(patch: pytest.MonkeyPatch) -> None:
    """Be all of them at once: one run is enough for the rules that they break."""
    for mutant in CLUSTER_MUTANTS:
        mutant(patch)


CLUSTER_MUTANTS: dict[Patch, Rule] = {
    commits_what_is_delivered: Rule.DONE,
    commits_one_too_many: Rule.DONE,
    acknowledges_before_delivery: Rule.VISIBLE,
    sends_some_records_twice: Rule.ONE_OFFSET,
    forgets_a_partition: Rule.FINISHED,
    sees_old_ends: Rule.VISIBLE,
}
"""Every mutant, and the rule of which the checker has to find a breach (it may find others too)."""
