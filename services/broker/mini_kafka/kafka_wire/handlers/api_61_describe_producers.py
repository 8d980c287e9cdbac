"""DescribeProducers (61), version 0: the idempotent producers that a partition remembers, and how far each came."""

from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

NO_TRANSACTION = -1


def handle(call: Call) -> Answer:
    """Answer for each partition."""
    request = read_request(call.request)
    wanted: dict[str, dict[int, None]] = {}  # once each: an answer cannot be made large by asking twice
    for topic in request.topics:
        wanted.setdefault(topic.name, {}).update(dict.fromkeys(topic.partition_indexes))
    topics = [
        {
            "name": topic,
            "partitions": [_partition(call, topic, number) for number in numbers],
        }
        for topic, numbers in wanted.items()
    ]
    return respond(call, topics=topics)


def _partition(call: Call, topic: str, partition: int) -> dict[str, Any]:
    producers: list[dict[str, int]] = []
    code, message = ErrorCode.NONE, None
    try:
        producers = [
            {
                "producer_id": state.producer_id,
                "producer_epoch": state.epoch,
                "last_sequence": state.batches[-1].last_sequence,
                "last_timestamp": state.batches[-1].timestamp_ms,
                "coordinator_epoch": NO_TRANSACTION,
                "current_txn_start_offset": NO_TRANSACTION,
            }
            for state in call.engine.raw_log.producers(call.caller, topic, partition)
        ]
    except BrokerError as error:
        code, message = kafka_code(error), str(error)
    return {
        "partition_index": partition,
        "error_code": code,
        "error_message": message,
        "active_producers": producers,
    }
