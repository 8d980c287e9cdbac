"""Reading a request's body: only JSON, only so large, and refused before it costs memory."""

from http import HTTPStatus

from starlette.types import Receive

from mini_kafka.http_api.access import Head
from mini_kafka.http_api.call import ClientGone
from mini_kafka.http_api.errors import RequestRefused


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
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the request has {said}, and this call takes JSON: send the header 'content-type: application/json'",
        )


def check_length(head: Head, limit: int) -> None:
    """Refuse a body that says it is too large, before a byte of it is read.

    Raises:
        RequestRefused: 413.
    """
    if head.content_length is not None and int(head.content_length) > limit:
        raise _too_large(limit)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read the whole body, up to `limit` bytes.

    Raises:
        RequestRefused: 413, as soon as it is longer.
        ClientGone: the connection ended before the body did.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= limit:
        return bytes(message["body"])  # the usual case: everything at once
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()
    raise ClientGone


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is over {limit} bytes: send less at a time, or raise MINI_KAFKA_MAX_BODY_BYTES",
    )
