"""How topics look from outside: the port's descriptions of them."""

from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import PartitionDescription, TopicDescription

PARTITIONS_AT_ONCE = 1000
"""Partitions that are described before others get their turn: about a millisecond."""


def describe(topic: Topic) -> TopicDescription:
    """Describe a topic as it is now."""
    partitions = tuple(
        PartitionDescription(number, log.log_start_offset, log.high_watermark) for number, log in enumerate(topic.logs)
    )
    return TopicDescription(topic.name, topic.topic_id, topic.config, partitions, topic.record_count())


async def describe_all(topics: Topics) -> list[TopicDescription]:
    """Describe all topics by name; other work goes on in between."""
    pace = Pace(PARTITIONS_AT_ONCE)
    described = []
    for topic in sorted(topics, key=lambda topic: topic.name):
        await pace.step(len(topic.logs))
        if topics.find(topic.name) is topic:
            described.append(describe(topic))
    return described
