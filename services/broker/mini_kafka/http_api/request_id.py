"""The name of a request, by which whoever got an error finds its line in the log.

Only errors and debug lines name requests, so a name is made when it is asked for: a request that goes well pays
nothing.
"""

import re
import secrets
from collections.abc import Iterable

from starlette.types import Scope

from mini_kafka.http_api.errors import ProblemAnswer

REQUEST_ID = b"x-request-id"
"""The header field: a client may name its request with it, and an error's answer carries it."""

_SANE = re.compile(rb"[\w.+/=:;@-]{1,128}", re.ASCII)
_KEY = "mini_kafka.request_id"


def request_id_of(scope: Scope) -> str:
    """Name a request as its client does, where that is a plain word, else at random; the same each time."""
    name: str | None = scope.get(_KEY)
    if name is None:
        name = scope[_KEY] = _named_by_client(scope["headers"]) or new_request_id()
    return name


def new_request_id() -> str:
    """Make a name: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def _named_by_client(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    given = [value for name, value in headers if name == REQUEST_ID]
    return given[0].decode("ascii") if len(given) == 1 and _SANE.fullmatch(given[0]) else None


def with_request_id(answer: ProblemAnswer, request_id: str) -> ProblemAnswer:
    """Add a request's name to an error's answer, in the body and in the header."""
    body = b'%s, "request_id": "%s"}' % (answer.body[:-1], request_id.encode("ascii"))
    return ProblemAnswer(answer.status, body, (*answer.headers, (REQUEST_ID, request_id.encode("ascii"))))
