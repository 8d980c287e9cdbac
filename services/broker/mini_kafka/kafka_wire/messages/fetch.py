"""Fetch by hand: a request's body read, a response's written in pieces, in versions 4 to 18."""

import struct
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from mini_kafka.core.fetch_session import FINAL_EPOCH, NO_SESSION, FetchPartition
from mini_kafka.engine.raw_log_port import FetchedPartition, TopicKey
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.primitives import INT32, MAX_ELEMENTS, NO_TAGS, Reader, array_length, string, uvarint

JOINED_BELOW_BYTES = 16 * 1024
"""Batches that are smaller on average are copied together: to send each by itself costs more."""
READ_COMMITTED = 1
NO_REPLICA = -1

_SIZES = struct.Struct(">iiib")
_SESSION = struct.Struct(">ii")
_PARTITION = struct.Struct(">iiqiqi")
_PARTITION_9 = struct.Struct(">iiqqi")
_PARTITION_5 = struct.Struct(">iqqi")
_PARTITION_4 = struct.Struct(">iqi")
_HEAD = struct.Struct(">ihi")
_BOUNDS = struct.Struct(">ihqq")
_BOUNDS_AND_START = struct.Struct(">ihqqq")
_END_OF_EPOCH = struct.Struct(">BBBiqB")


class FetchRequest(NamedTuple):
    """What the request says."""

    replica_id: int
    max_wait_ms: int
    min_bytes: int
    max_bytes: int
    is_committed: bool
    session_id: int
    session_epoch: int
    partitions: Sequence[FetchPartition]
    forgotten: Sequence[tuple[TopicKey, int]]


def read_request(
    body: memoryview, version: int, max_elements: int = MAX_ELEMENTS, at_once: int = sys.maxsize
) -> FetchRequest:
    """Read a request's body.

    Raises:
        WireError: it is not what this version says, or it names too many partitions.
        TooMuchAtOnce: it names more than `at_once` topics and partitions.
    """
    reader = Reader(body, max_elements=max_elements, at_once=at_once)
    flexible = version >= 12
    replica_id = reader.int32() if version <= 14 else NO_REPLICA
    max_wait_ms, min_bytes, max_bytes, isolation = reader.numbers(_SIZES)
    is_committed = isolation == READ_COMMITTED
    session_id, session_epoch = reader.numbers(_SESSION) if version >= 7 else (NO_SESSION, FINAL_EPOCH)
    topic_key: Callable[[], TopicKey] = reader.uuid if version >= 13 else lambda: reader.string(flexible=flexible)
    partitions: list[FetchPartition] = []
    for _ in range(reader.array_length(flexible=flexible) or 0):
        topic = topic_key()
        count = reader.array_length(flexible=flexible, least=16) or 0
        partitions += [_read_partition(reader, version, topic) for _ in range(count)]
        if flexible:
            reader.skip_tags()
    forgotten: list[tuple[TopicKey, int]] = []
    if version >= 7:
        for _ in range(reader.array_length(flexible=flexible) or 0):
            topic = topic_key()
            count = reader.array_length(flexible=flexible, least=4) or 0
            forgotten += [(topic, reader.int32()) for _ in range(count)]
            if flexible:
                reader.skip_tags()
    if version >= 11:
        reader.nullable_string(flexible=flexible)  # the client's rack
    if flexible:
        replica_id = _read_replica_tag(reader, version, replica_id)
    return FetchRequest(
        replica_id, max_wait_ms, min_bytes, max_bytes, is_committed, session_id, session_epoch, partitions, forgotten
    )


def _read_partition(reader: Reader, version: int, topic: TopicKey) -> FetchPartition:
    """Read one partition of a request: what its version has."""
    leader_epoch = last_fetched_epoch = -1
    if version >= 12:  # the number before the last is the log start offset of a replica
        partition, leader_epoch, fetch_offset, last_fetched_epoch, _, max_bytes = reader.numbers(_PARTITION)
        reader.skip_tags()
    elif version >= 9:
        partition, leader_epoch, fetch_offset, _, max_bytes = reader.numbers(_PARTITION_9)
    elif version >= 5:
        partition, fetch_offset, _, max_bytes = reader.numbers(_PARTITION_5)
    else:
        partition, fetch_offset, max_bytes = reader.numbers(_PARTITION_4)
    return FetchPartition(topic, partition, fetch_offset, max_bytes, leader_epoch, last_fetched_epoch)


def _read_replica_tag(reader: Reader, version: int, replica_id: int) -> int:
    """Read the tags of the whole request: from 15 on the replica's id is in one."""
    for _ in range(reader.tag_count()):
        tag = reader.uvarint()
        value = Reader(reader.take(reader.uvarint()))
        if tag == 1 and version >= 15:
            replica_id = value.int32()
    return replica_id


def write_response(
    version: int,
    code: ErrorCode,
    session_id: int,
    told: Sequence[tuple[FetchPartition, FetchedPartition | ErrorCode]],
    *,
    is_committed: bool,
) -> list[bytes]:
    """Write the response's body, in pieces."""
    flexible = version >= 12
    topics = [(topic, list(parts)) for topic, parts in groupby(told, key=_topic_of)]
    # throttle_time_ms, and from 7 on the error of the session and its id
    head = _HEAD.pack(0, code, session_id) if version >= 7 else INT32.pack(0)
    pieces = [head, array_length(len(topics), flexible=flexible)]
    for topic, parts in topics:
        pieces.append(topic.bytes if isinstance(topic, UUID) else string(topic, flexible=flexible))
        pieces.append(array_length(len(parts), flexible=flexible))
        for part, result in parts:
            _write_partition(pieces, version, part.partition, result, is_committed=is_committed)
        if flexible:
            pieces.append(NO_TAGS)
    if flexible:
        pieces.append(NO_TAGS)
    return pieces


def _topic_of(told: tuple[FetchPartition, object]) -> TopicKey:
    return told[0].topic


def _write_partition(
    pieces: list[bytes], version: int, partition: int, result: FetchedPartition | ErrorCode, *, is_committed: bool
) -> None:
    code, high_watermark, start, batches, size, end_of_epoch = _fields(result)
    flexible = version >= 12
    if version >= 5:
        pieces.append(_BOUNDS_AND_START.pack(partition, code, high_watermark, high_watermark, start))
    else:
        pieces.append(_BOUNDS.pack(partition, code, high_watermark, high_watermark))
    # the aborted transactions: none, and null for who does not ask
    pieces.append(array_length(0 if is_committed else -1, flexible=flexible))
    if version >= 11:
        pieces.append(b"\xff\xff\xff\xff")  # the preferred read replica: there is none
    pieces.append(uvarint(size + 1) if flexible else INT32.pack(size))
    if size < JOINED_BELOW_BYTES * len(batches):
        pieces.append(b"".join(batches))
    else:
        pieces += batches
    if flexible:
        pieces.append(NO_TAGS if end_of_epoch is None else _END_OF_EPOCH.pack(1, 0, 13, 0, end_of_epoch, 0))


def _fields(result: FetchedPartition | ErrorCode) -> tuple[int, int, int, Sequence[bytes], int, int | None]:
    if isinstance(result, ErrorCode):
        return result, -1, -1, (), 0, None
    refusal, *rest = result
    return (ErrorCode.NONE if refusal is None else kafka_code(refusal), *rest)  # type: ignore[return-value]
