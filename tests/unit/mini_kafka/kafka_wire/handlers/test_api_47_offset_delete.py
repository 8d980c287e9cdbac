"""OffsetDelete: each partition's offset is gone, or a member reads it."""

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, TOPIC, commit, stable


def test_an_offset_goes_when_nobody_reads_its_topic() -> None:
    async def story(client: KafkaClient) -> None:
        member_id = await stable(client)
        await commit(client, member_id=member_id, generation_id_or_member_epoch=1)
        topics = [{"name": TOPIC, "partitions": [{"partition_index": 0}, {"partition_index": 9}]}]
        answer = await client.ask("OffsetDelete", group_id=GROUP, topics=topics)
        assert [one.error_code.name for one in answer.topics[0].partitions] == [
            "group_subscribed_to_topic",
            "unknown_topic_or_partition",
        ]
        await client.ask("LeaveGroup", group_id=GROUP, members=[{"member_id": member_id}])
        answer = await client.ask("OffsetDelete", group_id=GROUP, topics=topics)
        assert answer.topics[0].partitions[0].error_code.name == "none"
        assert client.engine.group_offsets.fetch(client.caller, GROUP) == {}

    tell_kafka(story)


def test_of_a_group_that_is_not_nothing_is_deleted() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("OffsetDelete", group_id="none", topics=[])
        assert (answer.error_code.name, answer.topics) == ("group_id_not_found", ())

    tell_kafka(story)
