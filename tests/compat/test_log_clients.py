"""Ordinary Kafka clients write and read the log: codecs, idempotence, large records, headers, times, and both doors."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiokafka
import confluent_kafka
import kafka
import pytest
import requests
from confluent_kafka.admin import AdminClient

from tests.compat.differential.brokers import running_mini_kafka
from tests.integration.deadlines import wait_until

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
TIME_MS = 1_700_000_000_123
LARGE = b"x" * 900_000
WAIT_S = 20


@dataclass(frozen=True)
class Sent:
    """A record as a client sends it and another one reads it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = TIME_MS


RECORDS = [
    Sent(b"k", b"v"),
    Sent(None, b"without a key"),
    Sent(b"a tombstone", None),
    Sent(b"headers", b"v", (("a", b"1"), ("a", b"2"), ("", b"\xff"))),
    Sent(b"old", b"v", timestamp_ms=1),
    Sent(b"", b""),
    Sent(b"not text", b"\xff\x00"),
]


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker: its HTTP address, and its address for Kafka clients."""
    with running_mini_kafka() as addresses:
        yield addresses


@pytest.fixture
def address(addresses: tuple[str, str]) -> str:
    return addresses[1]


@pytest.fixture
def topic() -> str:
    """Name a topic that no other test has: it is made when it is first asked for."""
    return f"topic-{uuid4().hex[:8]}"


def confluent_produce(address: str, topic: str, records: list[Sent], **config: Any) -> list[int]:
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "linger.ms": 20, **config})
    results: dict[int, Any] = {}

    def noted(number: int) -> Callable[[Any, Any], None]:
        return lambda error, message: results.update({number: error or message.offset()})

    for number, it in enumerate(records):
        producer.produce(
            topic, it.value, it.key, 0, timestamp=it.timestamp_ms, headers=list(it.headers), on_delivery=noted(number)
        )
    assert producer.flush(WAIT_S) == 0
    return [results[number] for number in range(len(records))]


def confluent_consume(address: str, topic: str, offset: int, count: int) -> list[Sent]:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False, "check.crcs": True}
    )
    try:
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, offset)])
        found: list[Any] = []
        while len(found) < count:
            messages = consumer.consume(count - len(found), WAIT_S)
            assert messages, "no record came"
            found += messages
        assert [it.error() for it in found] == [None] * count
        assert [it.offset() for it in found] == list(range(offset, offset + count))
        return [Sent(it.key(), it.value(), tuple(it.headers() or ()), it.timestamp()[1]) for it in found]
    finally:
        consumer.close()


def kafka_python_produce(address: str, topic: str, records: list[Sent], **config: Any) -> list[int]:
    producer = kafka.KafkaProducer(bootstrap_servers=address, linger_ms=20, **config)
    try:
        sent = [producer.send(topic, it.value, it.key, list(it.headers), 0, it.timestamp_ms) for it in records]
        return [it.get(WAIT_S).offset for it in sent]
    finally:
        producer.close(timeout=WAIT_S)


def kafka_python_consume(address: str, topic: str, offset: int, count: int) -> list[Sent]:
    partition = kafka.TopicPartition(topic, 0)
    consumer = kafka.KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=WAIT_S * 1000)
    try:
        consumer.assign([partition])
        consumer.seek(partition, offset)
        found = [next(consumer) for _ in range(count)]
        assert [it.offset for it in found] == list(range(offset, offset + count))
        return [Sent(it.key, it.value, tuple(it.headers), it.timestamp) for it in found]
    finally:
        consumer.close()


def aiokafka_produce(address: str, topic: str, records: list[Sent], **config: Any) -> list[int]:
    async def run() -> list[int]:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=address, linger_ms=20, **config) as producer:
            sent = [
                await producer.send(topic, it.value, it.key, 0, it.timestamp_ms, list(it.headers)) for it in records
            ]
            return [(await it).offset for it in sent]

    return asyncio.run(asyncio.wait_for(run(), WAIT_S))


def aiokafka_consume(address: str, topic: str, offset: int, count: int) -> list[Sent]:
    async def run() -> list[Sent]:
        partition = aiokafka.TopicPartition(topic, 0)
        async with aiokafka.AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False) as consumer:
            consumer.assign([partition])
            consumer.seek(partition, offset)
            found = [await consumer.getone() for _ in range(count)]
            assert [it.offset for it in found] == list(range(offset, offset + count))
            return [Sent(it.key, it.value, tuple(it.headers), it.timestamp) for it in found]

    return asyncio.run(asyncio.wait_for(run(), WAIT_S))


Produce = Callable[..., list[int]]
Consume = Callable[[str, str, int, int], list[Sent]]


@dataclass(frozen=True)
class Client:
    """A client library: how it produces and consumes, and the names of its options."""

    produce: Produce
    consume: Consume
    compression: str
    idempotence: str

    def with_codec(self, codec: str) -> dict[str, str | None]:
        """Give the option that chooses a codec."""
        return {self.compression: None if codec == "none" and "_" in self.compression else codec}


CLIENTS = {
    "confluent-kafka": Client(confluent_produce, confluent_consume, "compression.type", "enable.idempotence"),
    "kafka-python": Client(kafka_python_produce, kafka_python_consume, "compression_type", "enable_idempotence"),
    "aiokafka": Client(aiokafka_produce, aiokafka_consume, "compression_type", "enable_idempotence"),
}


def read_over_http(http: str, topic: str, count: int) -> list[dict[str, Any]]:
    answer = requests.get(f"http://{http}/v1/topics/{topic}/records?from=earliest&max_records={count}", timeout=WAIT_S)
    return list(answer.json()["records"])


def end_over_http(http: str, topic: str) -> int:
    shown = requests.get(f"http://{http}/v1/topics/{topic}", timeout=WAIT_S).json()
    return int(shown["partitions"][0]["high_watermark"]) if "partitions" in shown else 0


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_client_produces_with_a_codec_all_clients_read(name: str, codec: str, address: str, topic: str) -> None:
    client = CLIENTS[name]
    assert client.produce(address, topic, RECORDS, **client.with_codec(codec)) == list(range(len(RECORDS)))
    for reader in CLIENTS.values():
        assert reader.consume(address, topic, 0, len(RECORDS)) == RECORDS


@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_client_produces_is_read_over_http(name: str, addresses: tuple[str, str], topic: str) -> None:
    http, address = addresses
    client = CLIENTS[name]
    client.produce(address, topic, RECORDS, **client.with_codec("gzip"))
    found = sorted(read_over_http(http, topic, len(RECORDS)), key=lambda it: int(it["offset"]))
    assert [it["timestamp"] for it in found] == [it.timestamp_ms for it in RECORDS]
    assert [_bytes(it, "value") for it in found] == [it.value for it in RECORDS]
    assert [_bytes(it, "key") for it in found] == [it.key for it in RECORDS]


def _bytes(record: dict[str, Any], name: str) -> bytes | None:
    """Give a key or a value, which is text where it is UTF-8."""
    if f"{name}_base64" in record:
        return base64.b64decode(record[f"{name}_base64"])
    text = record.get(name)
    return None if text is None else str(text).encode()


@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_produced_over_http_clients_read(name: str, addresses: tuple[str, str], topic: str) -> None:
    http, address = addresses
    body = [
        {"key": f"k{number}", "value": f"v{number}", "timestamp": TIME_MS, "headers": {"h": "1"}} for number in range(5)
    ]
    requests.post(f"http://{http}/v1/topics/{topic}/records", json=body, timeout=WAIT_S).raise_for_status()
    expected = [Sent(b"k%d" % number, b"v%d" % number, (("h", b"1"),)) for number in range(5)]
    assert CLIENTS[name].consume(address, topic, 0, 5) == expected


@pytest.mark.parametrize("name", CLIENTS)
def test_an_idempotent_producers_records_come_once_and_in_order(name: str, address: str, topic: str) -> None:
    client = CLIENTS[name]
    records = [Sent(b"k", b"%d" % number) for number in range(2000)]
    assert client.produce(address, topic, records, **{client.idempotence: True}) == list(range(2000))
    assert client.consume(address, topic, 0, 2000) == records


@pytest.mark.parametrize("name", CLIENTS)
def test_a_large_record_arrives_and_a_reader_may_begin_anywhere(name: str, address: str, topic: str) -> None:
    client = CLIENTS[name]
    records = [Sent(b"%d" % number, LARGE) for number in range(4)]
    assert client.produce(address, topic, records) == [0, 1, 2, 3]
    assert client.consume(address, topic, 2, 2) == records[2:]


def test_a_record_that_is_too_large_is_refused_and_the_others_arrive(address: str, topic: str) -> None:
    records = [Sent(None, b"v"), Sent(None, b"x" * 1_100_000), Sent(None, b"w")]
    placed = confluent_produce(address, topic, records, **{"message.max.bytes": 2_000_000, "linger.ms": 0})
    assert [placed[0], placed[2]] == [0, 1]
    assert placed[1].name() == "MSG_SIZE_TOO_LARGE"  # type: ignore[attr-defined]


def test_a_transactional_id_is_refused_at_once_by_every_client(address: str) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "transactional.id": "t"})
    with pytest.raises(confluent_kafka.KafkaException) as refusal:
        producer.init_transactions(WAIT_S)
    assert refusal.value.args[0].fatal()
    second = kafka.KafkaProducer(bootstrap_servers=address, transactional_id="t")
    with pytest.raises(kafka.errors.TransactionalIdAuthorizationFailedError):
        second.init_transactions()
    second.close(timeout=WAIT_S)

    async def begin() -> None:
        other = aiokafka.AIOKafkaProducer(bootstrap_servers=address, transactional_id="t")
        try:
            await asyncio.wait_for(other.start(), WAIT_S)
        finally:
            await other.stop()

    with pytest.raises(aiokafka.errors.TransactionalIdAuthorizationFailed):
        asyncio.run(begin())


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("is_idempotent", [False, True])
def test_over_the_memory_limit_a_producer_waits_until_there_is_room(name: str, is_idempotent: bool, topic: str) -> None:
    client = CLIENTS[name]
    with running_mini_kafka("--memory-limit", "2MiB") as (http, address), ThreadPoolExecutor(1) as aside:
        records = [Sent(None, b"x" * 100_000)] * 40
        producing = aside.submit(client.produce, address, topic, records, **{client.idempotence: is_idempotent})
        wait_until(lambda: end_over_http(http, topic) > 8, "the memory is full")
        assert not producing.done()
        admin = AdminClient({"bootstrap.servers": address})

        def is_done() -> bool:
            # What was read is deleted, again and again, as a consumer would do it.
            all_of_it = confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_END)
            for deleted in admin.delete_records([all_of_it]).values():
                deleted.result(WAIT_S)
            return producing.done()

        wait_until(is_done, "every record was taken")
        placed = producing.result()
        # kafka-python sends what was refused after what followed it, unless it is idempotent.
        assert (placed if is_idempotent else sorted(placed)) == list(range(40))
