"""ListOffsets (2), versions 1 to 11: looks offsets up, the earliest, the latest, or by time.

- Special times are negative: -1 the latest offset, -2 the earliest; from 7 on -3 the record with the latest time
  (KIP-734), from 8 on -4 the earliest on this broker, which is the earliest; from 9 on -5 the latest in remote storage
  and from 11 on -6 the earliest that is to go there, which there are none of. A lower version gets UNSUPPORTED_VERSION.
- Both isolation levels see the same, because no transaction is ever open.
- 4 names the leader's epoch. 6 is flexible. A partition that is named twice gets INVALID_REQUEST.
"""

from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import EARLIEST
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6
LOWEST_VERSION = {-1: 1, -2: 1, -3: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
"""From which version on a special time is known."""
NOWHERE = {"offset": -1, "timestamp": -1, "leader_epoch": -1}


async def handle(call: Call) -> Answer:
    """Answer with an offset for each partition."""
    request = await read_request(call.request)
    pace = Pace()
    named = await pace.count(
        (topic.name, part.partition_index) for topic in request.topics for part in topic.partitions
    )
    topics = []
    async for topic in pace.each(request.topics):
        partitions: dict[int, dict[str, int]] = {}
        async for partition in pace.each(topic.partitions):
            if named[topic.name, partition.partition_index] > 1:
                found = {"error_code": ErrorCode.INVALID_REQUEST, **NOWHERE}
            else:
                found = await _look_up(call, topic.name, partition)
            partitions[partition.partition_index] = {"partition_index": partition.partition_index, **found}
        topics.append({"name": topic.name, "partitions": list(partitions.values())})
    return await respond(call, topics=topics)


async def _look_up(call: Call, topic: str, asked: Any) -> dict[str, int]:
    at = asked.timestamp
    if at < 0 and call.version < LOWEST_VERSION.get(at, call.version + 1):
        return {"error_code": ErrorCode.UNSUPPORTED_VERSION, **NOWHERE}
    leader_epoch = getattr(asked, "current_leader_epoch", -1)
    is_remote = at in {LATEST_TIERED, EARLIEST_PENDING_UPLOAD}
    try:
        found = await call.engine.raw_log.offset_at(
            call.caller,
            topic,
            asked.partition_index,
            EARLIEST if at == EARLIEST_LOCAL or is_remote else at,
            leader_epoch,
        )
    except BrokerError as error:
        return {"error_code": kafka_code(error), **NOWHERE}
    if is_remote:
        return {"error_code": ErrorCode.NONE, **NOWHERE}
    return {
        "error_code": ErrorCode.NONE,
        "offset": found.offset,
        "timestamp": found.timestamp_ms,
        "leader_epoch": found.leader_epoch,
    }
