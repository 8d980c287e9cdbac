"""The APIs that say little where there is one broker: the little is right, and what is not there is said to be."""

import pytest

from mini_kafka.core.record_batch import NewRecord
from tests.support.kafka import KafkaClient, tell_kafka


async def with_records(client: KafkaClient) -> None:
    await client.engine.create_topic(client.caller, "orders", partitions=2)
    await client.engine.produce(client.caller, "orders", [NewRecord(b"value", partition=0)] * 3)


@pytest.mark.parametrize("version", range(3))
def test_records_below_an_offset_are_forgotten(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        parts = [{"partition_index": 0, "offset": 2}, {"partition_index": 9, "offset": 0}]
        (topic,) = (await client.ask("DeleteRecords", version, topics=[{"name": "orders", "partitions": parts}])).topics
        assert [(part.low_watermark, part.error_code.name) for part in topic.partitions] == [
            (2, "none"),
            (-1, "unknown_topic_or_partition"),
        ]

    tell_kafka(story)


@pytest.mark.parametrize("version", range(1, 6))
def test_the_one_directory_holds_the_partitions_that_are_asked_for(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        asked = [{"topic": "orders", "partitions": [0, 9]}]
        (directory,) = (await client.ask("DescribeLogDirs", version, topics=asked)).results
        ((topic,), (part,)) = directory.topics, directory.topics[0].partitions
        assert (topic.name, part.partition_index) == ("orders", 0)
        assert part.partition_size > 0
        (directory,) = (await client.ask("DescribeLogDirs", version, topics=None)).results
        assert len(directory.topics[0].partitions) == 2
        if version >= 4:
            assert 0 < directory.usable_bytes < directory.total_bytes

    tell_kafka(story)


@pytest.mark.parametrize("version", range(3))
def test_no_partition_needs_an_election(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        asked = [{"topic": "orders", "partitions": [0, 2, -1]}]
        answer = await client.ask("ElectLeaders", version, topic_partitions=asked)
        if version >= 1:
            assert answer.error_code.name == "none"
        (result,) = answer.replica_election_results
        missing = "unknown_topic_or_partition"
        codes = [part.error_code.name for part in result.partition_result]
        assert codes == ["election_not_needed", missing, missing]

    tell_kafka(story)


@pytest.mark.parametrize("version", range(3))
def test_the_only_voter_leads_the_quorum_and_no_other_log_has_one(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        asked = [{"topic_name": it, "partitions": [{"partition_index": 0}]} for it in ("__cluster_metadata", "orders")]
        ours, other = (await client.ask("DescribeQuorum", version, topics=asked)).topics
        assert ours.partitions[0].error_code.name == "none"
        assert [voter.replica_id for voter in ours.partitions[0].current_voters] == [ours.partitions[0].leader_id]
        assert other.partitions[0].error_code.name == "unknown_topic_or_partition"

    tell_kafka(story)


def test_the_wanted_kinds_of_resources_are_listed() -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)

        async def listed(*kinds: int) -> list[tuple[int, str]]:
            answer = await client.ask("ListConfigResources", resource_types=kinds)
            assert answer.error_code == 0
            return [(it.resource_type, it.resource_name) for it in answer.config_resources]

        assert await listed(2) == [(2, "orders")]
        assert await listed(4) == [(4, "1")]
        assert sorted(await listed()) == [(2, "orders"), (4, "1"), (8, "1")]
        assert (await client.ask("ListConfigResources", resource_types=[99])).error_code.name == "unsupported_version"

    tell_kafka(story)


@pytest.mark.parametrize("version", range(2, 5))
def test_the_only_epoch_ends_where_the_log_does(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)

        def asked(epoch: int, known: int = -1) -> dict[str, int]:
            return {"partition": 0, "current_leader_epoch": known, "leader_epoch": epoch}

        parts = [asked(0), asked(5), asked(0, known=7)]
        (topic,) = (
            await client.ask("OffsetForLeaderEpoch", version, topics=[{"topic": "orders", "partitions": parts}])
        ).topics
        assert [(part.error_code.name, part.leader_epoch, part.end_offset) for part in topic.partitions] == [
            ("none", 0, 3),
            ("none", -1, -1),
            ("unknown_leader_epoch", -1, -1),
        ]

    tell_kafka(story)


@pytest.mark.parametrize("asked", [None, [{"name": "orders", "partition_indexes": [0]}]])
def test_no_partition_is_being_moved(asked: list[dict[str, object]] | None) -> None:
    async def story(client: KafkaClient) -> None:
        await with_records(client)
        answer = await client.ask("ListPartitionReassignments", timeout=1000, topics=asked)
        assert (answer.error_code.name, answer.topics) == ("none", ())

    tell_kafka(story)
