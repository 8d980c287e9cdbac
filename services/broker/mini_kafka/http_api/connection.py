"""One HTTP connection: uvicorn's protocol, with limits for what clients owe and a short way for small answers.

A head, a body, the next request and the reading of an answer each have a time, and a head has a size; uvicorn has
only a time for the next request, and only after a first answer. One sweep over all connections tells them how time
passes, so that a request costs no timer. While the broker owes the answer (a long poll) there is no deadline.

Whatever is wrong with the HTTP itself is answered as every other error, also what is too much: requests sent ahead, and
connections past the limit, of which only a health check is served. A client that hangs up is noticed at once, also
behind pipelined requests: nothing is handed to somebody who is gone.

ASGI writes head and body of an answer separately: two system calls, and a client that is woken twice. The extension
`ANSWER` of a request's scope writes both at once.
"""

import asyncio
import logging
import re
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mini_kafka.connection_limit import Admission, ConnectionLimit
from mini_kafka.core.errors import BrokerStopping
from mini_kafka.http_api import connection_refusals as refusals
from mini_kafka.http_api.bounds import Limits
from mini_kafka.http_api.hot import UNMATCHED
from mini_kafka.http_api.request_id import new_request_id
from mini_kafka.measures import Traffic

logger = logging.getLogger(__name__)

ANSWER = "mini_kafka.answer"
"""Names the ASGI extension: `answer(status, header_lines, body) -> bool`, False where the answer must be sent
the usual way."""

PATIENT_BODY = "mini_kafka.patient_body"
"""Names the ASGI extension: called, it makes the body's time-out one for each of its pieces."""

ENDED_BODY = "mini_kafka.ended_body"
"""Names the ASGI extension: why no more of a patient body is waited for, an exception that comes with an empty piece.
Whoever reads the body as it comes then answers what has become of it so far."""

HEALTH_PATHS = frozenset({"/health", "/livez", "/readyz"})

FIELD_OVERHEAD_BYTES = 32
"""What a header field counts beside its bytes, so that a head of many empty ones is large too (RFC 7541 §4.1)."""
RESERVE_PATIENCE_S = 2
"""How long a connection past the limit may take for all that it has to say: others need its place."""

NO_ROUTE = ("other", UNMATCHED)
"""What a request counts as that is refused before anybody has seen it."""

_UPGRADE_FIELD = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


REQUEST, HEAD, BODY, NOTHING = "next request", "head", "body", "nothing"
"""What a client may owe."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, which knows what its client owes and for how long."""

    limits = Limits()
    connection_limit = ConnectionLimit(10_000)
    traffic: Traffic

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a first request, if there is a place for this connection."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._admission = self.connection_limit.admit(self._address)
        self._last_word: Exception | None = None  # a refusal whose turn has not come: answers have an order
        self._owed, self._age_s, self._deaf_s = REQUEST, 0.0, 0.0
        self._head_bytes = self._field_bytes = 0
        self._is_patient = False
        self._running: RequestResponseCycle | None = None  # the request that is being answered; `cycle` is the newest
        if self._admission is Admission.CLOSED:
            logger.info("%s closed: there are too many connections", self._address)
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came, as long as it is not a head without an end, or too much."""
        if self._last_word is not None:
            return  # read all the same, or nobody would notice that the client hangs up
        if self._owed is REQUEST:
            self._owed, self._age_s = HEAD, 0.0
        if self._owed is HEAD:
            self._head_bytes += len(data)
            data = _without_upgrade(data)
        self._parse(data)
        if self._owed is HEAD and self._head_bytes > self.limits.head_bytes:
            self._refuse(refusals.head_too_large(self.limits))

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.more_body = True  # as far as anybody can tell: the parser reads on no further
            self._refuse(refusals.malformed("the broker speaks HTTP/1.1 only: ask for no other protocol"))
        except httptools.HttpParserError as error:
            self._refuse(refusals.malformed(f"the request is not valid HTTP/1.1: {error}"))

    def on_message_begin(self) -> None:
        """Expect the head, also of a request that came in one piece with the one before it."""
        self._owed, self._age_s, self._field_bytes = HEAD, 0.0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Keep a part of the URL, which counts as the head does."""
        self._field_bytes += len(url)
        if self._field_bytes <= self.limits.head_bytes:
            super().on_url(url)

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
            self._refuse(refusals.head_too_large(self.limits))
            raise ValueError("the head is too large")  # ends the parsing
        if len(self.url) > refusals.MAX_URL_BYTES:
            self._refuse(refusals.url_too_long())
            raise ValueError("the URL is too long")
        past_limit = self._admission is Admission.RESERVE
        if past_limit and self.url.partition(b"?")[0].decode("latin-1") not in HEALTH_PATHS:
            self._refuse(refusals.too_many_connections(self.connection_limit, self._address))
            raise ValueError("there are too many connections")
        super().on_headers_complete()
        if past_limit:
            self.cycle.keep_alive = False
        self._is_patient = False
        self._extensions: dict[str, Any] = {
            ANSWER: partial(_answer_at_once, self.cycle),
            PATIENT_BODY: self._be_patient,
        }
        self.scope["extensions"] = self._extensions
        if self._running is None or self._running.response_complete:
            self._running = self.cycle
        else:
            self.flow.resume_reading()  # or nobody would notice that the client hangs up
            if len(self.pipeline) > self.limits.pipelined:
                self._refuse(refusals.too_much_sent_ahead(self.limits))
                raise ValueError("too many requests were sent ahead")

    def _be_patient(self) -> None:
        self._is_patient = self._running is self.cycle

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; a request whose turn has not come may keep only a little."""
        if self._is_patient:
            self._age_s = 0.0
        super().on_body(body)
        if self.cycle is not self._running and len(self.cycle.body) > self.limits.pipelined_body_bytes:
            self._refuse(refusals.too_much_sent_ahead(self.limits))
            raise ValueError("too much of a body was sent ahead")

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
        elif self._last_word is not None:
            self._end_with(self._last_word)
        elif self._owed is NOTHING:
            self._owed = REQUEST

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who still works for this client that it is gone."""
        super().connection_lost(exc)
        self.connection_limit.leave(self._address, self._admission)
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
        if self._owed is HEAD and self._admission is Admission.RESERVE:
            self._refuse(refusals.too_many_connections(self.connection_limit, self._address))
        elif self._owed is HEAD:
            self._refuse(refusals.late_head(self.limits))
        elif self._owed is BODY and self._is_patient:
            self._end_body(refusals.late_body(self.limits, in_pieces=True))
        elif self._owed is BODY and not self.cycle.response_started:
            self._refuse(refusals.late_body(self.limits, in_pieces=False))
        else:
            self.transport.close()

    def end_unfinished(self) -> None:
        """Refuse a request that has not come in whole: the broker stops, and waits for no more of it."""
        if self._owed is not BODY or self._is_answering():
            return
        if self._is_patient:
            self._end_body(BrokerStopping())
        elif not self.cycle.response_started:
            self._refuse(BrokerStopping())

    def _end_body(self, reason: Exception) -> None:
        """Let a request that reads its body as it comes say what it did with it, and why that is the end."""
        self._age_s = 0.0
        self._extensions[ENDED_BODY] = reason
        self.cycle.keep_alive = False
        self.cycle.message_event.set()

    def _is_answering(self) -> bool:
        """Tell whether the broker owes an answer to a request that has come in whole."""
        running = self._running
        return running is not None and not running.response_complete and not running.more_body

    def _refuse(self, error: Exception) -> None:
        """Refuse a request that no application sees, when those before it are answered, and pass over what follows."""
        if self.transport.is_closing() or self._last_word is not None:
            return
        if not self._is_answering():
            self._end_with(error)
            return
        self._last_word = error
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()  # it is the one that is refused
        self.flow.resume_reading()

    def _end_with(self, error: Exception) -> None:
        """Answer with a refusal, and end the connection and whatever works for it."""
        request_id = new_request_id()
        logger.info("%s:%s closed: %s, request %s", *(self.client or ("?", 0)), error, request_id)
        status, answer = refusals.answer_bytes(error, request_id)
        self.traffic.count(NO_ROUTE, status, self._age_s)
        self.transport.write(answer)
        self.transport.close()
        self._tell_that_the_client_is_gone()

    def _tell_that_the_client_is_gone(self) -> None:
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _patience_s(self) -> float:
        patience = {REQUEST: self.limits.idle, HEAD: self.limits.header, BODY: self.limits.body}[self._owed]
        return min(patience, RESERVE_PATIENCE_S) if self._admission is Admission.RESERVE else patience


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
