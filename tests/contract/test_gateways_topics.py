"""What gateways promise about a topic that others change: it gets partitions, or is deleted and made again.

Only where there is a real Kafka; `tests/integration/test_cluster_contract.py` starts one.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from mini_kafka.core.errors import ClusterRefused, ClusterUnavailable, TopicExists, UnknownConsumer
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark
from mini_kafka.engine.port import Caller
from tests.support.sharing import acquire, locks, offsets, produce
from tests.support.tasks import until

if TYPE_CHECKING:
    from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif("APACHE_KAFKA" not in os.environ, reason="test_cluster_contract runs it over a real Kafka"),
]


async def make_anew(engine: "KafkaClusterEngine", caller: Caller, topic: str) -> None:
    """Delete a topic and make it again; the cluster may take a while to let go of the name."""
    await engine.delete_topic(caller, topic)

    async def is_made() -> bool:
        with suppress(TopicExists, ClusterRefused, ClusterUnavailable):
            await engine.create_topic(caller, topic, partitions=1)
            return True
        return False

    await until(is_made)


async def test_a_topic_that_was_made_anew_elsewhere_is_shared_from_its_start_and_its_old_locks_are_late(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, group: str
) -> None:
    await produce(left, caller, narrow, *[b"old"] * 6)
    old = locks(await acquire(left, caller, group, narrow, max_records=4))
    await left.acknowledge(caller, group, accept=old[:3])
    await left.committed_offsets(caller, group)
    await make_anew(right, caller, narrow)
    await produce(right, caller, narrow, *[b"new"] * 8)  # more than the old one had, so that no offset is out of range
    seen: set[int] = set()

    async def all_are_done() -> bool:
        got = await acquire(left, caller, group, narrow, wait_ms=200)
        seen.update(one.record.offset for one in got if getattr(one.record, "value", None) == b"new")
        await left.acknowledge(caller, group, accept=locks(got))
        return await left.committed_offsets(caller, group) == {TopicPartition(narrow, 0): 8}

    await until(all_are_done)  # what is accepted before the gateway knows of the new topic comes again
    assert seen == set(range(8))
    assert (await left.acknowledge(caller, group, accept=old[3:])).late == (old[3],)
    await left.close()
    assert await acquire(right, caller, group, narrow, wait_ms=500) == []


async def test_a_commit_that_comes_after_its_topic_was_made_anew_counts_for_nobody(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, unique: Callable[[str], str],
    group: str,
) -> None:  # fmt: skip
    consumer, place = unique("consumer"), TopicPartition(narrow, 0)
    await produce(left, caller, narrow, b"a", b"b", b"c")
    await left.register_consumer(caller, consumer, narrow)
    await left.consume(caller, consumer)
    registered = (await left._group_admin.committed(consumer))[place]
    shared = Mark("shared", topic_id=registered.mark and registered.mark.topic_id)
    await make_anew(right, caller, narrow)
    await produce(right, caller, narrow, b"new", b"x", b"y")
    await left._group_admin.commit(consumer, {place: registered})
    await left._group_admin.commit(group, {place: Committed(2, shared)})
    with pytest.raises(UnknownConsumer):
        await right.consume(caller, consumer)
    assert not [one for one in await right.consumer_places(caller) if one.consumer_id == consumer]
    assert await right.committed_offsets(caller, consumer) == {}
    assert (await right.describe_group(caller, group)).partitions == ()
    await right.register_consumer(caller, consumer, narrow)
    consumed = await right.consume(caller, consumer)
    assert consumed is not None
    assert consumed.record.value == b"new"
    assert offsets(await acquire(right, caller, group, narrow)) == [0, 1, 2]


async def test_records_of_partitions_that_were_added_elsewhere_come_to_who_is_acquiring(
    left: "KafkaClusterEngine", right: "KafkaClusterEngine", caller: Caller, narrow: str, group: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("mini_kafka.engine.kafka_cluster.membership.METADATA_MS", 200)
    await acquire(left, caller, group, narrow, wait_ms=0)
    await right.alter_topic(caller, narrow, partitions=3)
    await right.produce(caller, narrow, [NewRecord(b"late", partition=2)])
    assert [(one.partition, one.record.offset) for one in await acquire(left, caller, group, narrow)] == [(2, 0)]
