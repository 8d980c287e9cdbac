"""Produce by hand: a request's body read, a response's written, in versions 3 to 13.

The records of a request stay views into its bytes: whoever keeps them copies them.
"""

import struct
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from mini_kafka.core.errors import BrokerError, InvalidBatch
from mini_kafka.engine.raw_log_port import AppendedBatch, TopicKey
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.primitives import (
    INT32,
    MAX_ELEMENTS,
    MAX_MESSAGE_CHARACTERS,
    NO_TAGS,
    Reader,
    array_length,
    string,
)

_NOTHING = memoryview(b"")
_ACKS_AND_TIMEOUT = struct.Struct(">hi")
_PLACE = struct.Struct(">ihqq")
_PLACE_AND_START = struct.Struct(">ihqqq")

Outcome: TypeAlias = AppendedBatch | BrokerError | ErrorCode
"""What became of one partition's records; a code alone is a refusal that the log never saw."""


class ProduceRequest(NamedTuple):
    """What the request says: `acks`, and the records for each partition of each topic."""

    acks: int
    topics: Sequence[tuple[TopicKey, Sequence[tuple[int, memoryview]]]]


def read_request(
    body: memoryview, version: int, max_elements: int = MAX_ELEMENTS, at_once: int = sys.maxsize
) -> ProduceRequest:
    """Read a request's body; the records stay views into it.

    Raises:
        WireError: it is not what this version says, or it names too many partitions.
        TooMuchAtOnce: it names more than `at_once` topics and partitions.
    """
    reader = Reader(body, max_elements=max_elements, at_once=at_once)
    flexible = version >= 9
    reader.nullable_string(flexible=flexible)  # the transactional id: the batches say themselves what they belong to
    acks, _ = reader.numbers(_ACKS_AND_TIMEOUT)  # how long to wait for replicas, which there are not
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
    return ProduceRequest(acks, topics)


def write_response(
    version: int, request: ProduceRequest, outcomes: Sequence[Sequence[Outcome]], throttle_ms: int
) -> bytes:
    """Write a response's body; the outcomes are in the order of the request."""
    flexible = version >= 9
    tags = NO_TAGS if flexible else b""
    pieces = [array_length(len(request.topics), flexible=flexible)]
    for (topic, parts), results in zip(request.topics, outcomes, strict=True):
        pieces.append(string(topic, flexible=flexible) if isinstance(topic, str) else topic.bytes)
        pieces.append(array_length(len(parts), flexible=flexible))
        for (partition, _), result in zip(parts, results, strict=True):
            if isinstance(result, AppendedBatch):
                pieces += _place(version, partition, ErrorCode.NONE, *result), _no_reasons(version)
            elif isinstance(result, ErrorCode):
                pieces += _place(version, partition, result, -1, -1, -1), _no_reasons(version)
            else:
                pieces += _place(version, partition, kafka_code(result), -1, -1, -1), _reasons(version, result)
        pieces.append(tags)
    return b"".join((*pieces, INT32.pack(throttle_ms), tags))


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
    said = string(str(refusal)[:MAX_MESSAGE_CHARACTERS], flexible=flexible)
    named = [INT32.pack(place) + said + tags for place in records]
    return b"".join((array_length(len(named), flexible=flexible), *named, said, tags))
