"""The HTTP server's life: bind, listen, stop gracefully. uvicorn carries it; signals are `bootstrap`'s.

Answers that are under way at the stop are finished; connections that owe nothing are closed.
"""

import asyncio
import socket
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.http_api.bounds import Limits
from mini_kafka.http_api.connection import GuardedHttpProtocol
from mini_kafka.measures import Traffic

BACKLOG = 2048
"""Connections that the kernel holds while the loop is busy; the kernel cuts it to its own limit."""
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""When a silent connection is asked for the first time, how often then, in seconds, and how often in vain."""
SWEEP_INTERVAL_S = 0.5
GRACEFUL_STOP_S = 1
"""How long a stop waits for answers that are under way: containers get 10 s, and users expect two."""


class CannotListen(Exception):
    """The address is taken, not ours or not allowed; the text says which setting to change."""


def bind(host: str, port: int) -> socket.socket:
    """Take the address; port 0 picks a free one.

    Raises:
        CannotListen: the address cannot be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:  # a name that no name server could know is a UnicodeError
        reason = error.strerror if isinstance(error, OSError) else "that is no name of a host"
        raise CannotListen(
            f"cannot listen on {host}:{port}: {reason or error}: choose another address with --host and --http-port"
        ) from error
    _notice_dead_peers(listening)
    return listening


def _notice_dead_peers(listening: socket.socket) -> None:
    """Let the kernel ask silent peers whether they are there: every accepted connection inherits it.

    A client whose machine is gone says nothing. Most answers that go on find it out by what they write; a stream of
    plain values may have nothing to write for hours.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # macOS and Windows lack some
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int

    @property
    def for_people(self) -> str:
        """Show an address that a browser on this machine can use: a listener on all addresses has this one too."""
        return str(Address("127.0.0.1", self.port)) if self.host in {"0.0.0.0", "::"} else str(self)  # noqa: S104

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class HttpServer:
    """An HTTP server around one ASGI application."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        limits: Limits,
        connections: ConnectionLimit,
        traffic: Traffic,
    ) -> None:
        shared = {"limits": limits, "connection_limit": connections, "traffic": traffic}
        protocol = type("HttpProtocol", (GuardedHttpProtocol,), shared)
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACEFUL_STOP_S,
            )
        )
        traffic.connections = self._server.server_state.connections
        self._main_loop: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def address(self) -> Address:
        """Where it listens; the port is the real one."""
        host, port = self._socket.getsockname()[:2]
        return Address(host, port)

    async def start(self) -> None:
        """Listen."""
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=[self._socket])
        self._main_loop = asyncio.create_task(self._server.main_loop())
        self._arm_sweep()

    def _arm_sweep(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_INTERVAL_S, self._run_sweep)

    def _run_sweep(self) -> None:
        for connection in self._guarded():
            connection.grow_older(SWEEP_INTERVAL_S)
        self._arm_sweep()

    async def stop(self) -> None:
        """Stop listening, finish what is under way, close the rest."""
        self._server.should_exit = True
        if self._sweep is not None:
            self._sweep.cancel()
        if self._main_loop is not None:
            await self._main_loop
        for connection in self._guarded():
            connection.end_unfinished()
        insisting = asyncio.get_running_loop().call_later(GRACEFUL_STOP_S * 0.8, self._abort_all)
        await self._server.shutdown(sockets=[self._socket])
        insisting.cancel()

    def _guarded(self) -> list[GuardedHttpProtocol]:
        connections = self._server.server_state.connections
        return [connection for connection in connections if isinstance(connection, GuardedHttpProtocol)]

    def _abort_all(self) -> None:
        """End connections whose clients do not read their answers: uvicorn would report their requests as bugs."""
        for connection in self._guarded():
            connection.transport.abort()
