"""How a refusal looks over HTTP: one table from core error to status and Kafka's name, and one body, RFC 9457.

FastAPI's `detail` is RFC 9457's `detail` too, so a client of either kind finds the sentence where it looks.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from mini_kafka.core import errors as core

NAME_RULE = "Name should be 1 to 249 letters, digits, '.', '_' or '-', and neither '.' nor '..'"
"""What a person reads instead of the schema's one regular expression."""
PROBLEM_MEDIA_TYPE = "application/problem+json"
NOSNIFF = (b"x-content-type-options", b"nosniff")
"""The header field that every answer carries: nobody is to guess what it might be."""

HTTP_STATUS: Mapping[type[core.BrokerError], tuple[HTTPStatus, str]] = {
    core.InvalidTopic: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_TOPIC_EXCEPTION"),
    core.TopicExists: (HTTPStatus.CONFLICT, "TOPIC_ALREADY_EXISTS"),
    core.UnknownTopic: (HTTPStatus.NOT_FOUND, "UNKNOWN_TOPIC_OR_PARTITION"),
    core.UnknownTopicId: (HTTPStatus.NOT_FOUND, "UNKNOWN_TOPIC_ID"),
    core.UnknownPartition: (HTTPStatus.NOT_FOUND, "UNKNOWN_TOPIC_OR_PARTITION"),
    core.InvalidPartitions: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_PARTITIONS"),
    core.InvalidConfig: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_CONFIG"),
    core.PartitionLimitReached: (HTTPStatus.TOO_MANY_REQUESTS, "POLICY_VIOLATION"),
    core.GroupLimitReached: (HTTPStatus.TOO_MANY_REQUESTS, "GROUP_MAX_SIZE_REACHED"),
    core.GroupNotFound: (HTTPStatus.NOT_FOUND, "GROUP_ID_NOT_FOUND"),
    core.GroupNotEmpty: (HTTPStatus.CONFLICT, "NON_EMPTY_GROUP"),
    core.GroupKindConflict: (HTTPStatus.CONFLICT, "INCONSISTENT_GROUP_PROTOCOL"),
    core.InvalidGroupName: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_GROUP_ID"),
    core.InvalidSessionTimeout: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_SESSION_TIMEOUT"),
    core.MemberIdRequired: (HTTPStatus.CONFLICT, "MEMBER_ID_REQUIRED"),
    core.UnknownMember: (HTTPStatus.NOT_FOUND, "UNKNOWN_MEMBER_ID"),
    core.MemberFenced: (HTTPStatus.CONFLICT, "FENCED_INSTANCE_ID"),
    core.IllegalGeneration: (HTTPStatus.CONFLICT, "ILLEGAL_GENERATION"),
    core.RebalanceInProgress: (HTTPStatus.CONFLICT, "REBALANCE_IN_PROGRESS"),
    core.InconsistentGroupProtocol: (HTTPStatus.CONFLICT, "INCONSISTENT_GROUP_PROTOCOL"),
    core.GroupFull: (HTTPStatus.CONFLICT, "GROUP_MAX_SIZE_REACHED"),
    core.GroupIsSubscribed: (HTTPStatus.CONFLICT, "GROUP_SUBSCRIBED_TO_TOPIC"),
    core.CommitMetadataTooLarge: (HTTPStatus.UNPROCESSABLE_ENTITY, "OFFSET_METADATA_TOO_LARGE"),
    core.InvalidRecord: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_RECORD"),
    core.CorruptBatch: (HTTPStatus.BAD_REQUEST, "CORRUPT_MESSAGE"),
    core.InvalidBatch: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_RECORD"),
    core.BatchTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "MESSAGE_TOO_LARGE"),
    core.UnsupportedCompression: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_COMPRESSION_TYPE"),
    core.TimestampOutOfRange: (HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_TIMESTAMP"),
    core.TransactionsUnsupported: (HTTPStatus.FORBIDDEN, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"),
    core.OutOfOrderSequence: (HTTPStatus.CONFLICT, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
    core.StaleProducerEpoch: (HTTPStatus.FORBIDDEN, "INVALID_PRODUCER_EPOCH"),
    core.UnknownLeaderEpoch: (HTTPStatus.CONFLICT, "UNKNOWN_LEADER_EPOCH"),
    core.RecordsNotDeletable: (HTTPStatus.CONFLICT, "POLICY_VIOLATION"),
    core.SequenceGap: (HTTPStatus.CONFLICT, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
    core.ProducerFenced: (HTTPStatus.FORBIDDEN, "INVALID_PRODUCER_EPOCH"),
    core.RecordTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "MESSAGE_TOO_LARGE"),
    core.OffsetOutOfRange: (HTTPStatus.GONE, "OFFSET_OUT_OF_RANGE"),
    core.UnknownConsumer: (HTTPStatus.NOT_FOUND, "UNKNOWN_MEMBER_ID"),
    core.MemoryLimitReached: (HTTPStatus.TOO_MANY_REQUESTS, "THROTTLING_QUOTA_EXCEEDED"),
    core.BrokerStopping: (HTTPStatus.SERVICE_UNAVAILABLE, "BROKER_NOT_AVAILABLE"),
}


HTTP_HINT: Mapping[type[core.BrokerError], str] = {
    core.UnknownTopic: "create it with POST /topics/register or PUT /v1/topics/NAME",
    core.OffsetOutOfRange: "begin anew with from=earliest or from=latest",
    core.UnknownConsumer: "register it with POST /consumers/register",
}
"""What to do about a refusal over HTTP, where the core, which knows no listener, cannot say it."""


class RequestRefused(Exception):
    """A request that is wrong as HTTP, before any engine sees it."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.errors = errors
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """An error as it goes out: status, body and what belongs into the header."""

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    code: str = "INVALID_REQUEST",
    errors: Sequence[Mapping[str, Any]] | None = None,
    retry_after_s: int | None = None,
) -> ProblemAnswer:
    """Make the one error body; it is ASCII, so that no text in it can break it."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
    }
    if errors:
        content["errors"] = errors
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", PROBLEM_MEDIA_TYPE.encode()),)
    if retry_after_s is not None:
        headers += ((b"retry-after", str(retry_after_s).encode()),)
    return ProblemAnswer(status, json.dumps(content).encode(), headers)


def problem_of(error: Exception) -> ProblemAnswer | None:
    """Make the answer to a refusal, or None for an exception that is a bug."""
    if isinstance(error, core.BrokerError):
        status, code = HTTP_STATUS[type(error)]
        hint = HTTP_HINT.get(type(error))
        detail = f"{error}: {hint}" if hint else str(error)
        return problem(status, detail, code=code, retry_after_s=getattr(error, "retry_after_s", None))
    if isinstance(error, RequestRefused):
        return problem(error.status, str(error), errors=error.errors, retry_after_s=error.retry_after_s)
    if isinstance(error, ValidationError):
        return problem_of(invalid_body(error.errors(include_url=False, include_input=False)))
    return None


def internal_error() -> ProblemAnswer:
    """Make the answer to a bug: no details, because they are in the log."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the broker failed on this request; its log has the traceback, with the request_id",
        code="UNKNOWN_SERVER_ERROR",
    )


def invalid_body(faults: Iterable[Mapping[str, Any]]) -> RequestRefused:
    """Name every fault of a body, or of a path, in one sentence, and list them for programs."""
    errors = []
    what = "body"
    for fault in faults:
        what = "path" if "path" in fault["loc"][:1] else "query" if "query" in fault["loc"][:1] else what
        place = ".".join(str(part) for part in fault["loc"] if part not in {"body", "path"})
        message = NAME_RULE if fault["type"] == "string_pattern_mismatch" else str(fault["msg"])
        message = message.removeprefix("Value error, ")  # of a rule of ours
        errors.append({"loc": place, "msg": message, "type": str(fault["type"])})
    sentence = "; ".join(f"{error['loc'] or 'the body'}: {error['msg']}" for error in errors)
    return RequestRefused(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"the {what} is not what this call takes: {sentence}", errors=errors
    )
