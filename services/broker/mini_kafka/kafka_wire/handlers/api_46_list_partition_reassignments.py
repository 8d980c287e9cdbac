"""ListPartitionReassignments (46), version 0: there is one broker, and no partition moves."""

from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> Answer:
    """Answer with nothing."""
    await read_request(call.request)
    return await respond(call, error_code=ErrorCode.NONE, topics=[])
