"""The outside of the HTTP API, plain ASGI: every request passes its checks, and every answer its headers.

It serves the hot routes itself and hands the rest to the FastAPI application, which it loads after the broker
listens: importing FastAPI takes longer than all else at start-up. Until then it answers the health checks,
and lets other requests wait. It decides nothing about records.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mini_kafka.engine.port import Engine
from mini_kafka.http_api.access import SAFE_METHODS, AccessPolicy, Head, read_head
from mini_kafka.http_api.body import check_encoding, check_length, check_media_type, read_body
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.http_api.call import ClientGone, call_of
from mini_kafka.http_api.connection import ANSWER, HEALTH_PATHS
from mini_kafka.http_api.errors import NOSNIFF, ProblemAnswer, internal_error, problem_of
from mini_kafka.http_api.hot import HotRoute, HotRoutes, find

if TYPE_CHECKING:
    from starlette.responses import Response  # takes 20 ms, and the broker does not listen yet

logger = logging.getLogger(__name__)

JSON_HEADER_LINES = b"content-type: application/json\r\n%s: %s\r\ncontent-length: " % NOSNIFF
NOTHING_NEW_HEADER_LINES = b"%s: %s\r\n" % NOSNIFF
ALIVE = b'{"status":"ok"}'

Loader = Callable[[], tuple[ASGIApp, HotRoutes]]


class Gate:
    """The ASGI application that the server runs."""

    def __init__(self, engine: Engine, policy: AccessPolicy, bounds: Bounds) -> None:
        self._engine = engine
        self._policy = policy
        self._bounds = bounds
        self._app: ASGIApp | None = None
        self._hot: HotRoutes = {}
        self._loaded = asyncio.Event()

    async def load(self, loader: Loader) -> None:
        """Build the application on a thread, so that the loop goes on meanwhile, and let the waiting requests in."""
        self._app, self._hot = await asyncio.to_thread(loader)
        self._loaded.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        try:
            is_head = scope["method"] == "HEAD"
            if is_head:  # a GET whose answer's body the server leaves out
                scope = {**scope, "method": "GET", "extensions": {}}
            head = self._check_head(scope)
            if self._app is None:
                if scope["path"] in HEALTH_PATHS and scope["method"] == "GET":
                    await _answer_json(ALIVE, scope, send)
                    return
                await self._loaded.wait()
            names: tuple[str, ...] = ()
            hot = self._hot.get((scope["method"], scope["path"]))
            if hot is None:
                scope = _with_whole_names(scope)
                hot, names = find(self._hot, scope["method"], scope["path"])
            if hot is None:
                check_length(head, self._bounds)
                await self._serve_app(scope, receive, send)
            elif hot.request is not None:
                call = call_of(self._engine, self._bounds, head, scope, receive)
                response = await hot.function(*names, hot.request(scope, receive), call)
                await _answer_route(response, scope, receive, send, with_body=not is_head)
            else:
                await self._serve_hot(hot, head, scope, receive, send)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the last place where a refusal or a bug can be answered
            await self._refuse(error, scope, send)

    def _check_head(self, scope: Scope) -> Head:
        head = read_head(scope["headers"], scope["http_version"])
        self._policy.check(scope["method"], head)
        if head.encoding is not None and scope["method"] not in SAFE_METHODS:
            check_encoding(head.encoding)
        return head

    async def _serve_hot(self, hot: HotRoute, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        if hot.body is None:
            arguments = ()
        else:
            check_media_type(head)
            arguments = hot.arguments(await read_body(head, receive, self._bounds))
        answer = await hot.function(*arguments, call_of(self._engine, self._bounds, head, scope, receive))
        if answer is None:
            await _answer(204, NOTHING_NEW_HEADER_LINES, b"", scope, send)
        else:
            await _answer_json(answer.__pydantic_serializer__.to_json(answer), scope, send)

    async def _serve_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                message = {**message, "headers": [*message.get("headers", ()), NOSNIFF]}
            await send(message)

        assert self._app is not None  # noqa: S101 - `_loaded` is set
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if not is_answered:
                raise
            _log_bug(error, scope)

    async def _refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        answer = problem_of(error)
        if answer is None:
            _log_bug(error, scope)
            answer = internal_error()
        await _answer_problem(answer, scope, send)


def _with_whole_names(scope: Scope) -> Scope:
    """Keep an encoded slash of a group's name from being a border of the path, for which the server takes it."""
    raw: bytes = scope["raw_path"]
    if not raw.startswith(b"/v1/groups/") or b"%2f" not in raw.lower():
        return scope
    path = unquote(re.sub("%2f", "%00", raw.decode("ascii"), flags=re.IGNORECASE))
    return {**scope, "path": path}


def _log_bug(error: Exception, scope: Scope) -> None:
    logger.error("a bug answered %s %s", scope["method"], scope["path"], exc_info=error)


async def _answer(status: int, header_lines: bytes, body: bytes, scope: Scope, send: Send) -> None:
    """Send a whole answer, in one write where the server can; its length stands among the header lines already."""
    at_once = scope.get("extensions", {}).get(ANSWER)
    if at_once and at_once(status, header_lines, body):
        return
    headers = [tuple(line.split(b": ", 1)) for line in header_lines.split(b"\r\n")[:-1]]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_json(body: bytes, scope: Scope, send: Send) -> None:
    await _answer(200, b"%s%d\r\n" % (JSON_HEADER_LINES, len(body)), body, scope, send)


async def _answer_problem(answer: ProblemAnswer, scope: Scope, send: Send) -> None:
    fields = (*answer.headers, NOSNIFF, (b"content-length", b"%d" % len(answer.body)))
    await _answer(int(answer.status), _lines(fields), answer.body, scope, send)


async def _answer_route(response: "Response", scope: Scope, receive: Receive, send: Send, *, with_body: bool) -> None:
    """Send what a route made itself; of a stream, which may have no end, the head alone where no body is wanted."""
    response.raw_headers.append(NOSNIFF)
    if not hasattr(response, "body_iterator"):
        await _answer(response.status_code, _lines(response.raw_headers), bytes(response.body), scope, send)
    elif with_body:
        await response(scope, receive, send)
    else:
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body"})


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % field for field in fields)
