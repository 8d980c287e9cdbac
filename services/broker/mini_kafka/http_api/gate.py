"""The outside of the HTTP API, plain ASGI: every request passes its checks, and every answer its headers.

It serves the hot routes itself and hands the rest to the FastAPI application, which it loads after the broker
listens: importing FastAPI takes longer than all else at start-up. Until then it answers the health checks,
and lets other requests wait. It decides nothing about records.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mini_kafka.core.errors import BrokerError, BrokerStopping, ClusterUnavailable
from mini_kafka.engine import call_time
from mini_kafka.engine.port import Engine
from mini_kafka.http_api.access import SAFE_METHODS, AccessPolicy, Head, read_head
from mini_kafka.http_api.aside import INLINE_BODY_BYTES, aside
from mini_kafka.http_api.body import check_encoding, check_media_type, for_control, for_records, read_body
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.http_api.call import Call, ClientGone, call_of
from mini_kafka.http_api.connection import ANSWER, HEALTH_PATHS
from mini_kafka.http_api.errors import NOSNIFF, ProblemAnswer, internal_error, problem_of
from mini_kafka.http_api.hot import SLASH, UNMATCHED, HotRoute, HotRoutes, find
from mini_kafka.http_api.request_id import request_id_of, with_request_id
from mini_kafka.measures import Traffic

if TYPE_CHECKING:
    from starlette.responses import Response  # takes 20 ms, and the broker does not listen yet

logger = logging.getLogger(__name__)

JSON_HEADER_LINES = b"content-type: application/json\r\n%s: %s\r\ncontent-length: " % NOSNIFF
NOTHING_NEW_HEADER_LINES = b"%s: %s\r\n" % NOSNIFF
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
        call_time.begin()
        try:
            is_head = scope["method"] == "HEAD"
            if is_head:  # a GET whose answer's body the server leaves out
                scope = {**scope, "method": "GET", "extensions": {}}
            head = self._check_head(scope)
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
                await self._serve_app(head, scope, receive, send, begun)
                return
            call = call_of(self._engine, self._bounds, head, scope, receive)
            if hot.request is not None:
                response = await hot.function(*names, hot.request(scope, receive), call)
                if hasattr(response, "body_iterator") and not is_head:
                    await self._let_answer(response, scope, receive, send, begun, route)
                else:
                    self._count(scope, route, response.status_code, begun)
                    await _answer_route(response, scope, send)
            else:
                answer = await _serve_hot(hot, call)
                self._count(scope, route, 204 if answer is None else 200, begun)
                await _answer_hot(answer, scope, send)
        except ClientGone:
            self._count(scope, route, CLIENT_GONE, begun)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the last place where a refusal or a bug can be answered
            await self._refuse(error, scope, route, begun, send)

    def _check_head(self, scope: Scope) -> Head:
        head = read_head(scope["headers"], scope["http_version"])
        self._policy.check(scope["method"], head)
        if head.encoding is not None and scope["method"] not in SAFE_METHODS:
            check_encoding(head.encoding)
        return head

    async def _is_answered_early(self, scope: Scope, send: Send, begun: float) -> bool:
        """Answer a health check while the application is loaded; let every other request wait for it."""
        if scope["path"] in HEALTH_PATHS and scope["method"] == "GET":
            if scope["path"] == "/readyz" and self._engine.trouble:
                raise ClusterUnavailable(self._engine.trouble)
            self._count(scope, scope["path"], 200, begun)
            await _answer_hot(ALIVE, scope, send)
            return True
        await self._loaded.wait()
        return False

    async def _serve_app(self, head: Head, scope: Scope, receive: Receive, send: Send, begun: float) -> None:
        """Let FastAPI serve a request, whose body it gets whole."""
        assert self._app is not None  # noqa: S101 - `_loaded` is set
        if scope["method"] not in SAFE_METHODS:
            body = await read_body(head, receive, self._bounds, for_control(self._bounds.limits))
            receive = _giving(body, receive)
        await self._let_answer(self._app, scope, receive, send, begun)

    async def _let_answer(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, begun: float, route: str | None = None
    ) -> None:
        """Let an application or a stream answer, and count that when it begins: what follows has no other answer."""
        is_answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                self._count(scope, route or _route_of(scope), message["status"], begun)
                message = {**message, "headers": [*message.get("headers", ()), NOSNIFF]}
            await send(message)

        try:
            await app(scope, receive, send_with_headers)
        except (Exception, asyncio.CancelledError) as error:
            if not is_answered:
                raise
            if isinstance(error, BrokerError | asyncio.CancelledError):
                _log_cut(error, scope)
            elif not isinstance(error, ClientGone):
                _log_bug(error, scope)

    async def _refuse(self, error: BaseException, scope: Scope, route: str, begun: float, send: Send) -> None:
        """Answer a refusal, a bug, or that the server has stopped and waits no longer, for which it cancels calls."""
        error = error if isinstance(error, Exception) else BrokerStopping()
        answer = problem_of(error)
        if answer is None:
            _log_bug(error, scope)
            answer = internal_error()
        answer = with_request_id(answer, request_id_of(scope))
        self._count(scope, route, int(answer.status), begun)
        await _answer_problem(answer, scope, send)

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
    path = unquote(re.sub("%2f", SLASH, raw.decode("ascii"), flags=re.IGNORECASE))
    return {**scope, "path": path}


async def _serve_hot(hot: HotRoute, call: Call) -> bytes | None:
    """Call a route that the gate knows, and give its answer as JSON, or None where it has none."""
    if hot.body is None:
        arguments = ()
    else:
        check_media_type(call.head)
        body = await read_body(call.head, call.receive, call.bounds, for_records(call.bounds.limits))
        arguments = await aside(len(body) > INLINE_BODY_BYTES, hot.arguments, body)
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


def _log_cut(error: BaseException, scope: Scope) -> None:
    """Say of an answer that has begun why it is not whole: its client can only be left without the rest."""
    reason = error if isinstance(error, BrokerError) else BrokerStopping()
    facts = {"method": scope["method"], "path": scope["path"], "request_id": request_id_of(scope)}
    logger.warning(
        "the answer to %s %s, request %s, is cut short: %s",
        facts["method"], facts["path"], facts["request_id"], reason, extra=facts,
    )  # fmt: skip


def _log_bug(error: Exception, scope: Scope) -> None:
    facts = {"method": scope["method"], "path": scope["path"], "request_id": request_id_of(scope)}
    logger.error("a bug answered %(method)s %(path)s, request %(request_id)s", facts, extra=facts, exc_info=error)


async def _answer(status: int, header_lines: bytes, body: bytes, scope: Scope, send: Send) -> None:
    """Send a whole answer, in one write where the server can; its length stands among the header lines already."""
    at_once = scope.get("extensions", {}).get(ANSWER)
    if at_once and at_once(status, header_lines, body):
        return
    headers = [tuple(line.split(b": ", 1)) for line in header_lines.split(b"\r\n")[:-1]]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_hot(body: bytes | None, scope: Scope, send: Send) -> None:
    """Answer 200 with JSON, or 204 where there is nothing."""
    if body is None:
        await _answer(204, NOTHING_NEW_HEADER_LINES, b"", scope, send)
    else:
        await _answer(200, b"%s%d\r\n" % (JSON_HEADER_LINES, len(body)), body, scope, send)


async def _answer_problem(answer: ProblemAnswer, scope: Scope, send: Send) -> None:
    fields = (*answer.headers, NOSNIFF, (b"content-length", b"%d" % len(answer.body)))
    await _answer(int(answer.status), _lines(fields), answer.body, scope, send)


async def _answer_route(response: "Response", scope: Scope, send: Send) -> None:
    """Send what a route made itself; of a stream, which may have no end, the head alone."""
    response.raw_headers.append(NOSNIFF)
    if hasattr(response, "body_iterator"):
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body"})
    else:
        await _answer(response.status_code, _lines(response.raw_headers), bytes(response.body), scope, send)


def _giving(body: bytes, receive: Receive) -> Receive:
    """Give a body that has been read, and after it whatever the client does."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_it() -> Message:
        return messages.pop() if messages else await receive()

    return receive_it


def _lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % field for field in fields)
