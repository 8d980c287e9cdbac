"""The HTTP server's life: listen, stop gracefully. uvicorn carries it; signals are `bootstrap`'s.

Answers that are under way at the stop are finished; connections that owe nothing are closed.
"""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.http_api.bounds import Limits
from mini_kafka.http_api.connection import GuardedHttpProtocol
from mini_kafka.listening import Address
from mini_kafka.measures import Traffic

SWEEP_INTERVAL_S = 0.5
GRACEFUL_STOP_S = 1
"""How long a stop waits for answers that are under way: containers get 10 s, and users expect two."""


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
        return Address.of(self._socket)

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
        insisting = asyncio.get_running_loop().call_later(GRACEFUL_STOP_S * 0.8, self._abort_unread)
        await self._server.shutdown(sockets=[self._socket])
        insisting.cancel()

    def _guarded(self) -> list[GuardedHttpProtocol]:
        connections = self._server.server_state.connections
        return [connection for connection in connections if isinstance(connection, GuardedHttpProtocol)]

    def _abort_unread(self) -> None:
        """End connections whose clients do not read their answers; other calls are told when their time is over."""
        for connection in self._guarded():
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()
