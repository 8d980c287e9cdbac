"""/v1: records out, without a consumer. From anywhere, in any form, once or on and on; reading changes nothing."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from mini_kafka.core.errors import UnknownTopicId
from mini_kafka.core.record_batch import Record
from mini_kafka.engine.port import READ_BYTES, TopicDescription
from mini_kafka.http_api.aside import INLINE_RECORDS, aside
from mini_kafka.http_api.call import Call
from mini_kafka.http_api.deps import CallDep
from mini_kafka.http_api.documented import problems
from mini_kafka.http_api.error_table import (
    CORRUPT_MESSAGE,
    INVALID_REQUEST,
    NO_RECORD_AT_OFFSET,
    OFFSET_NOT_AVAILABLE,
)
from mini_kafka.http_api.errors import RequestRefused
from mini_kafka.http_api.hot import HotRoute
from mini_kafka.http_api.media import accepted
from mini_kafka.http_api.position import Start, another_log, at_offset, of_token, start_of
from mini_kafka.http_api.query import Number, Query, documented, read_query
from mini_kafka.http_api.record_output import ShowAs, answer_json, json_lines, record_json, value_lines
from mini_kafka.http_api.resume_token import PREFIX, ResumeToken
from mini_kafka.http_api.routes.topics import TopicName
from mini_kafka.http_api.streams import Stream, as_events, as_lines, as_values

JSON, NDJSON, TEXT, EVENTS, BYTES = (
    "application/json", "application/x-ndjson", "text/plain", "text/event-stream", "application/octet-stream",
)  # fmt: skip

router = APIRouter(prefix="/v1", tags=["records"])


class ReadQuery(Query):
    """Where to read, how much, how long to wait for it, and how to show it."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)

    start: str = Field(
        default="earliest",
        alias="from",
        description="`earliest`, `latest`, an offset (with `partition`, where there are several), `-10` for the last "
        "ten of each partition, `10m` for ten minutes ago, an ISO time, or the `next` of an earlier answer",
    )
    partition: Number | None = Field(default=None, ge=0, description="read this partition only")
    max_records: Number = Field(default=500, ge=1, description="at most so many records")
    max_bytes: Number = Field(
        default=READ_BYTES, ge=1, le=8 * READ_BYTES, description="at most so many bytes of batches, but one batch"
    )
    wait_ms: Number = Field(default=0, ge=0, description="wait so long for the first record, when there is none")
    follow: bool = Field(default=False, description="go on with what is appended later")
    show_as: ShowAs = Field(
        default=ShowAs.AUTO, alias="as", description="how bytes become JSON: auto is text, or base64 where it is none"
    )


class OneQuery(Query):
    """How to show one record."""

    show_as: ShowAs = Field(default=ShowAs.AUTO, alias="as", description="how bytes become JSON")


NOT_THERE = problems(
    _404="the topic, the partition or the offset does not exist",
    _406="none of the accepted media types can be had",
    _410="the offset has been dropped, or the token belongs to another log; the detail says where to begin anew",
    _422="the query is not what this call takes",
)


@router.get(
    "/topics/{topic}/records",
    summary="Read records",
    response_class=Response,
    responses=NOT_THERE
    | problems(_503="there are too many streams")
    | {200: {"description": "records, and the token to go on", "content": {
        JSON: {"schema": {"type": "object"}}, NDJSON: {"schema": {"type": "string"}},
        TEXT: {"schema": {"type": "string"}}, EVENTS: {"schema": {"type": "string"}},
    }}},
    openapi_extra={"parameters": documented(ReadQuery)},
)  # fmt: skip
async def read_records(topic: TopicName, request: Request, call: CallDep) -> Response:
    """Read from anywhere; the answer's `next` is the place to go on, and is good for as long as this log lives.

    As lines of JSON or of plain values, `next` is in the header Mini-Kafka-Next. Server-sent events never end.
    """
    query = read_query(request.scope["query_string"], ReadQuery)
    if "max_records" in query.model_fields_set and query.max_records > call.bounds.limits.request_records:
        raise RequestRefused(
            INVALID_REQUEST,
            f"max_records is at most {call.bounds.limits.request_records} (MINI_KAFKA_MAX_RECORDS_PER_REQUEST)",
        )
    offers = (NDJSON, TEXT, EVENTS) if query.follow else (JSON, NDJSON, TEXT, EVENTS)
    media_type = accepted(_accept(request), offers)
    begin, is_stream = query.start, query.follow or media_type == EVENTS
    if begin.startswith(PREFIX) and not is_stream:  # which says all that a description would
        start, topic_id = of_token(call.engine.epoch, begin, query.partition)
        return await _read_once(call, topic, topic_id, start, query, media_type)
    described = await call.engine.describe_topic(call.caller, topic)
    if media_type == EVENTS:
        begin = request.headers.get("last-event-id") or begin
    start = await start_of(call.engine, call.caller, described, begin, query.partition)
    if is_stream:
        return _stream(call, described, start, query.show_as, media_type)
    return await _read_once(call, topic, None, start, query, media_type)


def _accept(request: Request) -> str:
    """Join the Accept fields (RFC 9110 §5.3)."""
    return ",".join(request.headers.getlist("accept"))


def _stream(call: Call, topic: TopicDescription, start: Start, show_as: ShowAs, media_type: str) -> Response:
    if media_type == EVENTS:
        content = as_events(call, topic, start, show_as)
    else:
        content = as_values(call, topic, start) if media_type == TEXT else as_lines(call, topic, start, show_as)
    return Stream(content, media_type, call.bounds.streams)


async def _read_once(
    call: Call, topic: str, topic_id: UUID | None, start: Start, query: ReadQuery, media_type: str
) -> Response:
    reading = call.engine.read(
        call.caller,
        topic,
        start.positions,
        partition=start.partition,
        topic_id=topic_id,
        max_records=min(query.max_records, call.bounds.limits.request_records),
        max_bytes=query.max_bytes,
        wait_ms=query.wait_ms,
    )
    try:
        found = await (call.while_connected(reading) if query.wait_ms else reading)
    except UnknownTopicId:
        raise another_log() from None
    token = str(ResumeToken(call.engine.epoch, found.topic_id, found.positions, start.partition))
    is_long = len(found.records) > INLINE_RECORDS
    if media_type == JSON:
        answer = await aside(is_long, answer_json, found.records, query.show_as, token, found.up_to_date)
        return Response(answer, media_type=JSON)
    fields = {"mini-kafka-next": token, "mini-kafka-up-to-date": str(found.up_to_date).lower()}
    if media_type == TEXT:
        return Response(value_lines(found.records), headers=fields, media_type=TEXT)
    lines = await aside(is_long, json_lines, found.records, query.show_as)
    return Response(lines, headers=fields, media_type=NDJSON)


@router.get(
    "/topics/{topic}/partitions/{partition}/records/{offset}",
    summary="Read one record",
    response_class=Response,
    responses=NOT_THERE
    | {200: {"description": "the record, or its value as it is", "content": {
        JSON: {"schema": {"type": "object"}}, BYTES: {"schema": {"type": "string", "format": "binary"}},
    }}},
    openapi_extra={"parameters": documented(OneQuery)},
)  # fmt: skip
async def read_one(topic: TopicName, partition: Number, offset: Number, request: Request, call: CallDep) -> Response:
    """Read the record at an offset, as JSON; or its value alone, for those who accept application/octet-stream."""
    query = read_query(request.scope["query_string"], OneQuery)
    media_type = accepted(_accept(request), (JSON, BYTES, TEXT))
    described = await call.engine.describe_topic(call.caller, topic)
    if offset < 0:
        raise RequestRefused(INVALID_REQUEST, "an offset is 0 or more")
    start = at_offset(described, offset, partition)
    found = await call.engine.read(call.caller, topic, start.positions, partition=partition, max_records=1)
    if not found.records:
        if offset < found.positions[partition]:  # a transaction marker, or compacted away with all behind it
            raise RequestRefused(NO_RECORD_AT_OFFSET, f"offset {offset} of partition {partition} holds no record")
        raise RequestRefused(OFFSET_NOT_AVAILABLE, f"offset {offset} of partition {partition} is not there yet")
    [read] = found.records
    if read.record.offset != offset:
        raise RequestRefused(
            NO_RECORD_AT_OFFSET,
            f"offset {offset} of partition {partition} holds no record any more: the next one is {read.record.offset}",
        )
    if media_type == JSON:
        return Response(record_json(read, query.show_as), media_type=JSON)
    if not isinstance(read.record, Record):
        raise RequestRefused(CORRUPT_MESSAGE, f"offset {offset} cannot be read: {read.record.decode_error}")
    if read.record.value is None:
        return Response(status_code=int(HTTPStatus.NO_CONTENT))  # a tombstone has no value
    return Response(read.record.value, media_type=media_type)


HOT = {("GET", "/v1/topics/{topic}/records"): HotRoute(read_records, request=Request)}
