"""A Kafka client without a socket: kio's requests through a session, the registry and the handlers."""

import asyncio
import inspect
import io
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from kio.serial import entity_reader, entity_writer

from mini_kafka import bootstrap
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import Caller
from mini_kafka.kafka_wire.bounds import AnswerMemory, WireLimits
from mini_kafka.kafka_wire.call import Api, BrokerIdentity, Call, Connection
from mini_kafka.kafka_wire.kio_codec import build_message, message_type
from mini_kafka.kafka_wire.registry import APIS
from mini_kafka.kafka_wire.session import Session
from mini_kafka.listening import Address
from mini_kafka.settings import BrokerSettings

ADVERTISED = Address("broker.test", 19999)
CLIENT_ID = "test-client"
NAMES = {api.name: api for api in APIS.values()}


def frame(api: Api, version: int, fields: dict[str, Any], *, correlation_id: int = 7) -> bytes:
    """Write a request as a client does."""
    return frame_of(api, version, build_message(api, version, "Request", fields), correlation_id=correlation_id)


def frame_of(api: Api, version: int, message: Any, *, correlation_id: int = 7) -> bytes:
    """Put kio's request behind a header, and both behind their size."""
    buffer = io.BytesIO()
    header = message.__header_schema__(
        request_api_key=api.key, request_api_version=version, correlation_id=correlation_id, client_id=CLIENT_ID
    )
    entity_writer(message.__header_schema__)(buffer, header)
    entity_writer(type(message))(buffer, message)
    return struct.pack(">i", len(buffer.getvalue())) + buffer.getvalue()


def body_of(message: Any) -> bytes:
    """Write one of kio's messages, without a header."""
    buffer = io.BytesIO()
    entity_writer(type(message))(buffer, message)
    return buffer.getvalue()


def read_answer(api: Api, version: int, data: bytes) -> Any:
    """Read a response, and expect that it is one, whole and nothing more."""
    entity = message_type(api.name, version, "Response")
    (size,) = struct.unpack_from(">i", data)
    assert size == len(data) - 4
    header, header_size = entity_reader(entity.__header_schema__)(data, 4)
    assert header.correlation_id == 7
    answer, answer_size = entity_reader(entity)(data, 4 + header_size)
    assert 4 + header_size + answer_size == len(data)
    return answer


class KafkaClient:
    """A client of a broker in this process."""

    def __init__(self, engine: MemoryLogEngine, *, node_id: int = 1, limits: WireLimits | None = None) -> None:
        self.engine = engine
        self.caller = Caller("test")
        self.session = Session(APIS, limits or WireLimits(request_bytes=1024 * 1024))
        self.answers = AnswerMemory(limits or WireLimits())
        self.connection = Connection(
            engine, BrokerIdentity(node_id, engine.cluster_id), ADVERTISED, "10.0.0.1", self.answers
        )

    async def ask(self, name: str, version: int | None = None, **fields: Any) -> Any:
        """Ask in one version, else in the newest; give kio's dataclass of the answer, None where nothing comes."""
        api = NAMES[name]
        version = api.highest if version is None else version
        self.session.receive(frame(api, version, fields))
        request = self.session.next_request()
        assert request is not None
        answer = api.handle(Call(request, self.connection))
        self.session.respond(await answer if inspect.isawaitable(answer) else answer)
        data = b"".join(self.session.take_outgoing())
        return read_answer(api, version, data) if data else None


Story = Callable[[KafkaClient], Awaitable[None]]


@asynccontextmanager
async def kafka_client(clock: Clock | None = None, **settings: Any) -> Any:
    """Run a broker without listeners, and give a client of it."""
    broker = BrokerSettings(**({"memory_limit": 64 * 1024 * 1024} | settings))
    engine = bootstrap.build_engine(broker, clock)
    try:
        yield KafkaClient(engine, limits=bootstrap.build_wire_limits(broker))
    finally:
        await engine.close()


def tell_kafka(story: Story, clock: Clock | None = None, **settings: Any) -> None:
    """Run a test's story with a client of a broker of its own."""

    async def run() -> None:
        async with kafka_client(clock, **settings) as client:
            await story(client)

    asyncio.run(run())
