"""Fetch (1), versions 4 to 18: hands out batches as they are stored, and waits for them.

- An answer comes at once when `min_bytes` are there or something was refused, else after `max_wait_ms` at the latest.
  At least one batch is given where there is one, whatever its size; all of them are whole (Kafka cuts the last one).
- Nothing is ever open or aborted: both isolation levels read the same, up to the high watermark.
- 7 has fetch sessions (KIP-227; `core.fetch_session`). 9 may name the leader's epoch. 12 is flexible, and a reader that
  says what it fetched last is told where its log ends. 13 names topics by id. 15 moved the replica's id into a tag.
- There are no replicas: who says to be one gets NOT_LEADER_OR_FOLLOWER.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from inspect import isawaitable

from mini_kafka.core.fetch_session import NO_SESSION, FetchPartition, Opened, SessionRefusal
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.raw_log_port import FetchedPartition
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.messages.fetch import NO_REPLICA, FetchRequest, read_request, write_response
from mini_kafka.kafka_wire.primitives import AT_ONCE, TooMuchAtOnce

Told = Sequence[tuple[FetchPartition, FetchedPartition]]
SESSION_CODE = {
    SessionRefusal.UNKNOWN_SESSION: ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    SessionRefusal.WRONG_EPOCH: ErrorCode.INVALID_FETCH_SESSION_EPOCH,
    SessionRefusal.OTHER_KIND_OF_TOPIC: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
}


def handle(call: Call) -> Answer | Awaitable[Answer]:
    """Read what is there; where that is not enough, or very much is asked for, later."""
    try:
        request = read_request(call.request.body, call.version, call.request.max_elements, AT_ONCE)
    except TooMuchAtOnce:
        return _read_and_fetch(call)
    return _fetch(call, request)


async def _read_and_fetch(call: Call) -> Answer:
    request = await asyncio.to_thread(read_request, call.request.body, call.version, call.request.max_elements)
    answer = _fetch(call, request)
    return await answer if isawaitable(answer) else answer


def _fetch(call: Call, request: FetchRequest) -> Answer | Awaitable[Answer]:
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
    is_long = len(opened.partitions) > AT_ONCE
    if request.replica_id > NO_REPLICA:
        args = call.version, opened
        return asyncio.to_thread(_refuse_replica, *args) if is_long else _refuse_replica(*args)
    max_bytes = min(request.max_bytes, call.connection.answers.fetch_bytes)
    min_bytes = min(request.min_bytes, max_bytes)
    if is_long:
        return _fetch_later(call, request, opened, min_bytes, max_bytes)
    found = log.fetch(call.caller, opened.partitions, max_bytes)
    if found.size_bytes < min_bytes and not found.is_urgent and opened.partitions and request.max_wait_ms > 0:
        return _fetch_later(call, request, opened, min_bytes, max_bytes)
    told = [both for both in zip(opened.partitions, found.partitions, strict=True) if _is_told(opened, *both)]
    _keep_turns(call, opened, told)
    return _write(call, request, opened, told)


async def _fetch_later(call: Call, request: FetchRequest, opened: Opened, min_bytes: int, max_bytes: int) -> Answer:
    """Read in turns, wait for more where it is not enough, and write a long answer on a thread."""
    found = await call.engine.raw_log.fetch_waiting(
        call.caller, opened.partitions, max_bytes=max_bytes, min_bytes=min_bytes, max_wait_ms=request.max_wait_ms
    )
    both = Pace().each(zip(opened.partitions, found.partitions, strict=True))
    told = [(part, result) async for part, result in both if _is_told(opened, part, result)]
    _keep_turns(call, opened, told)
    if len(told) > AT_ONCE:
        return await asyncio.to_thread(_write, call, request, opened, told)
    return _write(call, request, opened, told)


def _is_told(opened: Opened, part: FetchPartition, result: FetchedPartition) -> bool:
    """Tell whether an answer names a partition: within a session, only if there is news."""
    must_be_said = result.size_bytes > 0 or result.refusal is not None or result.end_of_epoch is not None
    is_news = part.is_news(result.high_watermark, result.log_start_offset, must_be_said=must_be_said)
    return is_news or not opened.is_incremental


def _keep_turns(call: Call, opened: Opened, told: Told) -> None:
    if opened.is_incremental:
        read_from = [part for part, result in told if result.size_bytes]
        call.engine.raw_log.sessions.gave_records(opened.session_id, read_from)


def _write(call: Call, request: FetchRequest, opened: Opened, told: Told) -> Answer:
    return write_response(call.version, ErrorCode.NONE, opened.session_id, told, is_committed=request.is_committed)


def _refuse_replica(version: int, opened: Opened) -> Answer:
    told = [(part, ErrorCode.NOT_LEADER_OR_FOLLOWER) for part in opened.partitions]
    return write_response(version, ErrorCode.NONE, opened.session_id, told, is_committed=False)
