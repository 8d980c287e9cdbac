"""OffsetCommit: every version keeps the offset, and says for each partition what became of it."""

import pytest

from mini_kafka.core.offsets import TopicPartition
from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, TOPIC, commit, stable


@pytest.mark.parametrize("version", range(2, 11))
def test_an_offset_is_kept_in_every_version(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        member_id = await stable(client)
        assert await commit(client, version, member_id=member_id, generation_id_or_member_epoch=1) == "none"
        (kept,) = client.engine.group_offsets.fetch(client.caller, GROUP).values()
        assert kept == (1, 3 if version >= 6 else -1, "mine")

    tell_kafka(story)


@pytest.mark.parametrize(("version", "code"), [(8, "illegal_generation"), (9, "group_id_not_found")])
def test_a_member_of_a_group_that_is_gone_is_told_what_its_version_knows(version: int, code: str) -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC)
        assert await commit(client, version, member_id="m", generation_id_or_member_epoch=1) == code

    tell_kafka(story)


def test_a_topic_that_is_not_is_unknown_by_name_and_by_id() -> None:
    async def story(client: KafkaClient) -> None:
        assert await commit(client, 9) == "unknown_topic_or_partition"
        assert await commit(client, 10) == "unknown_topic_id"
        assert not client.engine.group_offsets.fetch(client.caller, GROUP)

    tell_kafka(story)


def test_while_records_are_shared_a_kafka_client_is_no_member() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC)
        await client.engine.register_consumer(client.caller, GROUP, TOPIC)
        with client.engine._groups._offset_calls.inside(GROUP):
            assert await commit(client, offset=7) == "unknown_member_id"
        assert await client.engine.committed_offsets(client.caller, GROUP) == {TopicPartition(TOPIC, 0): 0}

    tell_kafka(story)
