"""DescribeTopicPartitions (75), version 0: topics and their partitions, in pages (KIP-966).

- Topics come by name; without names, all of them. A page holds at most `response_partition_limit` partitions, one at
  least and 2,000 at most, and the answer's cursor says where the next one begins.
- A cursor whose topic is gone goes on at the next one; where topics are named, it has to be one of them.
"""

from heapq import merge
from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.topic import check_name
from mini_kafka.engine.log_port import TopicShape
from mini_kafka.engine.pace import Pace, chunks
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond
from mini_kafka.kafka_wire.operations import TOPIC_OPERATIONS

MAX_PARTITIONS = 2000
"""What a page holds at most: Kafka's max.request.partition.size.limit."""


async def handle(call: Call) -> bytes:
    """Answer with one page."""
    return await respond(call, **await _page(call, await read_request(call.request)))


async def _page(call: Call, request: Any) -> dict[str, Any]:
    pace = Pace()
    sorted_parts = [sorted({topic.name for topic in some}) async for some in chunks(request.topics)]
    names = list(dict.fromkeys([name async for name in pace.each(merge(*sorted_parts))]))
    if not names:
        names = [shape.name async for shape in pace.each(call.engine.topic_shapes())]
    first = 0
    if request.cursor is not None:
        is_unnamed = bool(request.topics) and request.cursor.topic_name not in names
        if is_unnamed or request.cursor.partition_index < 0:
            return await _refused(pace, names)
        first = request.cursor.partition_index
        names = [name for name in names if name >= request.cursor.topic_name]
        first = first if names[:1] == [request.cursor.topic_name] else 0
    left = min(max(request.response_partition_limit, 1), MAX_PARTITIONS)
    topics: list[dict[str, Any]] = []
    for name in names:
        await pace.step()
        shape = call.engine.topic_shape(name)
        if left == 0 and (shape is not None or not topics):
            return {"topics": topics, "next_cursor": {"topic_name": name, "partition_index": 0}}
        if shape is None:
            topics.append(_missing(name))
            continue
        end = min(shape.partitions, first + left)
        topics.append(_known(call, shape, range(first, end)))
        left -= max(end - first, 0)
        if end < shape.partitions:
            return {"topics": topics, "next_cursor": {"topic_name": name, "partition_index": end}}
        first = 0
    return {"topics": topics, "next_cursor": None}


def _known(call: Call, shape: TopicShape, numbers: range) -> dict[str, Any]:
    here = [call.connection.identity.node_id]
    partitions = [
        {
            "partition_index": number,
            "leader_id": here[0],
            "leader_epoch": 0,
            "replica_nodes": here,
            "isr_nodes": here,
            "eligible_leader_replicas": [],
            "last_known_elr": [],
            "offline_replicas": [],
        }
        for number in numbers
    ]
    return {
        "name": shape.name,
        "topic_id": shape.topic_id,
        "partitions": partitions,
        "topic_authorized_operations": TOPIC_OPERATIONS,
    }


def _missing(name: str) -> dict[str, Any]:
    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    try:
        check_name(name)
    except BrokerError as error:
        code = kafka_code(error)
    return {"error_code": code, "name": name, "partitions": [], "topic_authorized_operations": TOPIC_OPERATIONS}


async def _refused(pace: Pace, names: list[str]) -> dict[str, Any]:
    refused = [
        {"error_code": ErrorCode.INVALID_REQUEST, "name": name, "partitions": []} async for name in pace.each(names)
    ]
    return {"topics": refused, "next_cursor": None}
