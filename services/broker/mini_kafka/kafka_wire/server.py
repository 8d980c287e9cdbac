"""The sockets of the Kafka listener: a thin shell around `Session`, one for each connection.

It reads and writes, calls handlers, and closes. A connection that breaks the protocol is closed with one line
in the log, and no other connection notices.
"""

import asyncio
import inspect
import logging
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sized
from itertools import islice

from mini_kafka.connection_limit import Admission, ConnectionLimit
from mini_kafka.engine.log_port import LogEngine
from mini_kafka.kafka_wire.addresses import Advertiser
from mini_kafka.kafka_wire.bounds import SMALL_REQUEST_BYTES, WireBounds
from mini_kafka.kafka_wire.call import Answer, Api, BrokerIdentity, Call, Connection, Request
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.session import Session
from mini_kafka.listening import BACKLOG, Address
from mini_kafka.measures import Traffic

logger = logging.getLogger(__name__)

COPIED_TOGETHER_BYTES = 64 * 1024
"""Answers to requests that came together are one write up to this size; of a larger one nothing is copied."""


SWEEP_INTERVAL_S = 1.0
"""How often all connections are told how time passes: so a request costs no timer."""
TOLD_AT_ONCE = 500
"""Connections that are told in one go how time passes: about a millisecond."""
TURN_S = 0.005
"""How long one connection is worked for before others have their turn: clients may send thousands of requests ahead."""


class KafkaProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: "KafkaServer") -> None:
        self._server = server
        self._session = Session(server.apis, server.bounds.limits)
        self._transport: asyncio.Transport
        self._connection: Connection
        self._waiting: asyncio.Task[None] | None = None
        self._may_write = True
        self._is_reading = True
        self._goes_on = False  # whether requests wait for this connection's next turn
        self._is_counted = False  # whether its requests' memory is
        self._silent_s = self._deaf_s = 0.0
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn who is there."""
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("?", 0)
        local = transport.get_extra_info("sockname") or ("?", 0)
        self._peer = f"{peer[0]}:{peer[1]}"
        self._address = str(peer[0])
        self._connection = self._server.introduce(self._address, str(local[0]))
        self._server.connections.add(self)
        self._admission = self._server.connection_limit.admit(self._address)
        if self._admission is not Admission.SERVED:  # there is no word for it in the protocol: clients try again
            logger.info("%s closed: there are too many connections", self._peer)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Stop what still works for this client."""
        self._server.connections.discard(self)
        self._server.connection_limit.leave(self._address, self._admission)
        self._server.bounds.requests.leave(self)
        self._server.bounds.answers.note(self, 0)
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer what can be answered."""
        self._silent_s = 0.0
        self._session.receive(data)
        self._work()

    def pause_writing(self) -> None:
        """Begin nothing more until the client has read."""
        self._may_write = False
        self._note_unread()

    def resume_writing(self) -> None:
        """Go on with what waited."""
        self._may_write = True
        self._server.bounds.answers.note(self, 0)
        self._deaf_s = self._silent_s = 0.0
        self._work()

    def read_on(self) -> None:
        """Read again: there is memory for the rest of the request."""
        self._silent_s = 0.0
        self._read_or_rest()

    def grow_older(self, seconds: float) -> None:
        """End the connection if its client reads nothing, is silent amid a request, or wants nothing, for too long."""
        limits = self._server.bounds.limits
        if not self._may_write or self._transport.is_closing():
            self._deaf_s = 0.0 if self._note_unread() else self._deaf_s + seconds
            if self._deaf_s >= limits.stall_s:
                self.cut_off(f"it has read nothing of its answers for {limits.stall_s:g} s")
        elif self._session.is_working or not self._is_reading:
            self._silent_s = 0.0
        else:
            self._silent_s += seconds
            if self._silent_s >= limits.stall_s and self._session.missing_bytes:
                self.cut_off(f"the rest of its request has not come for {limits.stall_s:g} s")
            elif self._silent_s >= limits.idle_s:
                logger.debug("%s closed: it was idle for %g s", self._peer, limits.idle_s)
                self._transport.abort()

    def _note_unread(self) -> bool:
        """Take note of what the client has not read yet, and tell whether that has become less."""
        before, self._unread = self._unread, self._transport.get_write_buffer_size()
        self._server.bounds.answers.note(self, self._unread)
        return self._unread < before

    def cut_off(self, reason: str) -> None:
        """Close the connection without waiting for its client."""
        logger.warning("%s closed: %s", self._peer, reason)
        self._server.traffic.count(("",), "closed", 0.0)
        self._transport.abort()

    def close(self) -> None:
        """Close the connection; what was written is still sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _work(self) -> None:
        """Answer one request or more, as long as there is no waiting and it is this connection's turn."""
        self._goes_on = False
        ends_at = time.perf_counter() + TURN_S
        try:
            while self._may_write and not self._transport.is_closing():
                request = self._session.next_request()
                if request is None:
                    break
                started = time.perf_counter()
                answer = request.api.handle(Call(request, self._connection))
                if inspect.isawaitable(answer):
                    self._waiting = asyncio.ensure_future(self._answer_later(request, answer, started))
                    break
                ended = self._respond(request, answer, started)
                if self._session.outgoing_bytes > COPIED_TOGETHER_BYTES:
                    self._flush()
                if ended > ends_at:
                    self._goes_on = True
                    self._server.give_turn_later(self._work)
                    break
        except Exception as error:  # noqa: BLE001 - a bug ends one connection, not the broker
            self._flush()  # the requests before have their answers
            self._fail(error)
        self._flush()
        self._count_memory()
        self._read_or_rest()

    def _count_memory(self) -> None:
        """Count what this connection's requests hold, where it is not little."""
        held = self._session.held_bytes
        if held <= SMALL_REQUEST_BYTES and not self._is_counted:
            return
        self._is_counted = held > SMALL_REQUEST_BYTES and not self._transport.is_closing()
        missing = self._session.missing_bytes if self._is_counted else 0
        self._server.bounds.requests.note(self, held if self._is_counted else 0, missing)

    async def _answer_later(self, request: Request, answer: Awaitable[Answer], started: float) -> None:
        try:
            self._respond(request, await answer, started)
        except Exception as error:  # noqa: BLE001 - see _work
            self._fail(error)
            return
        finally:
            self._waiting = None
        self._work()

    def _respond(self, request: Request, answer: Answer, started: float) -> float:
        """Answer, and say when that was."""
        self._session.respond(answer)
        ended = time.perf_counter()
        self._server.traffic.count((request.api.name,), "answered", ended - started)
        return ended

    def _fail(self, error: Exception) -> None:
        self._server.traffic.count(("",), "closed", 0.0)
        if isinstance(error, WireError):
            logger.warning("%s closed: %s", self._peer, error)
        else:
            logger.error("%s closed: the broker failed on its request", self._peer, exc_info=error)
        self._transport.close()

    def _flush(self) -> None:
        parts = self._session.take_outgoing()
        if not parts or self._transport.is_closing():
            return
        if sum(map(len, parts)) <= COPIED_TOGETHER_BYTES:
            self._transport.write(b"".join(parts))
        else:
            self._transport.writelines(parts)

    def _read_or_rest(self) -> None:
        should_read = self._session.wants_data and self._may_write and not self._goes_on
        should_read = should_read and self._server.bounds.requests.may_read(self)
        if should_read is self._is_reading or self._transport.is_closing():
            return
        self._is_reading = should_read
        if should_read:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()


class _Together:
    """The connections of several listeners that are counted as one."""

    def __init__(self, *parts: Sized) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))


class KafkaServer:
    """The listener: a socket, and the connections on it."""

    def __init__(
        self,
        listening: socket.socket,
        apis: Mapping[int, Api],
        engine: LogEngine,
        identity: BrokerIdentity,
        advertiser: Advertiser,
        connection_limit: ConnectionLimit,
        traffic: Traffic,
        bounds: WireBounds,
    ) -> None:
        self.apis = apis
        self.bounds = bounds
        self.connections: set[KafkaProtocol] = set()
        self.connection_limit = connection_limit
        self.traffic = traffic
        traffic.connections = _Together(traffic.connections, self.connections)
        self._engine = engine
        self._identity = identity
        self._advertiser = advertiser
        self._socket = listening
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._turns: deque[Callable[[], None]] = deque()

    @property
    def address(self) -> Address:
        """Where it listens; the port is the real one."""
        return Address.of(self._socket)

    def introduce(self, peer_host: str, local_host: str) -> Connection:
        """Say what a new connection's calls have to know."""
        advertised = self._advertiser.address_for(peer_host, local_host)
        return Connection(self._engine, self._identity, advertised, peer_host, self.bounds.answers)

    def give_turn_later(self, work: Callable[[], None]) -> None:
        """Let a connection go on when it is its turn: one in each cycle of the loop, or many would hold it together."""
        if not self._turns:
            asyncio.get_running_loop().call_soon(self._give_turn)
        self._turns.append(work)

    def _give_turn(self) -> None:
        self._turns[0]()
        self._turns.popleft()
        if self._turns:
            asyncio.get_running_loop().call_soon(self._give_turn)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: KafkaProtocol(self), sock=self._socket, backlog=BACKLOG
        )
        self._arm_sweep()

    def _arm_sweep(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(SWEEP_INTERVAL_S, self._sweep)

    def _sweep(self) -> None:
        self.grow_older(SWEEP_INTERVAL_S)
        self._arm_sweep()

    def grow_older(self, seconds: float) -> None:
        """Tell every connection how time passes, a few hundred before others have their turn."""
        self.bounds.requests.give_another_turn()
        self._tell(iter(tuple(self.connections)), seconds)

    def _tell(self, connections: Iterator[KafkaProtocol], seconds: float) -> None:
        told = list(islice(connections, TOLD_AT_ONCE))
        for connection in told:
            if connection in self.connections:  # and not lost since
                connection.grow_older(seconds)
        if len(told) == TOLD_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._tell, connections, seconds)

    def stop(self) -> None:
        """Stop listening, and close every connection once what was written to it is sent."""
        if self._server is not None:
            self._server.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in tuple(self.connections):
            connection.close()
