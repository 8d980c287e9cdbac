"""Produce (0), versions 0 to 13: appends the batch that a client sent for each partition, as it came.

- 0 to 2 are in the list of versions and refused (KAFKA-18659): without them older librdkafka would not compress.
- acks=1 and acks=-1 are the same here: there are no replicas. acks=0 is answered with nothing; where something was
  refused the connection is closed, as Kafka does, because the client would never hear of it.
- A batch of a transaction is refused: see InitProducerId.
- Over the memory limit a batch gets a code that clients try again, and `throttle_time_ms`.
- 5 tells the log start offset. 7 allows zstd. 8 names the records that are the reason, and says it in words.
  9 is flexible. 10 may name a new leader, which there never is. 13 names topics by id.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from mini_kafka.core.errors import BrokerError, MemoryLimitReached
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.raw_log_port import TopicKey
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.messages.produce import Outcome, ProduceRequest, read_request, write_response
from mini_kafka.kafka_wire.primitives import AT_ONCE, TooMuchAtOnce

LOWEST_ANSWERED = 3
ZSTD_FROM = 7
ACKS = (-1, 0, 1)
AT_ONCE_BYTES = 4 * 1024 * 1024
"""What is checked and copied before others have their turn: some milliseconds' work."""
PARTITION_BYTES = 16 * 1024
"""The bytes that take as long as finding one partition and answering for it."""
FULL_THROTTLE_MS = 1000
"""How long a client should send nothing when the memory is full: as long as HTTP's Retry-After says."""


def handle(call: Call) -> Answer | Awaitable[Answer]:
    """Append; what is very much, or has to be looked at first, later."""
    if call.version < LOWEST_ANSWERED:
        raise WireError(f"Produce version {call.version} is not answered any more: the lowest is {LOWEST_ANSWERED}")
    try:
        request = read_request(call.request.body, call.version, call.request.max_elements, AT_ONCE)
    except TooMuchAtOnce:
        return _read_and_append(call)
    if request.acks not in ACKS:
        return _refuse_acks(call, request)
    work_bytes = 0
    for topic, parts in request.topics:
        work_bytes += sum([PARTITION_BYTES + len(records) for _, records in parts])
        if work_bytes > AT_ONCE_BYTES or call.engine.raw_log.is_compacted(topic):
            return _append_in_turns(call, request)
    outcomes = [
        [_append(call, topic, partition, records) for partition, records in parts] for topic, parts in request.topics
    ]
    return _answer(call, request, outcomes)


async def _read_and_append(call: Call) -> Answer:
    request = await asyncio.to_thread(read_request, call.request.body, call.version, call.request.max_elements)
    if request.acks not in ACKS:
        return await asyncio.to_thread(_refuse_acks, call, request)
    return await _append_in_turns(call, request)


async def _append_in_turns(call: Call, request: ProduceRequest) -> Answer:
    pace = Pace(AT_ONCE_BYTES)
    outcomes: list[list[Outcome]] = []
    for topic, parts in request.topics:
        results: list[Outcome] = []
        for partition, records in parts:
            await pace.step(PARTITION_BYTES + len(records))
            results.append(await _append_keyed(call, topic, partition, records))
        outcomes.append(results)
    if sum(map(len, outcomes)) > AT_ONCE:
        return await asyncio.to_thread(_answer, call, request, outcomes)
    return _answer(call, request, outcomes)


def _refuse_acks(call: Call, request: ProduceRequest) -> bytes:
    refused = [[ErrorCode.INVALID_REQUIRED_ACKS] * len(parts) for _, parts in request.topics]
    return write_response(call.version, request, refused, 0)


def _append(call: Call, topic: TopicKey, partition: int, records: memoryview) -> Outcome:
    try:
        return call.engine.raw_log.append_batch(
            call.caller, topic, partition, records, may_be_zstd=call.version >= ZSTD_FROM
        )
    except BrokerError as error:
        return error.with_traceback(None)  # its frames would be kept with it


async def _append_keyed(call: Call, topic: TopicKey, partition: int, records: memoryview) -> Outcome:
    if not call.engine.raw_log.is_compacted(topic):
        return _append(call, topic, partition, records)
    try:
        return await call.engine.raw_log.append_keyed_batch(
            call.caller, topic, partition, records, may_be_zstd=call.version >= ZSTD_FROM
        )
    except BrokerError as error:
        return error.with_traceback(None)  # its frames would be kept with it


def _answer(call: Call, request: ProduceRequest, outcomes: Sequence[Sequence[Outcome]]) -> Answer:
    refusals = [result for results in outcomes for result in results if isinstance(result, BrokerError)]
    if request.acks == 0:
        if refusals:
            raise WireError(f"a produce with acks=0 was refused, and cannot be answered: {refusals[0]}")
        return None
    is_full = bool(refusals) and any(isinstance(it, MemoryLimitReached) for it in refusals)
    throttle_ms = FULL_THROTTLE_MS if is_full else 0
    return write_response(call.version, request, outcomes, throttle_ms)
