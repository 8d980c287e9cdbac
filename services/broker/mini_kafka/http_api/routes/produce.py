"""/v1: records in. One raw body, JSON in four shapes, or lines of JSON as they come; the URL names the topic.

The gate calls the function directly, like the guide's busy routes; of FastAPI it needs its place in the document.
"""

import re
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Literal

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mini_kafka.core.producer_sequences import ProducerSequence
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Appended
from mini_kafka.http_api.aside import INLINE_BODY_BYTES, INLINE_RECORDS, aside
from mini_kafka.http_api.body import for_records, read_body
from mini_kafka.http_api.call import Call
from mini_kafka.http_api.connection import ENDED_BODY, PATIENT_BODY
from mini_kafka.http_api.deps import CallDep
from mini_kafka.http_api.documented import CHANGING, problems
from mini_kafka.http_api.error_table import INVALID_REQUEST, RECORD_LIST_TOO_LARGE
from mini_kafka.http_api.errors import PROBLEM_MEDIA_TYPE, RequestRefused, problem_of
from mini_kafka.http_api.hot import HotRoute
from mini_kafka.http_api.ndjson import Interrupted, LineDone, Summary, append_lines
from mini_kafka.http_api.query import Number, Query, documented, read_query
from mini_kafka.http_api.record_input import from_json
from mini_kafka.http_api.request_id import request_id_of, with_request_id
from mini_kafka.http_api.routes.topics import TopicName

NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines"})
_PRODUCER_NAME = re.compile(r"[!-~]{1,249}")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_encode = msgspec.json.Encoder().encode

router = APIRouter(prefix="/v1", tags=["records"])


class ProduceQuery(Query):
    """What belongs to a record whose value is the raw body, and how lines are acknowledged."""

    key: str | None = Field(default=None, description="the record's key, for a raw body")
    partition: Number | None = Field(default=None, ge=0, description="the partition, for a raw body")
    timestamp: Number | None = Field(
        default=None, ge=0, le=2**63 - 1, description="the record's time in milliseconds, for a raw body"
    )
    ack: Literal["all", "each"] = Field(
        default="all", description="for lines of JSON: one summary at the end, or a line for each line"
    )


RECORD_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "value": {"description": "any JSON: a string is its UTF-8 bytes, null a tombstone, else kept as it came"},
        "value_base64": {"type": "string"},
        "key": {"description": "as the value; null is no key"},
        "key_base64": {"type": "string"},
        "headers": {"description": "an object of strings, or pairs where a name comes twice"},
        "headers_base64": {"description": "as headers, with base64 values"},
        "timestamp": {"type": "integer", "description": "milliseconds since 1970"},
        "partition": {"type": "integer"},
    },
    "example": {"value": {"n": 1}, "key": "k", "headers": {"h": "v"}},
}
BODIES = {
    "application/json": {
        "schema": {
            "anyOf": [
                RECORD_SCHEMA,
                {"type": "array", "items": RECORD_SCHEMA},
                {"type": "object", "properties": {"records": {"type": "array", "items": RECORD_SCHEMA}}},
            ]
        }
    },
    "application/x-ndjson": {"schema": {"type": "string", "description": "a record a line"}},
    "text/plain": {"schema": {"type": "string", "description": "one record's value, as it is"}},
}
PLACES = {
    "application/json": {
        "schema": {
            "type": "object",
            "properties": {
                "records": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {name: {"type": "integer"} for name in ("partition", "offset", "timestamp")},
                    },
                }
            },
        }
    }
}


@router.post(
    "/topics/{topic}/records",
    summary="Produce records",
    response_class=Response,
    responses=CHANGING
    | problems(
        _404="the topic does not exist, and is not to be created",
        _409="a producer's request is out of its order",
        _429="the log's memory is full; Retry-After says when to try again",
    )
    | {200: {"description": "where the records came to lie", "content": PLACES}}
    | {207: {"description": "some lines were appended and others refused; the body says which"}},
    openapi_extra={
        "parameters": documented(ProduceQuery)
        + [
            {"name": name, "in": "header", "description": text, "schema": {"type": kind}}
            for name, kind, text in (
                ("Producer-Id", "string", "the producer's own name, with which a retry is safe"),
                ("Producer-Seq", "integer", "the number of this request, from 0"),
                ("Producer-Epoch", "integer", "a higher one fences whoever still uses the name"),
            )
        ],
        "requestBody": {"content": BODIES},
    },
)
async def produce(topic: TopicName, request: Request, call: CallDep) -> Response:
    """Append records; a topic that is missing is created, where the broker does that.

    A body of any other type than JSON is one record's value. Lines of JSON are checked and appended as they come.
    """
    query = read_query(request.scope["query_string"], ProduceQuery)
    media_type = call.head.content_type.partition(b";")[0].strip().lower().decode("latin-1")
    sequence = _sequence(request)
    if media_type in NDJSON:
        if sequence is not None:
            raise _wrong("Producer-Seq numbers requests that are appended whole: send a JSON array instead of lines")
        _refuse_record_parameters(query)
        return await _produce_lines(topic, request, call, query)
    limits = call.bounds.limits
    body = await read_body(call.head, call.receive, call.bounds, for_records(limits))
    if media_type == "application/json" or media_type.endswith("+json"):
        _refuse_record_parameters(query)
        records = await aside(len(body) > INLINE_BODY_BYTES, from_json, body)
        if len(records) > limits.request_records:
            raise RequestRefused(
                RECORD_LIST_TOO_LARGE,
                f"the body has {len(records)} records, over MINI_KAFKA_MAX_RECORDS_PER_REQUEST"
                f" ({limits.request_records}): send less at a time, or lines of JSON",
            )
    else:
        key = None if query.key is None else query.key.encode()
        records = [NewRecord(body, key, (), query.timestamp, query.partition)]
    places = await call.engine.produce(call.caller, topic, records, create=True, sequence=sequence)
    answer = await aside(len(places) > INLINE_RECORDS, _places, places)
    return Response(answer, media_type="application/json")


def _places(places: Sequence[Appended]) -> bytes:
    return b'{"records":[%s]}' % b",".join(map(b'{"partition":%d,"offset":%d,"timestamp":%d}'.__mod__, places))


def _refuse_record_parameters(query: ProduceQuery) -> None:
    given = [name for name in ("key", "partition", "timestamp") if getattr(query, name) is not None]
    if given:
        raise _wrong(f"{' and '.join(given)} in the URL belong to a raw body: put them into the JSON records")


def _sequence(request: Request) -> ProducerSequence | None:
    """Read the headers that make a retry safe.

    Raises:
        RequestRefused: 422, they are not complete, or not what they have to be.
    """
    name, number, epoch = (request.headers.get(f"producer-{part}") for part in ("id", "seq", "epoch"))
    if name is None and number is None and epoch is None:
        return None
    if name is None or number is None:
        raise _wrong("a safe retry needs both Producer-Id and Producer-Seq (and Producer-Epoch, if it is not 0)")
    if not _PRODUCER_NAME.fullmatch(name):
        raise _wrong("Producer-Id is 1 to 249 printable ASCII characters without spaces")
    for field, text in (("Producer-Seq", number), ("Producer-Epoch", epoch)):
        if text is not None and not _WHOLE_NUMBER.fullmatch(text):
            raise _wrong(f"{field} is a whole number from 0 on, of at most 18 digits")
    return ProducerSequence(name, int(epoch or 0), int(number))


def _wrong(detail: str) -> RequestRefused:
    return RequestRefused(INVALID_REQUEST, detail)


async def _produce_lines(topic: str, request: Request, call: Call, query: ProduceQuery) -> Response:
    extensions = request.scope.get("extensions", {})
    if PATIENT_BODY in extensions:
        extensions[PATIENT_BODY]()
    lines = append_lines(call, topic, lambda: extensions.get(ENDED_BODY))
    summary = Summary()
    try:
        if query.ack == "each":
            first = await anext(lines, None)  # a topic that cannot be, or a full memory, still has a status of its own
            return _WhileReading(_acknowledged(first, lines), media_type="application/x-ndjson")
        async for done in lines:
            summary.add(done)
    except Interrupted as interrupted:
        return _interrupted(interrupted, summary, request)
    status = HTTPStatus.OK
    if summary.refused:
        status = HTTPStatus.MULTI_STATUS if summary.appended else HTTPStatus.UNPROCESSABLE_ENTITY
    return Response(_encode(_summed_up(summary)), int(status), media_type="application/json")


def _summed_up(summary: Summary) -> dict[str, object]:
    return {
        "appended": summary.appended,
        "refused": summary.refused,
        "partitions": [
            {"partition": number, "first_offset": extent.first_offset, "last_offset": extent.last_offset,
             "count": extent.count}
            for number, extent in sorted(summary.partitions.items())
        ],
        "errors": [{"line": done.line, "detail": done.reason} for done in summary.errors],
    }  # fmt: skip


def _interrupted(interrupted: Interrupted, summary: Summary, request: Request) -> Response:
    """Answer as the refusal that ended the lines is answered, with what was appended before and where to go on."""
    assert interrupted.__cause__ is not None  # noqa: S101 - it is always raised from one
    assert isinstance(interrupted.__cause__, Exception)  # noqa: S101
    answer = problem_of(interrupted.__cause__)
    assert answer is not None  # noqa: S101 - a refusal always has one
    answer = with_request_id(answer, request_id_of(request.scope))
    content = msgspec.json.decode(answer.body) | {"next_line": interrupted.line} | _summed_up(summary)
    fields = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(_encode(content), int(answer.status), fields, PROBLEM_MEDIA_TYPE)


class _WhileReading(StreamingResponse):
    """A streamed answer to a body that still comes: nobody else may listen for the rest of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream."""
        del scope, receive
        await self.stream_response(send)


async def _acknowledged(first: LineDone | None, rest: AsyncIterator[LineDone]) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield _acknowledgement(first)
        async for done in rest:
            yield _acknowledgement(done)
    except Interrupted as interrupted:
        yield _encode({"line": interrupted.line, "detail": str(interrupted.__cause__), "interrupted": True}) + b"\n"


def _acknowledgement(done: LineDone) -> bytes:
    if done.place is None:
        return _encode({"line": done.line, "detail": done.reason}) + b"\n"
    partition, offset, _ = done.place
    return b'{"line":%d,"partition":%d,"offset":%d}\n' % (done.line, partition, offset)


HOT = {("POST", "/v1/topics/{topic}/records"): HotRoute(produce, request=Request)}
