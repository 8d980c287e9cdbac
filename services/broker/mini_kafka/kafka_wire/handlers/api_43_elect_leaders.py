"""ElectLeaders (43), versions 0 to 2: every partition has its leader, so there is nothing to elect.

- Each partition that is named gets ELECTION_NOT_NEEDED; null names all, and Kafka then lists nothing.
- 1 may ask for an unclean election, which makes no difference here. 2 is flexible.
"""

from typing import Any

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> Answer:
    """Answer that each leader stays."""
    request = await read_request(call.request)
    pace = Pace()
    results = [
        {
            "topic": topic.topic,
            "partition_result": [_result(call, topic.topic, number) async for number in pace.each(topic.partitions)],
        }
        async for topic in pace.each(request.topic_partitions or ())
    ]
    if request.topic_partitions is None:
        shapes = pace.each(call.engine.topic_shapes())
        results = [{"topic": shape.name, "partition_result": []} async for shape in shapes]
    return await respond(call, error_code=ErrorCode.NONE, replica_election_results=results)


def _result(call: Call, topic: str, partition: int) -> dict[str, Any]:
    shape = call.engine.topic_shape(topic)
    if shape is not None and 0 <= partition < shape.partitions:
        code, message = ErrorCode.ELECTION_NOT_NEEDED, "the only broker leads this partition already"
    else:
        code, message = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {partition} of topic {topic!r}"
    return {"partition_id": partition, "error_code": code, "error_message": message}
