"""How topics look from outside: the port's descriptions of them."""

from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import PartitionDescription, TopicDescription
from mini_kafka.engine.rows import rows

PARTITIONS_AT_ONCE = 1000
"""Partitions that are described before others get their turn: about a millisecond."""


def describe(topic: Topic) -> TopicDescription:
    """Describe a topic as it is now."""
    starts = [log.log_start_offset for log in topic.logs]
    ends = [log.high_watermark for log in topic.logs]
    partitions = rows(PartitionDescription, range(len(starts)), starts, ends)
    return TopicDescription(topic.name, topic.topic_id, topic.config, tuple(partitions), topic.record_count())


async def describe_all(topics: Topics) -> list[TopicDescription]:
    """Describe all topics by name; other work goes on in between."""
    pace = Pace(PARTITIONS_AT_ONCE)
    described = []
    for topic in sorted(topics, key=lambda topic: topic.name):
        await pace.step(len(topic.logs))
        if topics.find(topic.name) is topic:
            described.append(describe(topic))
    return described
