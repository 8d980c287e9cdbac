"""Long requests of Kafka clients for `bench.loop_holds`: as many partitions or names as one request may have."""

import asyncio
import struct
from collections.abc import Callable, Iterable
from typing import Any

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.core.record_batch import NewRecord, build_batches
from mini_kafka.engine.log_port import LogEngine
from mini_kafka.engine.port import Caller
from mini_kafka.kafka_wire.addresses import Advertiser
from mini_kafka.kafka_wire.bounds import WireBounds, WireLimits
from mini_kafka.kafka_wire.call import BrokerIdentity
from mini_kafka.kafka_wire.registry import APIS
from mini_kafka.kafka_wire.server import KafkaProtocol, KafkaServer
from mini_kafka.listening import Address
from mini_kafka.measures import Traffic

TOPIC = "bench"
NAMED = 99_000
"""Partitions that a request names: all that `MAX_ELEMENTS` leaves room for."""
EXIST = 10_000
"""Partitions that there are: a broker's most by default."""
HEADER = struct.Struct(">ihhih")
CLIENT = b"bench"


class Wire(asyncio.Transport):
    """A transport that waits for one whole answer, or for the end."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 9092)})
        self.answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def write(self, data: Any) -> None:
        """Take an answer."""
        self.answered.set_result(len(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Take an answer in pieces."""
        self.answered.set_result(sum(map(len, list_of_data)))

    def is_closing(self) -> bool:
        """Say that it is open."""
        return False

    def pause_reading(self) -> None:
        """Have nothing more to read."""

    def resume_reading(self) -> None:
        """Have nothing more to read."""

    def get_write_buffer_size(self) -> int:
        """Have sent all."""
        return 0

    def close(self) -> None:
        """Fail: every request here has an answer."""
        self.answered.set_exception(ConnectionError("the broker has hung up"))


async def ask(engine: LogEngine, request: bytes) -> int:
    """Send a request over a connection of its own, and give the bytes of its answer."""
    server = KafkaServer(
        None,  # type: ignore[arg-type]  # no socket
        APIS, engine, BrokerIdentity(1, engine.cluster_id), Advertiser(9092, None, Address("published", 1), None),
        ConnectionLimit(1), Traffic("kafka", ("api",)), WireBounds(WireLimits()),
    )  # fmt: skip
    protocol, wire = KafkaProtocol(server), Wire()
    protocol.connection_made(wire)
    asyncio.get_running_loop().call_soon(protocol.data_received, request)
    return await wire.answered


def frame(key: int, version: int, body: bytes) -> bytes:
    """Put a header in front of a request's body."""
    size = HEADER.size - 4 + len(CLIENT) + len(body)
    return HEADER.pack(size, key, version, 7, len(CLIENT)) + CLIENT + body


def name(text: str) -> bytes:
    """Write a string."""
    return struct.pack(">h", len(text)) + text.encode()


def partitions(of_each: Callable[[int], bytes], count: int = NAMED) -> bytes:
    """Write one topic's partitions."""
    return struct.pack(">i", 1) + name(TOPIC) + struct.pack(">i", count) + b"".join(map(of_each, range(count)))


def list_offsets() -> bytes:
    """Ask for the latest offset of each partition."""
    return frame(2, 1, struct.pack(">i", -1) + partitions(lambda number: struct.pack(">iq", number, -1)))


def fetch(count: int = NAMED) -> bytes:
    """Read each partition; where there is nothing, wait."""
    head = struct.pack(">iiiibii", -1, 500, 1, 2**20, 0, 0, 0 if count <= EXIST else -1)
    parts = partitions(lambda number: struct.pack(">iiqqi", number, -1, 0, -1, 2**20), count)
    return frame(1, 11, head + parts + struct.pack(">ih", 0, 0))


def produce() -> bytes:
    """Write a record to each partition."""
    (batch,) = build_batches([NewRecord(b"x" * 100)], now_ms=1, max_bytes=2**20)
    head = struct.pack(">hhi", -1, -1, 1000)
    return frame(0, 7, head + partitions(lambda number: struct.pack(">ii", number, len(batch)) + bytes(batch)))


def metadata() -> bytes:
    """Ask for names that are not there."""
    names = b"".join(name(f"t{number}") for number in range(NAMED))
    return frame(3, 4, struct.pack(">i", NAMED) + names + b"\0")


def all_metadata() -> bytes:
    """Ask for all topics."""
    return frame(3, 4, struct.pack(">ib", -1, 0))


def offset_commit() -> bytes:
    """Commit an offset in each partition."""
    head = name("group") + struct.pack(">i", -1) + name("") + struct.pack(">q", -1)
    return frame(8, 2, head + partitions(lambda number: struct.pack(">iqh", number, 0, -1)))


def offset_fetch() -> bytes:
    """Ask for each partition's committed offset."""
    return frame(9, 1, name("group") + partitions(lambda number: struct.pack(">i", number)))


def delete_records() -> bytes:
    """Forget all records."""
    return frame(21, 0, partitions(lambda number: struct.pack(">iq", number, -1)) + struct.pack(">i", 1000))


def create_topics() -> bytes:
    """Make topics; most are refused, because the broker has its most."""
    topics = b"".join(name(f"t{number}") + struct.pack(">ihii", 1, 1, 0, 0) for number in range(NAMED))
    return frame(19, 2, struct.pack(">i", NAMED) + topics + struct.pack(">ib", 1000, 0))


REQUESTS: dict[str, tuple[Callable[[], bytes], bool]] = {
    "ListOffsets of 99,000 partitions": (list_offsets, True),
    "Fetch of 99,000 partitions": (fetch, True),
    "Fetch of 10,000 partitions, waiting": (lambda: fetch(EXIST), True),
    "Produce to 99,000 partitions": (produce, True),
    "Metadata of 99,000 names": (metadata, True),
    "Metadata of all 9,000 topics": (all_metadata, False),
    "OffsetCommit in 99,000 partitions": (offset_commit, True),
    "OffsetFetch of 99,000 partitions": (offset_fetch, True),
    "DeleteRecords in 99,000 partitions": (delete_records, True),
    "CreateTopics of 99,000 names": (create_topics, False),
}
"""What to send, and whether there is one topic of 10,000 partitions or 9,000 topics of one."""


async def prepare(engine: LogEngine, *, is_wide: bool) -> None:
    """Make the topics."""
    caller = Caller("bench")
    if is_wide:
        await engine.create_topic(caller, TOPIC, partitions=EXIST)
    else:
        for number in range(9000):
            await engine.create_topic(caller, f"topic-{number}")
