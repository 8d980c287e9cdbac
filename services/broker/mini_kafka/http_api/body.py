"""Reading a request's body: as it is, only so large, JSON where it has to be, and refused before it costs memory."""

from typing import NamedTuple

from starlette.types import Receive

from mini_kafka.http_api.access import Head
from mini_kafka.http_api.bounds import Bounds, HttpLimits
from mini_kafka.http_api.call import ClientGone
from mini_kafka.http_api.error_table import BODY_TOO_LARGE, UNSUPPORTED_CONTENT_ENCODING, UNSUPPORTED_MEDIA_TYPE
from mini_kafka.http_api.errors import RequestRefused

MOST_DIGITS = 18
"""A length of more digits is over every limit, and need not be understood."""


def check_media_type(head: Head) -> None:
    """Refuse a body that does not say it is JSON.

    Raises:
        RequestRefused: 415.
    """
    if head.content_type == b"application/json":
        return
    media_type = head.content_type.partition(b";")[0].strip().lower()
    if media_type != b"application/json" and not (
        media_type.startswith(b"application/") and media_type.endswith(b"+json")
    ):
        said = f"{media_type.decode('latin-1')!r}" if media_type else "no media type"
        raise RequestRefused(
            UNSUPPORTED_MEDIA_TYPE,
            f"the request has {said}, and this call takes JSON: send the header 'content-type: application/json'",
        )


def check_encoding(encoding: bytes) -> None:
    """Refuse a body that was compressed on its way: its bytes would be stored as the value.

    Raises:
        RequestRefused: 415.
    """
    if encoding.strip().lower() not in {b"", b"identity"}:
        raise RequestRefused(
            UNSUPPORTED_CONTENT_ENCODING,
            f"the body is encoded as {encoding.decode('latin-1')!r}, and is stored as it is: send it plain",
        )


class BodyLimit(NamedTuple):
    """How many bytes a body may have, and the setting that says so."""

    bytes: int
    setting: str


def for_records(limits: HttpLimits) -> BodyLimit:
    """Give the limit of a body that brings records, or the locks on them."""
    return BodyLimit(limits.body_bytes, "MINI_KAFKA_MAX_BODY_BYTES")


def for_control(limits: HttpLimits) -> BodyLimit:
    """Give the limit of any other body: all of it is parsed at once, and holds the loop meanwhile."""
    return min(BodyLimit(limits.control_body_bytes, "MINI_KAFKA_MAX_CONTROL_BODY_BYTES"), for_records(limits))


async def read_body(head: Head, receive: Receive, bounds: Bounds, limit: BodyLimit) -> bytes:
    """Read the whole body, and nothing of one that says that it is too large.

    Raises:
        RequestRefused: 413, as soon as it is longer than a body may be; 503 when too many bodies are on their way.
        ClientGone: the connection ended before the body did.
    """
    length = (head.content_length or b"0").lstrip(b"0")
    if len(length) > MOST_DIGITS or int(length or b"0") > limit.bytes:
        raise _too_large(limit)
    buffered = bounds.buffered
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= limit.bytes:
        return bytes(message["body"])  # the usual case: everything at once
    body = bytearray()
    try:
        while message["type"] == "http.request":
            chunk = message.get("body", b"")
            if len(body) + len(chunk) > limit.bytes:
                raise _too_large(limit)
            buffered.hold(len(chunk))
            body += chunk
            if not message.get("more_body"):
                return bytes(body)
            message = await receive()
    finally:
        buffered.give_back(len(body))
    raise ClientGone


def _too_large(limit: BodyLimit) -> RequestRefused:
    return RequestRefused(
        BODY_TOO_LARGE, f"the body is over {limit.bytes} bytes: send less at a time, or raise {limit.setting}"
    )
