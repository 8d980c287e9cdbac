"""How an error looks over HTTP: one body, RFC 9457, for every refusal. What kinds there are is `error_table`'s.

FastAPI's `detail` is RFC 9457's `detail` too, so a client of either kind finds the sentence where it looks.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from mini_kafka.core import errors as core
from mini_kafka.http_api.error_table import (
    CORE_ERRORS,
    INVALID_REQUEST,
    UNKNOWN_SERVER_ERROR,
    UNSUPPORTED_CONTENT_ENCODING,
    ErrorKind,
)

NAME_RULE = "Name should be 1 to 249 letters, digits, '.', '_' or '-', and neither '.' nor '..'"
"""What a person reads instead of the schema's one regular expression."""
PROBLEM_MEDIA_TYPE = "application/problem+json"
NOSNIFF = (b"x-content-type-options", b"nosniff")
"""The header field that every answer carries: nobody is to guess what it might be."""

GATEWAY = b"mini-kafka-gateway"
"""The header field that names a gateway: of a lock that another one holds, and of the locks that an acquire gives."""

RETRY_AFTER_S = 1
"""When to try again what may succeed later; whatever fills a limit may be gone at any time."""

HTTP_HINT: Mapping[type[core.BrokerError], str] = {
    core.UnknownTopic: "create it with POST /topics/register or PUT /v1/topics/NAME",
    core.OffsetOutOfRange: "begin anew with from=earliest or from=latest",
    core.UnknownConsumer: "register it with POST /consumers/register",
}
"""What to do about a refusal over HTTP, where the core, which knows no listener, cannot say it."""


class RequestRefused(Exception):
    """A request that is wrong as HTTP, before any engine sees it."""

    def __init__(self, kind: ErrorKind, detail: str, *, errors: Sequence[Mapping[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.errors = errors


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """An error as it goes out: status, body and what belongs into the header."""

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


def problem(
    kind: ErrorKind,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] | None = None,
    gateway: str | None = None,
    records: Sequence[Mapping[str, int] | None] | None = None,
) -> ProblemAnswer:
    """Make the one error body; it is ASCII, so that no text in it can break it."""
    content: dict[str, Any] = {
        "type": kind.reference,
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail,
        "code": kind.code,
    }
    if errors:
        content["errors"] = errors
    if gateway:
        content["gateway"] = gateway
    if records:
        content["records"] = records
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", PROBLEM_MEDIA_TYPE.encode()),)
    if kind.try_again:
        headers += ((b"retry-after", b"%d" % RETRY_AFTER_S),)
    if gateway:
        headers += ((GATEWAY, gateway.encode("ascii", "replace")),)
    if kind is UNSUPPORTED_CONTENT_ENCODING:
        headers += ((b"accept-encoding", b"identity"),)  # RFC 9110 §15.5.16
    return ProblemAnswer(kind.status, json.dumps(content).encode(), headers)


def problem_of(error: Exception) -> ProblemAnswer | None:
    """Make the answer to a refusal, or None for an exception that is a bug."""
    if isinstance(error, core.BrokerError):
        hint = HTTP_HINT.get(type(error))
        gateway = error.gateway if isinstance(error, core.LockHeldElsewhere) else None
        records = _places(error.places) if isinstance(error, core.PartlyAppended) else None
        detail = f"{error}: {hint}" if hint else str(error)
        return problem(CORE_ERRORS[type(error)], detail, gateway=gateway, records=records)
    if isinstance(error, RequestRefused):
        return problem(error.kind, str(error), errors=error.errors)
    if isinstance(error, ValidationError):
        return problem_of(invalid_body(error.errors(include_url=False, include_input=False)))
    return None


def _places(places: Sequence[tuple[int, int, int] | None]) -> list[dict[str, int] | None]:
    """Show the places of those records that were appended as an answer to a produce does."""
    names = ("partition", "offset", "timestamp")
    return [None if place is None else dict(zip(names, place, strict=True)) for place in places]


def internal_error() -> ProblemAnswer:
    """Make the answer to a bug: no details, because they are in the log."""
    return problem(
        UNKNOWN_SERVER_ERROR, "the broker failed on this request; its log has the traceback, with the request_id"
    )


def invalid_body(faults: Iterable[Mapping[str, Any]]) -> RequestRefused:
    """Name every fault of a body, or of a path, in one sentence, and list them for programs."""
    errors = []
    what = "body"
    for fault in faults:
        what = "path" if "path" in fault["loc"][:1] else "query" if "query" in fault["loc"][:1] else what
        # A body that is no JSON has a place among its bytes, not among its fields.
        parts = () if fault["type"] == "json_invalid" else fault["loc"]
        place = ".".join(str(part) for part in parts if part not in {"body", "path"})
        message = NAME_RULE if fault["type"] == "string_pattern_mismatch" else str(fault["msg"])
        message = message.removeprefix("Value error, ")  # of a rule of ours
        errors.append({"loc": place, "msg": message, "type": str(fault["type"])})
    sentence = "; ".join(f"{error['loc'] or 'the body'}: {error['msg']}" for error in errors)
    return RequestRefused(INVALID_REQUEST, f"the {what} is not what this call takes: {sentence}", errors=errors)
