"""One guarded HTTP connection without a socket: bytes in, bytes out, and time that a test lets pass."""

import asyncio
from collections.abc import Callable

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.http_api.bounds import Limits
from mini_kafka.http_api.connection import ANSWER, GuardedHttpProtocol
from mini_kafka.measures import Traffic
from tests.support.tasks import settle

HEAD = b"POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n"
OLD_GET = GET.replace(b"1.1", b"1.0")
LAST_GET = GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


class Wire(asyncio.Transport):
    """A transport that keeps what was written."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__({"peername": (address, 50_000)})
        self.writes: list[bytes] = []
        self.closed = self.aborted = False
        self.reading = True

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "a transport that is closing takes nothing more"
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Connection:
    """One guarded connection to an application that answers when told to."""

    def __init__(
        self, connection_limit: ConnectionLimit | None = None, address: str = "127.0.0.1", pipelined: int = 100
    ) -> None:
        self.answer_now = asyncio.Event()
        self.wire = Wire(address)
        config = uvicorn.Config(self.app, http=GuardedHttpProtocol, interface="asgi3", lifespan="off", log_config=None)
        state = ServerState()
        state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
        self.protocol = GuardedHttpProtocol(config, state, {})
        self.protocol.limits = Limits(10, 30, 60, head_bytes=5000, pipelined=pipelined, pipelined_body_bytes=1000)
        self.protocol.connection_limit = connection_limit or ConnectionLimit(10)
        self.protocol.traffic = self.traffic = Traffic("http", ("method", "route"))
        self.protocol.connection_made(self.wire)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await self.answer_now.wait()
        assert scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")

    async def send(self, data: bytes) -> None:
        self.protocol.data_received(data)
        await settle()

    def wait(self, seconds: float) -> bool:
        """Let time pass in steps of half a second, and say whether the connection is still open."""
        for _ in range(int(seconds * 2)):
            self.protocol.grow_older(0.5)
        return not self.wire.closed


def run(story: Callable[[Connection], "asyncio.Future[None] | object"], pipelined: int = 100) -> None:
    async def inside() -> None:
        await story(Connection(pipelined=pipelined))  # type: ignore[misc]

    asyncio.run(inside())
