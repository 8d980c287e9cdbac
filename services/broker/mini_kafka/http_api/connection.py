"""One HTTP connection: uvicorn's protocol, with deadlines for what clients owe and a short way for small answers.

A head, a body and the next request each have a time to arrive in; uvicorn has only the last, and only after a first
answer. One sweep over all connections tells them how time passes, so that a request costs no timer. While the
broker owes the answer (a long poll) there is no deadline.

ASGI writes head and body of an answer separately: two system calls, and a client that is woken twice. The extension
`ANSWER` of a request's scope writes both at once.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mini_kafka.http_api.errors import problem

logger = logging.getLogger(__name__)

ANSWER = "mini_kafka.answer"
"""Names the ASGI extension: `answer(status, header_lines, body) -> bool`, False where the answer must be sent
the usual way."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a client may take, in seconds."""

    header: float
    body: float
    idle: float


REQUEST, HEAD, BODY, NOTHING = "next request", "head", "body", "nothing"
"""What a client may owe."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, which knows what its client owes and for how long."""

    timeouts = Timeouts(header=10, body=30, idle=60)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a first request."""
        super().connection_made(transport)
        self._owed, self._age_s = REQUEST, 0.0

    def data_received(self, data: bytes) -> None:
        """Expect the rest of the head once it has begun."""
        if self._owed is REQUEST:
            self._owed, self._age_s = HEAD, 0.0
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Expect the body, and offer the short way to answer."""
        self._owed, self._age_s = BODY, 0.0
        super().on_headers_complete()
        self.scope["extensions"] = {ANSWER: partial(_answer_at_once, self.cycle)}  # type: ignore[dict-item]

    def on_message_complete(self) -> None:
        """Expect nothing while the broker owes the answer, or the next request after an early answer."""
        self._owed, self._age_s = REQUEST if self.cycle.response_complete else NOTHING, 0.0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Do as uvicorn does but for its timer: expect the next request, unless a refused body is still on its way."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._owed is NOTHING:
            self._owed, self._age_s = REQUEST, 0.0

    def grow_older(self, seconds: float) -> None:
        """Close the connection when its client owes something for too long; say 408 if it was in a request."""
        self._age_s += seconds
        if self._owed is NOTHING or self._age_s <= self._patience_s() or self.transport.is_closing():
            return
        if self._owed is HEAD or (self._owed is BODY and not self.cycle.response_started):
            logger.info("%s:%s closed: the request's %s took too long", *(self.client or ("?", 0)), self._owed)
            self.transport.write(_late_answer(self._owed))
        self.transport.close()

    def _patience_s(self) -> float:
        return {REQUEST: self.timeouts.idle, HEAD: self.timeouts.header, BODY: self.timeouts.body}[self._owed]


def _answer_at_once(cycle: RequestResponseCycle, status: int, header_lines: bytes, body: bytes) -> bool:
    """Do what uvicorn does at the two messages of a whole answer, in one write."""
    if cycle.flow.write_paused or cycle.response_started or cycle.disconnected:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    lines = [STATUS_LINE[status], header_lines]
    for name, value in cycle.default_headers:
        lines += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    lines += (b"\r\n", body)
    cycle.transport.write(b"".join(lines))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def _late_answer(owed: str) -> bytes:
    answer = problem(HTTPStatus.REQUEST_TIMEOUT, f"the request's {owed} took too long to arrive: send it at once")
    head = [b"HTTP/1.1 408 Request Timeout", b"connection: close", b"content-length: %d" % len(answer.body)]
    head += [name + b": " + value for name, value in answer.headers]
    return b"\r\n".join([*head, b"", answer.body])


def age_connections(connections: Iterable[Any], seconds: float) -> None:
    """Tell every connection that time has passed."""
    for connection in list(connections):
        if isinstance(connection, GuardedHttpProtocol):
            connection.grow_older(seconds)
