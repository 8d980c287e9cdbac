"""The outside of the HTTP API, plain ASGI: every request passes its checks, and every answer its headers.

It serves the hot routes itself and hands the rest to the FastAPI application, which it loads after the broker
listens: importing FastAPI takes longer than all else at start-up. Until then it answers the health checks,
and lets other requests wait. It decides nothing about records.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mini_kafka.engine.port import Engine
from mini_kafka.http_api.access import AccessPolicy, Head, read_head
from mini_kafka.http_api.aside import INLINE_BODY_BYTES, aside
from mini_kafka.http_api.body import check_media_type, read_body
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.http_api.call import ClientGone, call_of
from mini_kafka.http_api.connection import ANSWER
from mini_kafka.http_api.errors import NOSNIFF, ProblemAnswer, internal_error, problem_of
from mini_kafka.http_api.hot import HotRoute, HotRoutes, find

if TYPE_CHECKING:
    from starlette.responses import Response  # takes 20 ms, and the broker does not listen yet

logger = logging.getLogger(__name__)

JSON_HEADERS = ((b"content-type", b"application/json"), NOSNIFF)
JSON_HEADER_LINES = b"".join(b"%s: %s\r\n" % field for field in JSON_HEADERS) + b"content-length: "
NOTHING_NEW_HEADER_LINES = b"%s: %s\r\n" % NOSNIFF
HEALTH_PATHS = frozenset({"/health", "/livez", "/readyz"})
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
            head = read_head(scope["headers"], scope["http_version"])
            is_head = scope["method"] == "HEAD"
            if is_head:  # a GET whose answer's body the server leaves out
                scope = {**scope, "method": "GET", "extensions": {}}
            self._policy.check(scope["method"], head)
            if self._app is None:
                if scope["path"] in HEALTH_PATHS and scope["method"] == "GET":
                    await _send(send, 200, ALIVE, JSON_HEADERS)
                    return
                await self._loaded.wait()
            names: tuple[str, ...] = ()
            hot = self._hot.get((scope["method"], scope["path"]))
            if hot is None:
                scope = _with_whole_names(scope)
                hot, names = find(self._hot, scope["method"], scope["path"])
            if hot is None:
                await self._serve_app(scope, receive, send)
            elif hot.request is not None:
                call = call_of(self._engine, self._bounds, head, scope, receive)
                response = await hot.function(*names, hot.request(scope, receive), call)
                await _send_response(response, scope, receive, send, with_body=not is_head)
            else:
                await self._serve_hot(hot, head, scope, receive, send)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the last place where a refusal or a bug can be answered
            await self._refuse(error, scope, send)

    async def _serve_hot(self, hot: HotRoute, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        if hot.body is None:
            arguments = ()
        else:
            check_media_type(head)
            body = await read_body(head, receive, self._bounds)
            arguments = await aside(len(body) > INLINE_BODY_BYTES, hot.arguments, body)
        answer = await hot.function(*arguments, call_of(self._engine, self._bounds, head, scope, receive))
        await _answer(None if answer is None else answer.__pydantic_serializer__.to_json(answer), scope, send)

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
        await send_problem(send, answer)


def _with_whole_names(scope: Scope) -> Scope:
    """Keep an encoded slash of a group's name from being a border of the path, for which the server takes it."""
    raw: bytes = scope["raw_path"]
    if not raw.startswith(b"/v1/groups/") or b"%2f" not in raw.lower():
        return scope
    path = unquote(re.sub("%2f", "%00", raw.decode("ascii"), flags=re.IGNORECASE))
    return {**scope, "path": path}


def _log_bug(error: Exception, scope: Scope) -> None:
    logger.error("a bug answered %s %s", scope["method"], scope["path"], exc_info=error)


async def send_problem(send: Send, answer: ProblemAnswer) -> None:
    """Send an error's answer."""
    await _send(send, int(answer.status), answer.body, (*answer.headers, NOSNIFF))


async def _answer(body: bytes | None, scope: Scope, send: Send) -> None:
    """Answer 200 with a JSON body or 204 without one, in one write where the server can."""
    at_once = scope.get("extensions", {}).get(ANSWER)
    if body is None:
        if not (at_once and at_once(204, NOTHING_NEW_HEADER_LINES, b"")):
            await _send(send, 204, b"", (NOSNIFF,))
    elif not (at_once and at_once(200, b"%s%d\r\n" % (JSON_HEADER_LINES, len(body)), body)):
        await _send(send, 200, body, JSON_HEADERS)


async def _send_response(response: "Response", scope: Scope, receive: Receive, send: Send, *, with_body: bool) -> None:
    """Send what a route made itself, in one write where the server can and nothing streams."""
    response.raw_headers.append(NOSNIFF)
    if not with_body and hasattr(response, "body_iterator"):  # a stream, which may have no end
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body"})
        return
    at_once = scope.get("extensions", {}).get(ANSWER)
    if at_once and not hasattr(response, "body_iterator"):
        lines = b"".join(b"%s: %s\r\n" % field for field in response.raw_headers)
        if at_once(response.status_code, lines, response.body):
            return
    await response(scope, receive, send)


async def _send(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    if status != 204:
        headers = (*headers, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
