"""A connection of the Kafka port without a socket: handlers of a test's own, a transport that keeps what it gets."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any, cast

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.kafka_wire.addresses import Advertiser
from mini_kafka.kafka_wire.bounds import WireBounds, WireLimits
from mini_kafka.kafka_wire.call import Answer, Api, BrokerIdentity, Call
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.server import KafkaProtocol, KafkaServer
from mini_kafka.listening import Address
from mini_kafka.measures import Traffic

ECHO, WAIT, BUG, REFUSE, SILENT, LARGE = range(6)


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("10.0.0.9", 4711), "sockname": ("10.0.0.1", 9092)})
        self.written: list[bytes] = []
        self.reading, self.unread = True, 0
        self.closed = self.aborted = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.written += [b"<lines>", *map(bytes, list_of_data)]

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unread


class Trial:
    """One connection with handlers of its own, and a gate that the waiting one waits at."""

    def __init__(self, limits: WireLimits | None = None) -> None:
        self.gate = asyncio.Event()
        self.cancelled = False
        self.calls: list[Call] = []
        handlers: list[Callable[[Call], Answer | Awaitable[Answer]]] = [
            self.echo, self.wait, self.fail, self.refuse, lambda _call: None, lambda _call: [b"x" * 70_000, b"y"],
        ]  # fmt: skip
        apis = {key: Api(key, f"Api{key}", 0, 0, 9, handle) for key, handle in enumerate(handlers)}
        advertiser = Advertiser(9092, None, Address("published", 1), None)
        self.traffic = Traffic("kafka", ("api",))
        self.limit = ConnectionLimit(1)
        self.bounds = WireBounds(limits or WireLimits(request_bytes=2**20))
        identity, nothing = BrokerIdentity(1, "c"), cast(Any, None)
        self.server = KafkaServer(nothing, apis, nothing, identity, advertiser, self.limit, self.traffic, self.bounds)
        self.wire = Wire()
        self.protocol = KafkaProtocol(self.server)
        self.protocol.connection_made(self.wire)

    def another(self) -> tuple[KafkaProtocol, Wire]:
        """Open one more connection to the same server."""
        self.limit.limit += 1
        wire = Wire()
        protocol = KafkaProtocol(self.server)
        protocol.connection_made(wire)
        return protocol, wire

    def echo(self, call: Call) -> bytes:
        self.calls.append(call)
        return bytes(call.request.body)

    async def wait(self, call: Call) -> bytes:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return b"waited" + bytes(call.request.body)

    def fail(self, _call: Call) -> bytes:
        raise RuntimeError("a bug")

    def refuse(self, _call: Call) -> bytes:
        raise WireError("these bytes are none")

    def ask(self, key: int, number: int, body: bytes = b"") -> None:
        self.protocol.data_received(request(key, number, body))

    @property
    def answers(self) -> bytes:
        return b"".join(part for part in self.wire.written if part != b"<lines>")


def request(key: int, number: int, body: bytes = b"") -> bytes:
    content = struct.pack(">hhih", key, 0, number, -1) + body
    return struct.pack(">i", len(content)) + content


def answer(number: int, body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, number) + body


def tell(story: Callable[[Trial], Awaitable[None]], limits: WireLimits | None = None) -> None:
    """Run a test's story with a connection."""

    async def run() -> None:
        await story(Trial(limits))

    asyncio.run(run())


async def let_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
