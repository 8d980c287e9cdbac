"""What a connection is refused before any application sees its request: the sentences, and the answer's bytes."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.http_api.bounds import Limits
from mini_kafka.http_api.error_table import (
    HEAD_TOO_LARGE,
    MALFORMED_REQUEST,
    REQUEST_TIMED_OUT,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_PIPELINED,
)
from mini_kafka.http_api.errors import NOSNIFF, RequestRefused, problem_of
from mini_kafka.http_api.request_id import with_request_id

MAX_URL_BYTES = 65_535
"""httptools keeps the places in a URL in 16 bits, and cannot read a longer one."""


def answer_bytes(refusal: Exception, request_id: str) -> tuple[int, bytes]:
    """Give the status and the whole answer to a refusal, after which the connection ends."""
    problem = problem_of(refusal)
    assert problem is not None  # noqa: S101 - a refusal always has one
    answer = with_request_id(problem, request_id)
    head = [STATUS_LINE[int(answer.status)].rstrip(), b"connection: close", b"content-length: %d" % len(answer.body)]
    head += [b"%s: %s" % field for field in (*answer.headers, NOSNIFF)]
    return int(answer.status), b"\r\n".join([*head, b"", answer.body])


def malformed(why: str) -> RequestRefused:
    """Refuse what is no HTTP/1.1."""
    return RequestRefused(MALFORMED_REQUEST, why)


def head_too_large(limits: Limits) -> RequestRefused:
    """Refuse a head that is over the limit."""
    return RequestRefused(
        HEAD_TOO_LARGE,
        f"the request's head is over {limits.head_bytes} bytes (MINI_KAFKA_MAX_HEAD_BYTES): send less",
    )


def url_too_long() -> RequestRefused:
    """Refuse a URL that cannot be read."""
    return RequestRefused(
        HEAD_TOO_LARGE, f"the request's URL is over {MAX_URL_BYTES} bytes, and no setting allows more: send less"
    )


def late_head(limits: Limits) -> RequestRefused:
    """Refuse a head that came in too slowly."""
    return _late("the head took", limits.header, "MINI_KAFKA_HEADER_TIMEOUT")


def late_body(limits: Limits, *, in_pieces: bool) -> RequestRefused:
    """Refuse a body, or the next piece of one that is read as it comes, that came in too slowly."""
    what = "the next piece of the body took" if in_pieces else "the body took"
    return _late(what, limits.body, "MINI_KAFKA_BODY_TIMEOUT")


def _late(what: str, seconds: float, setting: str) -> RequestRefused:
    return RequestRefused(REQUEST_TIMED_OUT, f"{what} longer than {seconds:g} s to arrive ({setting}): send it at once")


def too_much_sent_ahead(limits: Limits) -> RequestRefused:
    """Refuse a request, or its body, that came before the answers to earlier ones were read."""
    return RequestRefused(
        TOO_MANY_PIPELINED,
        f"{limits.pipelined} requests may wait for their turn on a connection (MINI_KAFKA_MAX_PIPELINED), each with"
        f" {limits.pipelined_body_bytes} bytes of body (MINI_KAFKA_MAX_PIPELINED_BODY_BYTES): read the answers before"
        " you send more",
    )


def too_many_connections(limit: ConnectionLimit, address: str) -> RequestRefused:
    """Refuse all but a health check on a connection past the limit."""
    if limit.is_full_for(address):
        full = f"MINI_KAFKA_MAX_CONNECTIONS_PER_ADDRESS ({limit.per_address}) for {address}"
    else:
        full = f"MINI_KAFKA_MAX_CONNECTIONS ({limit.limit})"
    return RequestRefused(
        TOO_MANY_CONNECTIONS, f"open connections fill {full}: close some, try again later, or raise the limit"
    )
