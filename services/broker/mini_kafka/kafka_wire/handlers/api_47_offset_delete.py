"""OffsetDelete (47), version 0: forget what a group has committed, in partitions that none of its members reads."""

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond


def handle(call: Call) -> bytes:
    """Forget offsets, and say of each partition whether they are."""
    request = read_request(call.request)
    wanted = [TopicPartition(topic.name, one.partition_index) for topic in request.topics for one in topic.partitions]
    try:
        refused = call.engine.group_offsets.delete(call.caller, request.group_id, wanted)
    except BrokerError as error:
        return respond(call, error_code=group_code(error), topics=[])
    codes = {partition: group_code(error) for partition, error in refused.items()}
    topics = [
        {
            "name": topic.name,
            "partitions": [
                {
                    "partition_index": one.partition_index,
                    "error_code": codes.get(TopicPartition(topic.name, one.partition_index), ErrorCode.NONE),
                }
                for one in topic.partitions
            ],
        }
        for topic in request.topics
    ]
    return respond(call, topics=topics)
