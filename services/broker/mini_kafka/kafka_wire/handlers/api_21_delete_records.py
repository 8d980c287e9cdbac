"""DeleteRecords (21), versions 0 to 2: forgets the records below an offset.

- -1 means all of them. What remains is whole batches; the log starts at the offset nevertheless, as in Kafka.
- A topic that is only compacted gets POLICY_VIOLATION. 2 is flexible.
"""

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> Answer:
    """Delete, partition by partition."""
    request = await read_request(call.request)
    pace = Pace()
    topics = [
        {
            "name": topic.name,
            "partitions": [
                _delete(call, topic.name, part.partition_index, part.offset)
                async for part in pace.each(topic.partitions)
            ],
        }
        async for topic in pace.each(request.topics)
    ]
    return await respond(call, topics=topics)


def _delete(call: Call, topic: str, partition: int, offset: int) -> dict[str, int]:
    code, start = ErrorCode.NONE, -1
    try:
        start = call.engine.raw_log.delete_records(call.caller, topic, partition, offset)
    except BrokerError as error:
        code = kafka_code(error)
    return {"partition_index": partition, "low_watermark": start, "error_code": code}
