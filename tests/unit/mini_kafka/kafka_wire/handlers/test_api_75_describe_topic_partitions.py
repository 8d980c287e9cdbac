"""DescribeTopicPartitions: topics and their partitions in pages, none left out and none twice."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka

SIZES = {"a": 1, "b": 5, "c": 2}


async def with_topics(client: KafkaClient) -> None:
    for name, partitions in SIZES.items():
        await client.engine.create_topic(client.caller, name, partitions=partitions)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8, 2000])
@pytest.mark.parametrize("names", [[], ["c", "b", "a"]])
def test_pages_together_hold_every_partition_once(limit: int, names: list[str]) -> None:
    async def story(client: KafkaClient) -> None:
        await with_topics(client)
        found: list[tuple[str, int]] = []
        cursor = None
        while True:
            wanted = [{"name": name} for name in names]
            page = await client.ask(
                "DescribeTopicPartitions", topics=wanted, response_partition_limit=limit, cursor=cursor
            )
            numbers = [(topic.name, part.partition_index) for topic in page.topics for part in topic.partitions]
            assert 0 < len(numbers) <= limit
            found += numbers
            if page.next_cursor is None:
                break
            cursor = {name: getattr(page.next_cursor, name) for name in ("topic_name", "partition_index")}
        assert found == [(name, number) for name, count in SIZES.items() for number in range(count)]

    tell_kafka(story)


def test_a_limit_that_is_none_is_one() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topics(client)
        page = await client.ask("DescribeTopicPartitions", topics=[], response_partition_limit=0)
        assert [len(topic.partitions) for topic in page.topics] == [1]

    tell_kafka(story)


def test_a_page_holds_two_thousand_partitions_at_most() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, "wide", partitions=2001)
        page = await client.ask("DescribeTopicPartitions", topics=[], response_partition_limit=2**31 - 1)
        assert len(page.topics[0].partitions) == 2000
        assert (page.next_cursor.topic_name, page.next_cursor.partition_index) == ("wide", 2000)

    tell_kafka(story)


def test_a_topic_that_is_gone_or_cannot_be_is_said_to_be() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topics(client)
        wanted = [{"name": name} for name in ("a", "bad name", "none")]
        page = await client.ask("DescribeTopicPartitions", topics=wanted, response_partition_limit=10)
        assert [(topic.name, topic.error_code.name) for topic in page.topics] == [
            ("a", "none"),
            ("bad name", "invalid_topic_exception"),
            ("none", "unknown_topic_or_partition"),
        ]

    tell_kafka(story)


def test_a_cursor_whose_topic_is_gone_goes_on_at_the_next() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topics(client)
        cursor = {"topic_name": "aa", "partition_index": 3}
        page = await client.ask("DescribeTopicPartitions", topics=[], response_partition_limit=1, cursor=cursor)
        assert [(topic.name, topic.partitions[0].partition_index) for topic in page.topics] == [("b", 0)]

    tell_kafka(story)


def test_a_cursor_before_the_first_partition_is_refused() -> None:
    async def story(client: KafkaClient) -> None:
        cursor = {"topic_name": "a", "partition_index": -1}
        page = await client.ask(
            "DescribeTopicPartitions", topics=[{"name": "a"}], response_partition_limit=1, cursor=cursor
        )
        assert [topic.error_code.name for topic in page.topics] == ["invalid_request"]

    tell_kafka(story)


def test_a_cursor_names_one_of_the_topics_that_are_asked_for() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topics(client)
        cursor = {"topic_name": "aa", "partition_index": 0}
        page = await client.ask("DescribeTopicPartitions", topics=[{"name": "b"}], cursor=cursor)
        assert [(topic.name, topic.error_code.name) for topic in page.topics] == [("b", "invalid_request")]
        page = await client.ask("DescribeTopicPartitions", topics=[], cursor=cursor)
        assert [topic.name for topic in page.topics] == ["b", "c"]

    tell_kafka(story)
