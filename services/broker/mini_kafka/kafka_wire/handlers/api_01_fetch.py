"""Fetch (1), versions 4 to 18: hands out batches as they are stored, and waits for them.

- An answer comes at once when `min_bytes` are there or something was refused, else after `max_wait_ms` at the latest.
  At least one batch is given where there is one, whatever its size; all of them are whole (Kafka cuts the last one).
- Nothing is ever open or aborted: both isolation levels read the same, up to the high watermark.
- 7 has fetch sessions (KIP-227; `core.fetch_session`). 9 may name the leader's epoch. 12 is flexible, and a reader that
  says what it fetched last is told where its log ends. 13 names topics by id. 15 moved the replica's id into a tag.
- There are no replicas: who says to be one gets NOT_LEADER_OR_FOLLOWER.
"""

import struct
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from mini_kafka.core.fetch_session import FINAL_EPOCH, NO_SESSION, FetchPartition, Opened, SessionRefusal
from mini_kafka.engine.raw_log_port import Fetched, FetchedPartition, TopicKey
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.primitives import INT32, NO_TAGS, Reader, array_length, string, uvarint

MAX_BYTES = 55 * 1024 * 1024
"""The most that one answer holds, beside a first batch that is larger: Kafka's fetch.max.bytes."""
JOINED_BELOW_BYTES = 16 * 1024
"""Batches that are smaller on average are copied together: to send each by itself costs more."""
READ_COMMITTED = 1
NO_REPLICA = -1

SESSION_CODE = {
    SessionRefusal.UNKNOWN_SESSION: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    SessionRefusal.WRONG_EPOCH: ErrorCode.INVALID_FETCH_SESSION_EPOCH,
    SessionRefusal.OTHER_KIND_OF_TOPIC: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
}

_SIZES = struct.Struct(">iii")
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


def handle(call: Call) -> Answer | Awaitable[Answer]:
    """Read what is there; where that is not enough, later."""
    request = read(call.request.body, call.version)
    log = call.engine.raw_log
    opened = log.sessions.open(
        request.session_id,
        request.session_epoch,
        request.partitions,
        request.forgotten,
        by_id=call.version >= 13,
        now_ms=log.now_ms(),
    )
    if isinstance(opened, SessionRefusal):
        return _write(call.version, SESSION_CODE[opened], NO_SESSION, [], is_committed=False)
    if request.replica_id > NO_REPLICA:
        return _refuse_replica(call.version, opened)
    max_bytes = min(request.max_bytes, MAX_BYTES)
    min_bytes = min(request.min_bytes, max_bytes)
    found = log.fetch(call.caller, opened.partitions, max_bytes)
    if found.size_bytes >= min_bytes or found.is_urgent or not opened.partitions or request.max_wait_ms <= 0:
        return _answer(call, request, opened, found)
    return _wait(call, request, opened, min_bytes, max_bytes)


async def _wait(call: Call, request: FetchRequest, opened: Opened, min_bytes: int, max_bytes: int) -> Answer:
    found = await call.engine.raw_log.fetch_waiting(
        call.caller, opened.partitions, max_bytes=max_bytes, min_bytes=min_bytes, max_wait_ms=request.max_wait_ms
    )
    return _answer(call, request, opened, found)


def _answer(call: Call, request: FetchRequest, opened: Opened, found: Fetched) -> Answer:
    """Write what was found; within a session, only what is news."""
    told: list[tuple[FetchPartition, FetchedPartition]] = []
    read_from: list[FetchPartition] = []
    for part, result in zip(opened.partitions, found.partitions, strict=True):
        must_be_said = result.size_bytes > 0 or result.refusal is not None or result.end_of_epoch is not None
        is_news = part.is_news(result.high_watermark, result.log_start_offset, must_be_said=must_be_said)
        if is_news or not opened.is_incremental:
            told.append((part, result))
        if result.size_bytes:
            read_from.append(part)
    if opened.is_incremental:
        call.engine.raw_log.sessions.gave_records(opened.session_id, read_from)
    return _write(call.version, ErrorCode.NONE, opened.session_id, told, is_committed=request.is_committed)


def _refuse_replica(version: int, opened: Opened) -> Answer:
    told = [(part, ErrorCode.NOT_LEADER_OR_FOLLOWER) for part in opened.partitions]
    return _write(version, ErrorCode.NONE, opened.session_id, told, is_committed=False)


def read(body: memoryview, version: int) -> FetchRequest:
    """Read a request's body.

    Raises:
        WireError: it is not what this version says.
    """
    reader = Reader(body)
    flexible = version >= 12
    replica_id = reader.int32() if version <= 14 else NO_REPLICA
    max_wait_ms, min_bytes, max_bytes = reader.numbers(_SIZES)
    is_committed = reader.int8() == READ_COMMITTED
    session_id, session_epoch = NO_SESSION, FINAL_EPOCH
    if version >= 7:
        session_id, session_epoch = reader.int32(), reader.int32()
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
            forgotten += (
                (topic, partition) for partition in reader.array(reader.int32, flexible=flexible, least=4) or ()
            )
            if flexible:
                reader.skip_tags()
    if version >= 11:
        reader.nullable_string(flexible=flexible)  # the client's rack
    if flexible:
        replica_id = _read_replica_tag(reader, version, replica_id)
    reader.end()
    return FetchRequest(
        replica_id, max_wait_ms, min_bytes, max_bytes, is_committed, session_id, session_epoch, partitions, forgotten
    )


def _read_partition(reader: Reader, version: int, topic: TopicKey) -> FetchPartition:
    """Read one partition of a request: what its version has."""
    partition = reader.int32()
    leader_epoch = reader.int32() if version >= 9 else -1
    fetch_offset = reader.int64()
    last_fetched_epoch = reader.int32() if version >= 12 else -1
    if version >= 5:
        reader.int64()  # the log start offset of a replica
    max_bytes = reader.int32()
    if version >= 12:
        reader.skip_tags()
    return FetchPartition(topic, partition, fetch_offset, max_bytes, leader_epoch, last_fetched_epoch)


def _read_replica_tag(reader: Reader, version: int, replica_id: int) -> int:
    """Read the tags of the whole request: from 15 on the replica's id is in one."""
    for _ in range(reader.uvarint()):
        tag = reader.uvarint()
        value = Reader(reader.take(reader.uvarint()))
        if tag == 1 and version >= 15:
            replica_id = value.int32()
    return replica_id


def _write(
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
