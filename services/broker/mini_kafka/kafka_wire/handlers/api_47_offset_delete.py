"""OffsetDelete (47), version 0: forget what a group has committed, in partitions that none of its members reads.

A refusal of the whole group is the whole answer's. Very many partitions are forgotten some at a time, and the group is
asked anew: a refusal that comes later is written into the partitions that are left.
"""

from mini_kafka.core.errors import BrokerError, GroupNotFound
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.pace import Pace, chunks
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> bytes:
    """Forget offsets, and say of each partition whether they are."""
    request = await read_request(call.request)
    pace = Pace()
    wanted = [
        (topic.name, one.partition_index) for topic in request.topics async for one in pace.each(topic.partitions)
    ]
    codes: list[ErrorCode] = []
    async for some in chunks(TopicPartition(*one) for one in wanted):
        try:
            refused = call.engine.group_offsets.delete(call.caller, request.group_id, some)
        except BrokerError as error:
            if not codes:
                return await respond(call, error_code=group_code(error), topics=[])
            # What is left of a group whose last offsets were forgotten just now is nothing.
            is_gone = isinstance(error, GroupNotFound)
            refused = {} if is_gone else dict.fromkeys(some, error)
        codes += [group_code(refused[one]) if one in refused else ErrorCode.NONE for one in some]
    left = iter(codes)
    topics = [
        {
            "name": topic.name,
            "partitions": [
                {"partition_index": one.partition_index, "error_code": next(left)}
                async for one in pace.each(topic.partitions)
            ],
        }
        async for topic in pace.each(request.topics)
    ]
    return await respond(call, topics=topics)
