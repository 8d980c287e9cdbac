"""Metadata (3), versions 0 to 13: where this broker is, and which topics it has.

- 0 asks for all topics with an empty list; from 1 on that is null, and an empty list asks for none.
- 4 may forbid to create what is missing. What is created is there before the answer is, and needs no second request.
- 8 may ask what the caller may do: everything (KIP-430), without access rights.
- 10 and 11 have room for topic ids, which Kafka answers with INVALID_REQUEST; 12 asks by id (KIP-516). Where one topic
  is asked for by id, names alone are passed over, as in Kafka.
- 13 has an error code for the whole answer.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.topic import check_name
from mini_kafka.engine.log_port import TopicShape
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.messages.metadata import (
    NOT_ASKED,
    MetadataRequest,
    TopicMetadata,
    WantedTopic,
    read_request,
    write_response,
    write_topics,
)
from mini_kafka.kafka_wire.operations import CLUSTER_OPERATIONS, TOPIC_OPERATIONS
from mini_kafka.kafka_wire.primitives import AT_ONCE, NO_ID, TooMuchAtOnce

IDS_ANSWERED_FROM = 12
TOPICS_AT_ONCE = 50
"""Topics that are made before others get their turn: a few milliseconds."""


def handle(call: Call) -> bytes | Awaitable[bytes]:
    """Answer at once; after missing topics are made, or where there are very many topics, later."""
    try:
        request = read_request(call.request.body, call.version, call.request.max_elements, AT_ONCE)
    except TooMuchAtOnce:
        return _answer_many(call)
    if request.topics is None:
        return _answer_all(call, request)
    wanted = _wanted(request, call.version)
    if wanted is None:
        return _refuse(call, request.topics)
    names = [topic.name for topic in wanted if topic.name is not None and topic.topic_id == NO_ID]
    if request.allow_auto_topic_creation and any(call.engine.topic_shape(name) is None for name in names):
        return _create_and_answer(call, request, wanted)
    return _write(call, request, [_find(call, request, topic) for topic in wanted])


async def _answer_many(call: Call) -> bytes:
    request = await asyncio.to_thread(read_request, call.request.body, call.version, call.request.max_elements)
    wanted = await asyncio.to_thread(_wanted, request, call.version)
    if wanted is None:
        return await asyncio.to_thread(_refuse, call, request.topics or ())
    return await _create_and_answer(call, request, wanted)


async def _create_and_answer(call: Call, request: MetadataRequest, wanted: Sequence[WantedTopic]) -> bytes:
    pace = Pace(TOPICS_AT_ONCE)
    topics = [await _find_or_create(call, request, topic) async for topic in pace.each(wanted)]
    if len(topics) > AT_ONCE:
        return await asyncio.to_thread(_write, call, request, topics)
    return _write(call, request, topics)


async def _find_or_create(call: Call, request: MetadataRequest, topic: WantedTopic) -> TopicMetadata:
    found = _find(call, request, topic)
    if found.error is not ErrorCode.UNKNOWN_TOPIC_OR_PARTITION or not request.allow_auto_topic_creation:
        return found
    try:
        await call.engine.ensure_topic(call.caller, topic.name or "", explicit=False)
    except BrokerError as error:
        return _missing(request, topic.name or "", kafka_code(error))
    return _find(call, request, topic)


def _wanted(request: MetadataRequest, version: int) -> Sequence[WantedTopic] | None:
    """Give what a request asks for, each topic once; None where this version cannot ask for it."""
    wanted = list(dict.fromkeys(request.topics or ()))
    if any(_is_unanswerable(topic, version) for topic in wanted):
        return None
    return [topic for topic in wanted if topic.topic_id != NO_ID] or wanted


def _is_unanswerable(topic: WantedTopic, version: int) -> bool:
    if version < IDS_ANSWERED_FROM:
        return topic.name is None or topic.topic_id != NO_ID
    return topic.name is None and topic.topic_id == NO_ID


def _find(call: Call, request: MetadataRequest, topic: WantedTopic) -> TopicMetadata:
    return _by_name(call, request, topic.name or "") if topic.topic_id == NO_ID else _by_id(call, request, topic)


def _by_name(call: Call, request: MetadataRequest, name: str) -> TopicMetadata:
    shape = call.engine.topic_shape(name)
    if shape is not None:
        return _known(request, shape)
    try:
        check_name(name)
    except BrokerError as error:
        return _missing(request, name, kafka_code(error))
    return _missing(request, name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)


def _by_id(call: Call, request: MetadataRequest, topic: WantedTopic) -> TopicMetadata:
    shape = call.engine.topic_shape_by_id(topic.topic_id)
    if shape is not None:
        return _known(request, shape)
    return TopicMetadata(None, topic.topic_id, error=ErrorCode.UNKNOWN_TOPIC_ID)


def _known(request: MetadataRequest, shape: TopicShape) -> TopicMetadata:
    return TopicMetadata(shape.name, shape.topic_id, shape.partitions, operations=_operations(request))


def _missing(request: MetadataRequest, name: str, code: ErrorCode) -> TopicMetadata:
    operations = NOT_ASKED if code is ErrorCode.INVALID_TOPIC_EXCEPTION else _operations(request)
    return TopicMetadata(name, error=code, operations=operations)


def _operations(request: MetadataRequest) -> int:
    return TOPIC_OPERATIONS if request.include_topic_operations else NOT_ASKED


def _answer_all(call: Call, request: MetadataRequest) -> bytes | Awaitable[bytes]:
    """Answer about all topics, which are written again only after one of them changed."""
    kept = call.connection.identity.written_topics.get((call.version, request.include_topic_operations))
    if kept is not None and kept[0] == call.engine.topic_changes:
        return _around(call, request, kept[1])
    return _write_all(call, request)


async def _write_all(call: Call, request: MetadataRequest) -> bytes:
    engine, identity = call.engine, call.connection.identity
    changes = engine.topic_changes
    topics = [_known(request, shape) async for shape in Pace().each(engine.topic_shapes())]
    args = call.version, topics, identity.node_id
    written = await asyncio.to_thread(write_topics, *args) if len(topics) > AT_ONCE else write_topics(*args)
    identity.written_topics[call.version, request.include_topic_operations] = changes, written
    return _around(call, request, written)


def _write(call: Call, request: MetadataRequest, topics: Iterable[TopicMetadata]) -> bytes:
    return _around(call, request, write_topics(call.version, topics, call.connection.identity.node_id))


def _around(call: Call, request: MetadataRequest, topics: bytes) -> bytes:
    identity = call.connection.identity
    return write_response(
        call.version,
        topics,
        brokers=[(identity.node_id, call.connection.advertised)],
        cluster_id=identity.cluster_id,
        controller_id=identity.node_id,
        cluster_operations=CLUSTER_OPERATIONS if request.include_cluster_operations else NOT_ASKED,
    )


def _refuse(call: Call, wanted: Iterable[WantedTopic]) -> bytes:
    code = ErrorCode.INVALID_REQUEST
    refused = [TopicMetadata(topic.name or "", topic.topic_id, error=code) for topic in wanted]
    topics = write_topics(call.version, refused, leader=-1)
    return write_response(call.version, topics, brokers=(), cluster_id=None, controller_id=-1, error=code)
