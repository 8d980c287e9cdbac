"""DescribeQuorum (55), versions 0 to 2: the broker is its own controller, and the only voter.

- There is no metadata log: its offsets are 0. Any other topic gets UNKNOWN_TOPIC_OR_PARTITION.
- 1 has times. 2 has words, and the voters' addresses (KIP-853).
"""

from typing import Any

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond
from mini_kafka.kafka_wire.primitives import NO_ID

METADATA_TOPIC = "__cluster_metadata"


async def handle(call: Call) -> Answer:
    """Answer for the metadata log."""
    request = await read_request(call.request)
    pace = Pace()
    topics = [
        {
            "topic_name": topic.topic_name,
            "partitions": [
                _partition(call, topic.topic_name, part.partition_index) async for part in pace.each(topic.partitions)
            ],
        }
        async for topic in pace.each(request.topics)
    ]
    address = call.connection.advertised
    listener = {"name": "CONTROLLER", "host": address.host, "port": address.port}
    return await respond(
        call,
        error_code=ErrorCode.NONE,
        error_message="",
        topics=topics,
        nodes=[{"node_id": call.connection.identity.node_id, "listeners": [listener]}],
    )


def _partition(call: Call, topic: str, partition: int) -> dict[str, Any]:
    if topic != METADATA_TOPIC or partition != 0:
        code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        return _state(partition, code, f"this is no quorum's log: ask for {METADATA_TOPIC}-0", leader=0, voters=[])
    node_id, now_ms = call.connection.identity.node_id, call.engine.now_ms()
    voter = {
        "replica_id": node_id,
        "replica_directory_id": NO_ID,
        "log_end_offset": 0,
        "last_fetch_timestamp": now_ms,
        "last_caught_up_timestamp": now_ms,
    }
    return _state(partition, ErrorCode.NONE, "", leader=node_id, voters=[voter])


def _state(partition: int, code: ErrorCode, message: str, *, leader: int, voters: list[Any]) -> dict[str, Any]:
    return {
        "partition_index": partition,
        "error_code": code,
        "error_message": message,
        "leader_id": leader,
        "leader_epoch": 0,
        "high_watermark": 0,
        "current_voters": voters,
        "observers": [],
    }
