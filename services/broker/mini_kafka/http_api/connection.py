"""One HTTP connection: uvicorn's protocol, with limits for what clients owe and a short way for small answers.

A head, a body, the next request and the reading of an answer each have a time, and a head has a size; uvicorn has
only a time for the next request, and only after a first answer. One sweep over all connections tells them how time
passes, so that a request costs no timer. While the broker owes the answer (a long poll) there is no deadline.

Whatever is wrong with the HTTP itself is answered as every other error. A client that hangs up is noticed at once,
also behind pipelined requests: nothing is handed to somebody who is gone.

ASGI writes head and body of an answer separately: two system calls, and a client that is woken twice. The extension
`ANSWER` of a request's scope writes both at once.
"""

import asyncio
import logging
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mini_kafka.http_api.errors import NOSNIFF, problem

logger = logging.getLogger(__name__)

ANSWER = "mini_kafka.answer"
"""Names the ASGI extension: `answer(status, header_lines, body) -> bool`, False where the answer must be sent
the usual way."""

PATIENT_BODY = "mini_kafka.patient_body"
"""Names the ASGI extension: called, it makes the body's time-out one for each of its pieces."""

FIELD_OVERHEAD_BYTES = 32
"""What a header field counts beside its bytes, so that a head of many empty ones is large too (RFC 7541 §4.1)."""
MAX_PIPELINED = 100
"""Requests that a client may send before it has read an answer; more than that is no client that reads."""
MAX_PIPELINED_BODY_BYTES = 64 * 1024
"""What may be kept of the body of a request whose turn has not come."""

_UPGRADE_FIELD = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may take, in seconds, and how large a request's head may be, in bytes."""

    header: float = 10
    body: float = 30
    idle: float = 60
    head_bytes: int = 65_536


REQUEST, HEAD, BODY, NOTHING = "next request", "head", "body", "nothing"
"""What a client may owe."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, which knows what its client owes and for how long."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a first request."""
        super().connection_made(transport)
        self._owed, self._age_s, self._deaf_s = REQUEST, 0.0, 0.0
        self._head_bytes = self._field_bytes = 0
        self._is_patient = False
        self._running: RequestResponseCycle | None = None  # the request that is being answered; `cycle` is the newest

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as it is not a head without an end."""
        if self._owed is REQUEST:
            self._owed, self._age_s = HEAD, 0.0
        if self._owed is HEAD:
            self._head_bytes += len(data)
            data = _without_upgrade(data)
        self._parse(data)
        if self._owed is HEAD and self._head_bytes > self.limits.head_bytes:
            self._refuse_head()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(HTTPStatus.BAD_REQUEST, "the broker speaks HTTP/1.1 only: ask for no other protocol")
        except httptools.HttpParserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"the request is not valid HTTP/1.1: {error}")

    def on_message_begin(self) -> None:
        """Expect the head, also of a request that came in one piece with the one before it."""
        self._owed, self._age_s, self._field_bytes = HEAD, 0.0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field; what comes after the body is no header field (RFC 9110 §6.5.1)."""
        if self._owed is HEAD:
            self._field_bytes += len(name) + len(value) + FIELD_OVERHEAD_BYTES
            if self._field_bytes <= self.limits.head_bytes:
                name = name.lower()
                if name == b"expect" and value.lower() == b"100-continue":
                    self.expect_100_continue = True
                self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Expect the body, and offer the short way to answer."""
        self._owed, self._age_s, self._head_bytes = BODY, 0.0, 0
        if self._field_bytes > self.limits.head_bytes:
            self._refuse_head()
            raise ValueError("the head is too large")  # ends the parsing
        super().on_headers_complete()
        self._is_patient = False
        extensions: dict[str, Any] = {
            ANSWER: partial(_answer_at_once, self.cycle),
            PATIENT_BODY: self._be_patient,
        }
        self.scope["extensions"] = extensions
        if self._running is None or self._running.response_complete:
            self._running = self.cycle
        else:
            self.flow.resume_reading()  # or nobody would notice that the client hangs up
            if len(self.pipeline) > MAX_PIPELINED:
                self._close_crowded()

    def _be_patient(self) -> None:
        self._is_patient = self._running is self.cycle

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; a request whose turn has not come may keep only a little."""
        if self._is_patient:
            self._age_s = 0.0
        super().on_body(body)
        if self.cycle is not self._running and len(self.cycle.body) > MAX_PIPELINED_BODY_BYTES:
            self._close_crowded()

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
        self._age_s = 0.0
        if self.pipeline:
            self._running, app = self.pipeline.pop()
            self._start_asgi_task(self._running, app)
        elif self._owed is NOTHING:
            self._owed = REQUEST

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who still works for this client that it is gone."""
        super().connection_lost(exc)
        self._tell_that_the_client_is_gone()

    def grow_older(self, seconds: float) -> None:
        """Close the connection when its client owes something for too long; say 408 if it was in a request."""
        if self.flow.write_paused or self.transport.is_closing():
            self._deaf_s += seconds
            if self._deaf_s > self.limits.idle:
                self.transport.abort()  # an orderly end would wait for a client that does not read
            return
        self._deaf_s = 0.0
        if self._owed is NOTHING or self._is_answering() or (self._owed is BODY and self.flow.read_paused):
            return  # it is the broker's turn
        self._age_s += seconds
        if self._age_s <= self._patience_s():
            return
        if self._owed is HEAD or (self._owed is BODY and not self.cycle.response_started):
            late = f"the request's {self._owed} took too long to arrive: send it at once"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, late)
        else:
            self.transport.close()

    def end_unfinished(self) -> None:
        """Refuse a request that has not come in whole: the broker stops, and waits for no more of it."""
        if self._owed is BODY and not self.cycle.response_started and not self._is_answering():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the broker is stopping", retry_after_s=1)

    def _is_answering(self) -> bool:
        """Tell whether the broker owes an answer to a request that has come in whole."""
        if self._running is None or self._running.response_complete:
            return False
        return not (self._owed is BODY and self._running is self.cycle)

    def _refuse_head(self) -> None:
        detail = f"the request's head is over {self.limits.head_bytes} bytes (MINI_KAFKA_MAX_HEAD_BYTES): send less"
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def _close_crowded(self) -> None:
        logger.info("%s:%s closed: too much was sent before an answer was read", *(self.client or ("?", 0)))
        self.transport.abort()

    def _refuse(self, status: HTTPStatus, detail: str, *, retry_after_s: int | None = None) -> None:
        """Answer a request that no application sees, and end the connection and whatever works for it."""
        if self.transport.is_closing():
            return
        logger.info("%s:%s closed: %s", *(self.client or ("?", 0)), detail)
        self.transport.write(_refusal(status, detail, retry_after_s))
        self.transport.close()
        self._tell_that_the_client_is_gone()

    def _tell_that_the_client_is_gone(self) -> None:
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _patience_s(self) -> float:
        return {REQUEST: self.limits.idle, HEAD: self.limits.header, BODY: self.limits.body}[self._owed]


def _without_upgrade(data: bytes) -> bytes:
    """Rename the field in which a client offers another protocol: it may be ignored (RFC 9110 §7.8).

    The parser would stop at it, and lose the body. Java's HTTP client makes the offer with every first request.
    """
    end = data.find(b"\r\n\r\n")
    head = data if end < 0 else data[:end]
    if b"pgrade" not in head and b"PGRADE" not in head:  # of the usual kind; its body may be large, and is left alone
        return data
    return _UPGRADE_FIELD.sub(b"\r\nx-ignored-upgrade:", head) + data[len(head) :]


def _answer_at_once(cycle: RequestResponseCycle, status: int, header_lines: bytes, body: bytes) -> bool:
    """Do what uvicorn does at the two messages of a whole answer, in one write."""
    if cycle.flow.write_paused or cycle.response_started or cycle.disconnected or cycle.transport.is_closing():
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


def _refusal(status: HTTPStatus, detail: str, retry_after_s: int | None) -> bytes:
    answer = problem(status, detail, retry_after_s=retry_after_s)
    head = [STATUS_LINE[int(status)].rstrip(), b"connection: close", b"content-length: %d" % len(answer.body)]
    head += [b"%s: %s" % field for field in (*answer.headers, NOSNIFF)]
    return b"\r\n".join([*head, b"", answer.body])
