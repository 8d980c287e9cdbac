"""Metadata (3), versions 0 to 13: where this broker is, and which topics it has.

- 0 asks for all topics with an empty list; from 1 on that is null, and an empty list asks for none.
- 4 may forbid to create what is missing. What is created is there before the answer is, and needs no second request.
- 8 may ask what the caller may do: everything (KIP-430), without access rights.
- 10 and 11 have room for topic ids, which Kafka answers with INVALID_REQUEST; 12 asks by id (KIP-516). Where one topic
  is asked for by id, names alone are passed over, as in Kafka.
- 13 has an error code for the whole answer.
"""

from collections.abc import Awaitable, Iterable, Sequence

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.topic import check_name
from mini_kafka.engine.log_port import TopicShape
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
from mini_kafka.kafka_wire.primitives import NO_ID

IDS_ANSWERED_FROM = 12


def handle(call: Call) -> bytes | Awaitable[bytes]:
    """Answer at once, or after missing topics are made."""
    request = read_request(call.request.body, call.version, call.request.max_elements)
    if request.topics is None:
        return _answer_all(call, request)
    wanted = list(dict.fromkeys(request.topics))
    if any(_is_unanswerable(topic, call.version) for topic in wanted):
        return _refuse(call, wanted)
    if any(topic.topic_id != NO_ID for topic in wanted):
        return _answer(call, request, [_by_id(call, request, topic) for topic in wanted if topic.topic_id != NO_ID])
    names = [topic.name or "" for topic in wanted]
    if request.allow_auto_topic_creation and any(call.engine.topic_shape(name) is None for name in names):
        return _create_and_answer(call, request, names)
    return _answer(call, request, [_by_name(call, request, name) for name in names])


async def _create_and_answer(call: Call, request: MetadataRequest, names: Sequence[str]) -> bytes:
    topics = []
    for name in names:
        if call.engine.topic_shape(name) is None:
            try:
                await call.engine.ensure_topic(call.caller, name, explicit=False)
            except BrokerError as error:
                topics.append(_missing(request, name, kafka_code(error)))
                continue
        topics.append(_by_name(call, request, name))
    return _answer(call, request, topics)


def _is_unanswerable(topic: WantedTopic, version: int) -> bool:
    if version < IDS_ANSWERED_FROM:
        return topic.name is None or topic.topic_id != NO_ID
    return topic.name is None and topic.topic_id == NO_ID


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


def _answer_all(call: Call, request: MetadataRequest) -> bytes:
    """Answer about all topics, which are written again only after one of them changed."""
    engine, leader = call.engine, call.connection.identity.node_id
    kept = call.connection.identity.written_topics
    key = (call.version, request.include_topic_operations)
    changes, written = kept.get(key, (-1, b""))
    if changes != engine.topic_changes:
        topics = (_known(request, shape) for shape in engine.topic_shapes())
        written = write_topics(call.version, topics, leader)
        kept[key] = engine.topic_changes, written
    return _around(call, request, written)


def _answer(call: Call, request: MetadataRequest, topics: Iterable[TopicMetadata]) -> bytes:
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
