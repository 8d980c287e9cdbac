"""InitProducerId (22), versions 0 to 5: gives an idempotent producer its id.

- There are no transactions: a transactional id gets TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which confluent-kafka, Java,
  kafka-python and aiokafka raise at once (tests/compat).
- Each call gives a new id with epoch 0, also to a producer that names the id and the epoch that it had (3, KIP-360).
- 2 is flexible. 6 is for two-phase commit (KIP-939), and Kafka 4.3.1 does not offer it either.
"""

from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond

NONE = -1


async def handle(call: Call) -> Answer:
    """Give a new id."""
    request = await read_request(call.request)
    has_id = getattr(request, "producer_id", NONE) != NONE
    has_epoch = getattr(request, "producer_epoch", NONE) != NONE
    if request.transactional_id == "" or has_id is not has_epoch:
        code = ErrorCode.INVALID_REQUEST
    elif request.transactional_id is not None:
        code = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    else:
        return await respond(
            call, error_code=ErrorCode.NONE, producer_id=call.engine.raw_log.new_producer_id(), producer_epoch=0
        )
    return await respond(call, error_code=code, producer_id=NONE, producer_epoch=NONE)
