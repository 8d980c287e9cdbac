"""OffsetFetch (9), versions 1 to 10: what a group has committed, in some partitions or in all.

Where nothing is committed the offset is -1, and that is no error; neither is a group that nobody knows.

- 2 may ask for all partitions, 5 brings the leader epoch.
- 7 may ask to wait for transactions (`require_stable`), of which there are none.
- 8 asks for several groups at once, 9 says which member asks (KIP-848): a classic group has no member epochs.
- 10 names topics by id.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.handlers.topic_names import topic_key, topic_name
from mini_kafka.kafka_wire.kio_codec import read_request, respond

LEADER_EPOCH = 5
SEVERAL_GROUPS = 8
TOPIC_IDS = 10


def handle(call: Call) -> bytes:
    """Answer with the committed offsets."""
    request = read_request(call.request)
    if call.version < SEVERAL_GROUPS:
        return respond(call, topics=_topics(call, request.group_id, request.topics))
    groups = [
        {"group_id": group.group_id, "topics": _topics(call, group.group_id, group.topics)}
        for group in dict.fromkeys(request.groups)  # once each: an answer cannot be made large by asking twice
    ]
    return respond(call, groups=groups)


def _topics(call: Call, group: str, topics: Iterable[Any] | None) -> list[dict[str, Any]]:
    """Give what a group has committed of some topics, or of all where none are named."""
    fetch = call.engine.group_offsets.fetch
    if topics is None:
        return _all_topics(call, fetch(call.caller, group))
    answer = []
    for topic in topics:
        name = topic_name(call, topic)
        if name is None:
            partitions = [
                _partition(call, number, None) | {"error_code": ErrorCode.UNKNOWN_TOPIC_ID}
                for number in topic.partition_indexes
            ]
        else:
            found = fetch(call.caller, group, [TopicPartition(name, number) for number in topic.partition_indexes])
            partitions = [
                _partition(call, number, found[TopicPartition(name, number)]) for number in topic.partition_indexes
            ]
        answer.append({**topic_key(topic), "partitions": partitions})
    return answer


def _all_topics(call: Call, committed: dict[TopicPartition, OffsetAndMetadata | None]) -> list[dict[str, Any]]:
    by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (name, number), offset in committed.items():
        by_topic[name].append(_partition(call, number, offset))
    answer: list[dict[str, Any]] = []
    for name, partitions in by_topic.items():
        shape = call.engine.topic_shape(name)
        if call.version >= TOPIC_IDS:
            if shape is not None:
                answer.append({"topic_id": shape.topic_id, "partitions": partitions})
        else:
            answer.append({"name": name, "partitions": partitions})
    return answer


def _partition(call: Call, number: int, committed: OffsetAndMetadata | None) -> dict[str, Any]:
    offset, leader_epoch, metadata = committed or OffsetAndMetadata(-1, -1, "")
    epoch = {"committed_leader_epoch": leader_epoch} if call.version >= LEADER_EPOCH else {}
    return {"partition_index": number, "committed_offset": offset, "metadata": metadata, **epoch}
