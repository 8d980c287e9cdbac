"""Fetch (1), versions 4 to 18: hands out batches as they are stored, and waits for them.

- An answer comes at once when `min_bytes` are there or something was refused, else after `max_wait_ms` at the latest.
  At least one batch is given where there is one, whatever its size; all of them are whole (Kafka cuts the last one).
- Nothing is ever open or aborted: both isolation levels read the same, up to the high watermark.
- 7 has fetch sessions (KIP-227; `core.fetch_session`). 9 may name the leader's epoch. 12 is flexible, and a reader that
  says what it fetched last is told where its log ends. 13 names topics by id. 15 moved the replica's id into a tag.
- There are no replicas: who says to be one gets NOT_LEADER_OR_FOLLOWER.
"""

from collections.abc import Awaitable

from mini_kafka.core.fetch_session import NO_SESSION, FetchPartition, Opened, SessionRefusal
from mini_kafka.engine.raw_log_port import Fetched, FetchedPartition
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.messages.fetch import NO_REPLICA, FetchRequest, read_request, write_response

SESSION_CODE = {
    SessionRefusal.UNKNOWN_SESSION: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    SessionRefusal.WRONG_EPOCH: ErrorCode.INVALID_FETCH_SESSION_EPOCH,
    SessionRefusal.OTHER_KIND_OF_TOPIC: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
}


def handle(call: Call) -> Answer | Awaitable[Answer]:
    """Read what is there; where that is not enough, later."""
    request = read_request(call.request.body, call.version, call.request.max_elements)
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
        return write_response(call.version, SESSION_CODE[opened], NO_SESSION, [], is_committed=False)
    if request.replica_id > NO_REPLICA:
        return _refuse_replica(call.version, opened)
    max_bytes = min(request.max_bytes, call.connection.answers.fetch_bytes)
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
    return write_response(call.version, ErrorCode.NONE, opened.session_id, told, is_committed=request.is_committed)


def _refuse_replica(version: int, opened: Opened) -> Answer:
    told = [(part, ErrorCode.NOT_LEADER_OR_FOLLOWER) for part in opened.partitions]
    return write_response(version, ErrorCode.NONE, opened.session_id, told, is_committed=False)
