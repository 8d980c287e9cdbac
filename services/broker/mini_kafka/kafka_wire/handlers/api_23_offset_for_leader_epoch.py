"""OffsetForLeaderEpoch (23), versions 2 to 4: says where the records of a leader epoch end.

- There is one leader and one epoch, 0, which ends at the log end offset; any other is unknown, and that is no error.
- 4 is flexible.
"""

from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

UNKNOWN = -1


async def handle(call: Call) -> Answer:
    """Answer for each partition."""
    request = await read_request(call.request)
    pace = Pace()
    topics = [
        {
            "topic": topic.topic,
            "partitions": [_end_of_epoch(call, topic.topic, part) async for part in pace.each(topic.partitions)],
        }
        async for topic in pace.each(request.topics)
    ]
    return await respond(call, topics=topics)


def _end_of_epoch(call: Call, topic: str, asked: Any) -> dict[str, int]:
    code, end = ErrorCode.NONE, None
    try:
        end = call.engine.raw_log.end_of_epoch(
            call.caller, topic, asked.partition, asked.current_leader_epoch, asked.leader_epoch
        )
    except BrokerError as error:
        code = kafka_code(error)
    return {
        "partition": asked.partition,
        "error_code": code,
        "leader_epoch": UNKNOWN if end is None else asked.leader_epoch,
        "end_offset": UNKNOWN if end is None else end,
    }
