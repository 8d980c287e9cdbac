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
from mini_kafka.engine.pace import Pace, chunks
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.handlers.topic_names import topic_key, topic_name
from mini_kafka.kafka_wire.kio_codec import read_request, respond

LEADER_EPOCH = 5
SEVERAL_GROUPS = 8
TOPIC_IDS = 10


async def handle(call: Call) -> bytes:
    """Answer with the committed offsets."""
    request = await read_request(call.request)
    if call.version < SEVERAL_GROUPS:
        return await respond(call, topics=await _topics(call, Pace(), request.group_id, request.topics))
    pace = Pace()
    groups = [
        {"group_id": group.group_id, "topics": await _topics(call, pace, group.group_id, group.topics)}
        async for group in pace.once(request.groups)  # an answer cannot be made large by asking twice
    ]
    return await respond(call, groups=groups)


async def _topics(call: Call, pace: Pace, group: str, topics: Iterable[Any] | None) -> list[dict[str, Any]]:
    """Give what a group has committed of some topics, or of all where none are named."""
    if topics is None:
        return await _all_topics(call, group)
    answer = []
    async for topic in pace.each(topics):
        name = topic_name(call, topic)
        partitions = [
            _partition(call, number, None) | {"error_code": ErrorCode.UNKNOWN_TOPIC_ID}
            if name is None
            else _partition(call, number, _committed(call, group, TopicPartition(name, number)))
            async for number in pace.each(topic.partition_indexes)
        ]
        answer.append({**topic_key(topic), "partitions": partitions})
    return answer


def _committed(call: Call, group: str, partition: TopicPartition) -> OffsetAndMetadata | None:
    return call.engine.group_offsets.fetch(call.caller, group, (partition,))[partition]


async def _all_topics(call: Call, group: str) -> list[dict[str, Any]]:
    by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async for some in chunks(call.engine.group_offsets.partitions(call.caller, group)):
        for (name, number), offset in call.engine.group_offsets.fetch(call.caller, group, some).items():
            by_topic[name].append(_partition(call, number, offset))
    answer: list[dict[str, Any]] = []
    async for name, partitions in Pace().each(by_topic.items()):
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
