"""OffsetFetch: what is committed, in some partitions or all, by name or by id."""

from typing import Any

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, TOPIC, commit


async def fetch(client: KafkaClient, version: int, topics: Any) -> Any:
    """Ask for offsets, and give the topics of the answer."""
    if version < 8:
        return (await client.ask("OffsetFetch", version, group_id=GROUP, topics=topics)).topics
    (group,) = (await client.ask("OffsetFetch", version, groups=[{"group_id": GROUP, "topics": topics}])).groups
    return group.topics


@pytest.mark.parametrize("version", range(1, 11))
def test_what_is_committed_and_what_is_not_in_every_version(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        made = await client.engine.create_topic(client.caller, TOPIC, partitions=2)
        await commit(client, offset=5)
        key = {"topic_id": made.topic_id} if version >= 10 else {"name": TOPIC}
        (topic,) = await fetch(client, version, [{**key, "partition_indexes": [0, 1]}])
        assert [(one.committed_offset, one.metadata, one.error_code.name) for one in topic.partitions] == [
            (5, "mine", "none"),
            (-1, "", "none"),
        ]
        assert [getattr(one, "committed_leader_epoch", None) for one in topic.partitions] == (
            [3, -1] if version >= 5 else [None, None]
        )

    tell_kafka(story)


@pytest.mark.parametrize("version", range(2, 11))
def test_all_that_is_committed(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        assert await fetch(client, version, None) == ()
        made = await client.engine.create_topic(client.caller, TOPIC, partitions=2)
        await commit(client)
        (topic,) = await fetch(client, version, None)
        assert (topic.topic_id if version >= 10 else topic.name) == (made.topic_id if version >= 10 else TOPIC)
        assert [one.partition_index for one in topic.partitions] == [0]

    tell_kafka(story)


def test_an_id_that_is_no_topics_is_an_error_and_a_name_is_not() -> None:
    async def story(client: KafkaClient) -> None:
        (by_id,) = await fetch(client, 10, [{"topic_id": None, "partition_indexes": [0]}])
        assert by_id.partitions[0].error_code.name == "unknown_topic_id"
        (by_name,) = await fetch(client, 9, [{"name": "none", "partition_indexes": [0]}])
        assert by_name.partitions[0].error_code.name == "none"

    tell_kafka(story)


def test_several_groups_are_answered_in_one() -> None:
    async def story(client: KafkaClient) -> None:
        groups = [{"group_id": name, "topics": None} for name in ("a", "b")]
        answer = await client.ask("OffsetFetch", 8, groups=groups)
        assert [group.group_id for group in answer.groups] == ["a", "b"]

    tell_kafka(story)
