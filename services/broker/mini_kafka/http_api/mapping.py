"""Between the two vocabularies: the guide's models outside, the core's values inside."""

from collections.abc import Iterable

import msgspec

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import ConsumedRecord, ConsumerPlace, TopicDescription
from mini_kafka_shared.schemas import Message, PublishRequest


def to_new_record(request: PublishRequest) -> NewRecord:
    """Make a record of a message: strings are their UTF-8 bytes."""
    return NewRecord(request.value.encode(), None if request.key is None else request.key.encode())


def to_message(consumed: ConsumedRecord) -> Message:
    """Make a message of a record; what is not UTF-8 (no message of the guide's is) is shown as well as it can be."""
    record = consumed.record
    return Message(
        topic=consumed.topic,
        offset=record.offset,
        value="" if record.value is None else record.value.decode(errors="replace"),
        key=None if record.key is None else record.key.decode(errors="replace"),
        partition=consumed.partition,
    )


def stats_json(topics: Iterable[TopicDescription], places: Iterable[ConsumerPlace]) -> bytes:
    """Write the guide's overview, a `Stats`: as models, thousands of consumers would take eight times as long."""
    return msgspec.json.encode(
        {
            "topics": {topic.name: topic.record_count for topic in topics},
            "consumers": {place.consumer_id: {"topic": place.topic, "offset": place.offset} for place in places},
        }
    )
