"""Produce (0), versions 3 to 13: appends the batch that a client sent for each partition, as it came.

- 0 to 2 are in the list of versions and refused (KAFKA-18659): without them older librdkafka would not compress.
- acks=1 and acks=-1 are the same here: there are no replicas. acks=0 is answered with nothing; where something was
  refused the connection is closed, as Kafka does, because the client would never hear of it.
- A batch of a transaction is refused: see InitProducerId.
- Over the memory limit a batch gets a code that clients try again, and `throttle_time_ms`.
- 5 tells the log start offset. 7 allows zstd. 8 names the records that are the reason, and says it in words.
  9 is flexible. 10 may name a new leader, which there never is. 13 names topics by id.
"""

import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from mini_kafka.core.errors import BrokerError, InvalidBatch, MemoryLimitReached
from mini_kafka.engine.raw_log_port import AppendedBatch, TopicKey
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.primitives import INT32, NO_TAGS, Reader, array_length, string

LOWEST_ANSWERED = 3
ZSTD_FROM = 7
ACKS = (-1, 0, 1)
_NOTHING = memoryview(b"")
_PLACE = struct.Struct(">ihqq")
_PLACE_AND_START = struct.Struct(">ihqqq")

Part: TypeAlias = tuple[int, memoryview]
Outcome: TypeAlias = AppendedBatch | BrokerError


class ProduceRequest(NamedTuple):
    """What the request says: `acks`, and the records for each partition of each topic."""

    acks: int
    topics: Sequence[tuple[TopicKey, Sequence[Part]]]


def handle(call: Call) -> Answer | Awaitable[Answer]:
    """Append; where a topic's records have to be looked at first, later."""
    if call.version < LOWEST_ANSWERED:
        raise WireError(f"Produce version {call.version} is not answered any more: the lowest is {LOWEST_ANSWERED}")
    request = read(call.request.body, call.version)
    if request.acks not in ACKS:
        return _refuse_acks(call, request)
    if any(call.engine.raw_log.is_compacted(topic) for topic, _ in request.topics):
        return _append_looking(call, request)
    outcomes = [
        [_append(call, topic, partition, records) for partition, records in parts] for topic, parts in request.topics
    ]
    return _answer(call, request, outcomes)


async def _append_looking(call: Call, request: ProduceRequest) -> Answer:
    outcomes = [
        [await _append_keyed(call, topic, partition, records) for partition, records in parts]
        for topic, parts in request.topics
    ]
    return _answer(call, request, outcomes)


def _append(call: Call, topic: TopicKey, partition: int, records: memoryview) -> Outcome:
    try:
        return call.engine.raw_log.append_batch(
            call.caller, topic, partition, records, may_be_zstd=call.version >= ZSTD_FROM
        )
    except BrokerError as error:
        return error


async def _append_keyed(call: Call, topic: TopicKey, partition: int, records: memoryview) -> Outcome:
    if not call.engine.raw_log.is_compacted(topic):
        return _append(call, topic, partition, records)
    try:
        return await call.engine.raw_log.append_keyed_batch(
            call.caller, topic, partition, records, may_be_zstd=call.version >= ZSTD_FROM
        )
    except BrokerError as error:
        return error


def read(body: memoryview, version: int) -> ProduceRequest:
    """Read a request's body; the records stay views into it.

    Raises:
        WireError: it is not what this version says.
    """
    reader = Reader(body)
    flexible = version >= 9
    reader.nullable_string(flexible=flexible)  # the transactional id: the batches say themselves what they belong to
    acks = reader.int16()
    reader.int32()  # how long to wait for replicas
    key: Callable[[], TopicKey] = reader.uuid if version >= 13 else lambda: reader.string(flexible=flexible)
    topics = []
    for _ in range(reader.array_length(flexible=flexible) or 0):
        topic = key()
        parts = []
        for _ in range(reader.array_length(flexible=flexible) or 0):
            partition = reader.int32()
            records = reader.nullable_bytes(flexible=flexible)
            parts.append((partition, _NOTHING if records is None else records))
            if flexible:
                reader.skip_tags()
        topics.append((topic, parts))
        if flexible:
            reader.skip_tags()
    if flexible:
        reader.skip_tags()
    reader.end()
    return ProduceRequest(acks, topics)


def _answer(call: Call, request: ProduceRequest, outcomes: Sequence[Sequence[Outcome]]) -> Answer:
    if request.acks == 0:
        for result in (result for results in outcomes for result in results):
            if isinstance(result, BrokerError):
                raise WireError(f"a produce with acks=0 was refused, and there is no other way to say so: {result}")
        return None
    return write(call.version, request, outcomes)


def write(version: int, request: ProduceRequest, outcomes: Sequence[Sequence[Outcome]]) -> bytes:
    """Write the response's body."""
    flexible = version >= 9
    pieces = [array_length(len(request.topics), flexible=flexible)]
    throttle_ms = 0
    for (topic, parts), results in zip(request.topics, outcomes, strict=True):
        pieces.append(string(topic, flexible=flexible) if isinstance(topic, str) else topic.bytes)
        pieces.append(array_length(len(parts), flexible=flexible))
        for (partition, _), result in zip(parts, results, strict=True):
            if isinstance(result, AppendedBatch):
                pieces.append(_place(version, partition, ErrorCode.NONE, *result))
                pieces.append(_no_reasons(version))
            else:
                pieces.append(_place(version, partition, kafka_code(result), -1, -1, -1))
                pieces.append(_reasons(version, result))
                if isinstance(result, MemoryLimitReached):
                    throttle_ms = result.retry_after_s * 1000
        if flexible:
            pieces.append(NO_TAGS)
    pieces.append(INT32.pack(throttle_ms))
    if flexible:
        pieces.append(NO_TAGS)
    return b"".join(pieces)


def _place(version: int, partition: int, code: int, base_offset: int, append_time_ms: int, start: int) -> bytes:
    if version >= 5:
        return _PLACE_AND_START.pack(partition, code, base_offset, append_time_ms, start)
    return _PLACE.pack(partition, code, base_offset, append_time_ms)


def _no_reasons(version: int) -> bytes:
    """Write no record errors, no message, no tags."""
    if version >= 9:
        return b"\x01\x00\x00"
    return b"\0\0\0\0\xff\xff" if version == 8 else b""


def _reasons(version: int, refusal: BrokerError) -> bytes:
    """Write which records are the reason, and the reason in words."""
    if version < 8:
        return b""
    flexible = version >= 9
    records = refusal.records if isinstance(refusal, InvalidBatch) else ()
    tags = NO_TAGS if flexible else b""
    said = string(str(refusal), flexible=flexible)
    named = [INT32.pack(place) + said + tags for place in records]
    return b"".join((array_length(len(named), flexible=flexible), *named, said, tags))


def _refuse_acks(call: Call, request: ProduceRequest) -> bytes:
    """Refuse a number of acknowledgements that no producer can ask for."""
    flexible = call.version >= 9
    tail = _no_reasons(call.version)
    pieces = [array_length(len(request.topics), flexible=flexible)]
    for topic, parts in request.topics:
        pieces.append(string(topic, flexible=flexible) if isinstance(topic, str) else topic.bytes)
        pieces.append(array_length(len(parts), flexible=flexible))
        for partition, _ in parts:
            pieces.append(_place(call.version, partition, ErrorCode.INVALID_REQUIRED_ACKS, -1, -1, -1) + tail)
        pieces.append(NO_TAGS if flexible else b"")
    return b"".join((*pieces, INT32.pack(0), NO_TAGS if flexible else b""))
