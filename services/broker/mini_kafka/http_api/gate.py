"""The outside of the HTTP API, plain ASGI: every request passes its checks, and every answer its headers.

It serves the hot routes itself and hands the rest to the FastAPI application, which it loads after the broker
listens: importing FastAPI takes longer than all else at start-up. Until then it answers the health checks,
and lets other requests wait. It decides nothing about records.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mini_kafka.engine.port import Engine
from mini_kafka.http_api.access import AccessPolicy, read_head
from mini_kafka.http_api.body import check_media_type, read_body
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.http_api.call import Call, ClientGone, call_of
from mini_kafka.http_api.connection import ANSWER
from mini_kafka.http_api.errors import NOSNIFF, ProblemAnswer, internal_error, problem_of
from mini_kafka.http_api.hot import UNMATCHED, HotRoute, HotRoutes, find
from mini_kafka.http_api.request_id import request_id_of, with_request_id
from mini_kafka.measures import Traffic

if TYPE_CHECKING:
    from starlette.responses import Response  # takes 20 ms, and the broker does not listen yet

logger = logging.getLogger(__name__)

JSON_HEADERS = ((b"content-type", b"application/json"), NOSNIFF)
JSON_HEADER_LINES = b"".join(b"%s: %s\r\n" % field for field in JSON_HEADERS) + b"content-length: "
NOTHING_NEW_HEADER_LINES = b"%s: %s\r\n" % NOSNIFF
HEALTH_PATHS = frozenset({"/health", "/livez", "/readyz"})
ALIVE = b'{"status":"ok"}'
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What a request's method is counted as; any other is `other`."""
CLIENT_GONE = 499
"""The status, as nginx has it, of a request whose client hung up before there was an answer."""

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
        self.traffic = Traffic("http", ("method", "route"))

    async def load(self, loader: Loader) -> None:
        """Build the application on a thread, so that the loop goes on meanwhile, and let the waiting requests in."""
        self._app, self._hot = await asyncio.to_thread(loader)
        self._loaded.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        begun, route = perf_counter(), UNMATCHED
        try:
            head = read_head(scope["headers"], scope["http_version"])
            is_head = scope["method"] == "HEAD"
            if is_head:  # a GET whose answer's body the server leaves out
                scope = {**scope, "method": "GET", "extensions": {}}
            self._policy.check(scope["method"], head)
            if self._app is None and await self._is_answered_early(scope, send, begun):
                return
            names: tuple[str, ...] = ()
            hot = self._hot.get((scope["method"], scope["path"]))
            if hot is not None:
                route = scope["path"]
            else:
                scope = _with_whole_names(scope)
                hot, route, names = find(self._hot, scope["method"], scope["path"])
            if hot is None:
                await self._serve_app(scope, receive, send, begun)
                return
            call = call_of(self._engine, self._bounds, head, scope, receive)
            if hot.request is not None:
                response = await hot.function(*names, hot.request(scope, receive), call)
                self._count(scope, route, response.status_code, begun)
                await _send_response(response, scope, receive, send, with_body=not is_head)
            else:
                body = await _serve_hot(hot, call)
                self._count(scope, route, 204 if body is None else 200, begun)
                await _answer(body, scope, send)
        except ClientGone:
            self._count(scope, route, CLIENT_GONE, begun)
        except Exception as error:  # noqa: BLE001 - the last place where a refusal or a bug can be answered
            await self._refuse(error, scope, route, begun, send)

    async def _is_answered_early(self, scope: Scope, send: Send, begun: float) -> bool:
        """Answer a health check while the application is loaded; let every other request wait for it."""
        if scope["path"] in HEALTH_PATHS and scope["method"] == "GET":
            self._count(scope, scope["path"], 200, begun)
            await _send(send, 200, ALIVE, JSON_HEADERS)
            return True
        await self._loaded.wait()
        return False

    async def _serve_app(self, scope: Scope, receive: Receive, send: Send, begun: float) -> None:
        is_answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                self._count(scope, _route_of(scope), message["status"], begun)
                message = {**message, "headers": [*message.get("headers", ()), NOSNIFF]}
            await send(message)

        assert self._app is not None  # noqa: S101 - `_loaded` is set
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if not is_answered:
                raise
            _log_bug(error, scope)

    async def _refuse(self, error: Exception, scope: Scope, route: str, begun: float, send: Send) -> None:
        answer = problem_of(error)
        if answer is None:
            _log_bug(error, scope)
            answer = internal_error()
        answer = with_request_id(answer, request_id_of(scope))
        self._count(scope, route, int(answer.status), begun)
        await send_problem(send, answer)

    def _count(self, scope: Scope, route: str, status: int, begun: float) -> None:
        """Count a request whose answer is ready to be sent; the line in the log is for debugging alone."""
        seconds = perf_counter() - begun
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.traffic.count((method, route), status, seconds)
        if logger.isEnabledFor(logging.DEBUG):
            _log_request(scope, method, route, status, seconds)


def _with_whole_names(scope: Scope) -> Scope:
    """Keep an encoded slash of a group's name from being a border of the path, for which the server takes it."""
    raw: bytes = scope["raw_path"]
    if not raw.startswith(b"/v1/groups/") or b"%2f" not in raw.lower():
        return scope
    path = unquote(re.sub("%2f", "%00", raw.decode("ascii"), flags=re.IGNORECASE))
    return {**scope, "path": path}


async def _serve_hot(hot: HotRoute, call: Call) -> bytes | None:
    """Call a route that the gate knows, and give its answer as JSON, or None where it has none."""
    if hot.body is None:
        arguments = ()
    else:
        check_media_type(call.head)
        arguments = hot.arguments(await read_body(call.head, call.receive, call.bounds))
    answer = await hot.function(*arguments, call)
    return None if answer is None else answer.__pydantic_serializer__.to_json(answer)


def _route_of(scope: Scope) -> str:
    """Give the template of the route that the application found for a request."""
    route = scope.get("route")
    return UNMATCHED if route is None else str(route.path)


def _log_request(scope: Scope, method: str, route: str, status: int, seconds: float) -> None:
    client = "%s:%s" % (scope["client"] or ("?", 0))
    facts = {
        "method": method, "route": route, "status": status, "duration_ms": round(seconds * 1000, 3),
        "request_id": request_id_of(scope), "client": client,
    }  # fmt: skip
    logger.debug("%(method)s %(route)s %(status)d in %(duration_ms).3f ms, request %(request_id)s of %(client)s",
                 facts, extra=facts)  # fmt: skip


def _log_bug(error: Exception, scope: Scope) -> None:
    facts = {"method": scope["method"], "path": scope["path"], "request_id": request_id_of(scope)}
    logger.error("a bug answered %(method)s %(path)s, request %(request_id)s", facts, extra=facts, exc_info=error)


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
