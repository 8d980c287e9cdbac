"""DeleteTopics (20), versions 1 to 6: topics by their names or ids; they are gone when the answer arrives.

- Each topic is deleted or refused by itself. A topic that is there twice, by its name or its id, is refused once, and
  stays.
- 5 has messages; 6 has ids (KIP-516), and either a name or an id for each topic.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from mini_kafka.core.errors import BrokerError, UnknownTopic, UnknownTopicId
from mini_kafka.engine.log_port import TopicShape
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond
from mini_kafka.kafka_wire.primitives import NO_ID

Named = tuple[str | None, UUID | None]

IDS_FROM = 6
TOPICS_AT_ONCE = 50
"""Topics that are deleted before others get their turn: a few milliseconds."""


async def handle(call: Call) -> bytes:
    """Delete the topics, one after the other."""
    request = await read_request(call.request)
    if call.version < IDS_FROM:
        named: Iterable[Named] = ((name, None) for name in request.topic_names)
    else:
        named = ((topic.name, topic.topic_id) for topic in request.topics)
    wanted = Pace(TOPICS_AT_ONCE).each(await _by_topic(call, named))
    responses = [await _delete(call, *topic) async for topic in wanted]
    return await respond(call, responses=responses)


async def _by_topic(call: Call, wanted: Iterable[Named]) -> list[tuple[str | None, UUID | None, int]]:
    """Give each topic once, with the name or the id that it came by, or both, and how often it came."""
    pace = Pace()
    named: dict[object, list[Named]] = {}
    async for name, topic_id in pace.each(wanted):
        shape = _shape(call, name, topic_id)
        named.setdefault(shape.topic_id if shape else (name, topic_id), []).append((name, topic_id))
    return [
        (next((name for name, _ in same if name), same[0][0]), next((it for _, it in same if it), None), len(same))
        async for same in pace.each(named.values())
    ]


def _shape(call: Call, name: str | None, topic_id: UUID | None) -> TopicShape | None:
    if (name is None) is (topic_id is None):
        return None
    return call.engine.topic_shape(name) if name is not None else call.engine.topic_shape_by_id(topic_id or NO_ID)


async def _delete(call: Call, name: str | None, topic_id: UUID | None, count: int) -> dict[str, Any]:
    result: dict[str, Any] = {"name": name, "topic_id": topic_id}
    if count > 1:
        message = f"the topic is there {count} times: name it once"
        return result | {"error_code": ErrorCode.INVALID_REQUEST, "error_message": message}
    if (name is None) is (topic_id is None):
        message = "a topic is named by its name or by its id: give one of them"
        return result | {"error_code": ErrorCode.INVALID_REQUEST, "error_message": message}
    shape = _shape(call, name, topic_id)
    try:
        if shape is None:
            raise UnknownTopicId(topic_id) if name is None else UnknownTopic(name)
        await call.engine.delete_topic(call.caller, shape.name)
    except BrokerError as error:
        return result | {"error_code": kafka_code(error), "error_message": str(error)}
    return {"name": shape.name, "topic_id": shape.topic_id}
