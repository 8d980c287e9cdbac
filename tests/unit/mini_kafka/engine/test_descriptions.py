"""Describing all topics: in the order of their names, in slices, and only those that are there."""

import asyncio
from uuid import uuid4

from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.topic import Topics
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.descriptions import PARTITIONS_AT_ONCE, describe_all


def topics_of(*names: str) -> Topics:
    topics = Topics(MemoryBudget(1 << 20))
    for name in names:
        topics.create(name, uuid4(), TopicConfig(), PARTITIONS_AT_ONCE)
    return topics


def test_topics_are_described_by_name_and_others_get_their_turn_after_many_partitions() -> None:
    async def run() -> None:
        describing = asyncio.create_task(describe_all(topics_of("b", "c", "a")))
        turns = 0
        while not describing.done():
            await asyncio.sleep(0)
            turns += 1
        assert [topic.name for topic in describing.result()] == ["a", "b", "c"]
        assert turns >= 3

    asyncio.run(run())


def test_a_topic_that_goes_meanwhile_or_comes_again_is_not_described() -> None:
    async def run() -> None:
        topics = topics_of("a", "b", "c", "d")
        describing = asyncio.create_task(describe_all(topics))
        await asyncio.sleep(0)
        topics.delete("c")
        topics.delete("d")
        topics.create("d", uuid4(), TopicConfig(), 1)
        assert [topic.name for topic in await describing] == ["a", "b"]

    asyncio.run(run())
