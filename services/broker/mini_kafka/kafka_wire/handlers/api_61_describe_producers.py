"""DescribeProducers (61), version 0: the idempotent producers that a partition remembers, and how far each came."""

from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

NO_TRANSACTION = -1


async def handle(call: Call) -> Answer:
    """Answer for each partition."""
    request = await read_request(call.request)
    pace = Pace()
    wanted: dict[str, dict[int, None]] = {}  # once each: an answer cannot be made large by asking twice
    async for topic in pace.each(request.topics):
        async for number in pace.each(topic.partition_indexes):
            wanted.setdefault(topic.name, {})[number] = None
    topics = [
        {
            "name": name,
            "partitions": [_partition(call, name, number) async for number in pace.each(numbers)],
        }
        async for name, numbers in pace.each(wanted.items())
    ]
    return await respond(call, topics=topics)


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
