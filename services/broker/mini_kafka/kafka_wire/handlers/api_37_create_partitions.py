"""CreatePartitions (37), versions 0 to 3: more partitions for topics; they exist when the answer arrives.

- Each topic is changed or refused by itself. A topic that is there twice is refused once, and stays as it is.
- With `validate_only` nothing is made.
"""

from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

TOPICS_AT_ONCE = 50
"""Topics that grow before others get their turn: a few milliseconds."""


async def handle(call: Call) -> bytes:
    """Grow the topics, one after the other."""
    request = await read_request(call.request)
    code: ErrorCode
    message: str | None
    counts = await Pace().count(topic.name for topic in request.topics)
    results = []
    pace = Pace(TOPICS_AT_ONCE)
    for name, topic in {topic.name: topic async for topic in Pace().each(request.topics)}.items():
        await pace.step()
        if counts[name] > 1:
            code, message = ErrorCode.INVALID_REQUEST, f"topic {name!r} is there {counts[name]} times: name it once"
        else:
            code, message = await _grow(call, topic, validate_only=request.validate_only)
        results.append({"name": name, "error_code": code, "error_message": message})
    return await respond(call, results=results)


async def _grow(call: Call, topic: Any, *, validate_only: bool) -> tuple[ErrorCode, str | None]:
    try:
        call.engine.topic_admin.check_more_partitions(topic.name, topic.count)
        message = _wrong_assignment(call, topic)
        if message is not None:
            return ErrorCode.INVALID_REPLICA_ASSIGNMENT, message
        if not validate_only:
            await call.engine.alter_topic(call.caller, topic.name, partitions=topic.count)
    except BrokerError as error:
        return kafka_code(error), str(error)
    return ErrorCode.NONE, None


def _wrong_assignment(call: Call, topic: Any) -> str | None:
    if topic.assignments is None:
        return None
    shape = call.engine.topic_shape(topic.name)
    more = topic.count - (shape.partitions if shape else 0)
    if len(topic.assignments) != more:
        return f"{more} partitions are to be added, and {len(topic.assignments)} are assigned"
    node_id = call.connection.identity.node_id
    if any(list(assignment.broker_ids) != [node_id] for assignment in topic.assignments):
        return f"each partition has one replica, and it is on broker {node_id}"
    return None
