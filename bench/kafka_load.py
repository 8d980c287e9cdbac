"""One client process of `bench.kafka`: produces or consumes, and prints what it took as JSON."""

import json
import sys
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

POLL_EVERY = 1000
PARTITION = 0


def produce(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Produce as fast as the client can."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({
        "bootstrap.servers": address, "linger.ms": 5, "batch.num.messages": 10_000, "acks": "all",
        "queue.buffering.max.messages": 2_000_000, "queue.buffering.max.kbytes": 1_000_000,
        "delivery.report.only.error": True, "on_delivery": delivered,
    })  # fmt: skip
    value = b"x" * size
    producer.produce(topic, value, partition=PARTITION)
    producer.flush()
    began = time.perf_counter()
    for number in range(count - 1):
        producer.produce(topic, value, partition=PARTITION)
        if number % POLL_EVERY == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
    assert not failed, failed[0]
    return {"records_s": count / (time.perf_counter() - began)}


def consume(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Read from the start as fast as the client can."""
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False, "fetch.wait.max.ms": 100,
        "queued.min.messages": 1_000_000, "fetch.message.max.bytes": 4_194_304,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, PARTITION, 0)])
    got = 0
    began = time.perf_counter()
    while got < count:
        messages = consumer.consume(10_000, 10)
        assert messages, "no record came for ten seconds"
        assert messages[0].error() is None, messages[0].error()
        assert len(messages[0].value() or b"") == size
        got += len(messages)
    took = time.perf_counter() - began
    consumer.close()
    return {"records_s": got / took}


def one_by_one(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Produce a record when the one before is acknowledged."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 0, "acks": "all"})
    value = b"x" * size
    times = []
    for number in range(count + 100):
        began = time.perf_counter()
        producer.produce(topic, value, partition=PARTITION)
        assert producer.flush(10) == 0
        if number >= 100:  # the first ones find the broker
            times.append(time.perf_counter() - began)
    times.sort()
    return {"p50_ms": times[count // 2] * 1000, "p99_ms": times[count * 99 // 100] * 1000}


KINDS: dict[str, Callable[[str, str, int, int], dict[str, float]]] = {
    "produce": produce,
    "consume": consume,
    "one_by_one": one_by_one,
}


def main() -> None:
    """Do one kind of work."""
    address, kind, topic, count, size = sys.argv[1:]
    began, cpu = time.perf_counter(), time.process_time()
    result = KINDS[kind](address, topic, int(count), int(size))
    result["client_cores"] = (time.process_time() - cpu) / (time.perf_counter() - began)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
