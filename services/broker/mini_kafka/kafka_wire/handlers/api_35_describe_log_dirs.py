"""DescribeLogDirs (35), versions 1 to 5: how much each partition holds, and how much room there is.

- The log lies in memory: the one directory is called `memory`, and its size is the memory limit.
- A null list of topics means all of them; what does not exist is left out. 2 is flexible. 4 has the sizes.
"""

from collections.abc import Sequence
from typing import Any

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond

DIRECTORY = "memory"


async def handle(call: Call) -> Answer:
    """List the partitions of the only directory."""
    request = await read_request(call.request)
    log = call.engine.raw_log
    return await respond(
        call,
        error_code=ErrorCode.NONE,
        results=[
            {
                "error_code": ErrorCode.NONE,
                "log_dir": DIRECTORY,
                "topics": await _topics(call, request.topics),
                "total_bytes": log.memory_limit,
                "usable_bytes": max(log.memory_limit - log.memory_used, 0),
            }
        ],
    )


async def _topics(call: Call, asked: Sequence[Any] | None) -> list[dict[str, Any]]:
    pace = Pace()
    wanted = {(topic.topic, number) for topic in asked or () async for number in pace.each(topic.partitions)}
    partitions: dict[str, list[dict[str, Any]]] = {}
    async for size in pace.each(call.engine.raw_log.sizes(call.caller)):
        if asked is None or (size.topic, size.partition) in wanted:
            partitions.setdefault(size.topic, []).append(
                {
                    "partition_index": size.partition,
                    "partition_size": size.size_bytes,
                    "offset_lag": 0,
                    "is_future_key": False,
                }
            )
    return [{"name": name, "partitions": held} for name, held in partitions.items()]
