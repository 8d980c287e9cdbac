"""One client process of `bench.kafka`: does one kind of work with confluent-kafka, and prints what it took as JSON."""

import json
import struct
import sys
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

POLL_EVERY = 1000
PARTITION = 0
WARM_UP = 100
PATIENCE_S = 120
CLOCK = struct.Struct(">d")
QUIET = {"log_level": 3}


def produce(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Produce as fast as the client can."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({
        "bootstrap.servers": address, **QUIET, "linger.ms": 5, "batch.num.messages": 10_000, "acks": "all",
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
        "bootstrap.servers": address, **QUIET, "group.id": "bench", "enable.auto.commit": False,
        "fetch.wait.max.ms": 100, "queued.min.messages": 1_000_000, "fetch.message.max.bytes": 4_194_304,
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


def one_record_requests(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Produce a record a request, as many requests under way as the client allows."""
    producer = Producer({
        "bootstrap.servers": address, **QUIET, "linger.ms": 0, "batch.num.messages": 1, "acks": "all",
        "queue.buffering.max.messages": 2_000_000,
    })  # fmt: skip
    value = b"x" * size
    producer.produce(topic, value, partition=PARTITION)
    producer.flush()
    began = time.perf_counter()
    for _ in range(count):
        producer.produce(topic, value, partition=PARTITION)
    assert producer.flush(PATIENCE_S) == 0
    return {"requests_s": count / (time.perf_counter() - began)}


def one_by_one(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Produce a record when the one before is acknowledged."""
    producer = Producer({"bootstrap.servers": address, **QUIET, "linger.ms": 0, "acks": "all"})
    value = b"x" * size
    times = []
    for _ in range(count + WARM_UP):
        began = time.perf_counter()
        producer.produce(topic, value, partition=PARTITION)
        assert producer.flush(10) == 0
        times.append(time.perf_counter() - began)
    return _latency(times[WARM_UP:])  # the first ones find the broker


def end_to_end(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Produce a record when the one before was consumed."""
    producer = Producer({"bootstrap.servers": address, **QUIET, "linger.ms": 0, "acks": "all"})
    producer.produce(topic, b"first", partition=PARTITION)
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": address, **QUIET, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, PARTITION, 0)])
    assert consumer.poll(PATIENCE_S) is not None
    value = b"x" * size
    times = []
    for _ in range(count + WARM_UP):
        began = time.perf_counter()
        producer.produce(topic, value, partition=PARTITION)
        producer.poll(0)
        message = consumer.poll(PATIENCE_S)
        assert message is not None
        assert message.error() is None, message.error()
        times.append(time.perf_counter() - began)
    assert producer.flush(10) == 0
    consumer.close()
    return _latency(times[WARM_UP:])


def crowd(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Let 50 producers and 50 consumers work at once, a partition for each pair; the values say when they were sent."""
    pairs = 50
    _create(address, topic, pairs)
    producers = [Producer({"bootstrap.servers": address, **QUIET, "linger.ms": 5, "acks": "all"}) for _ in range(pairs)]
    consumers = [Consumer({"bootstrap.servers": address, **QUIET, "group.id": "bench", "enable.auto.commit": False,
                           "queued.min.messages": 1000}) for _ in range(pairs)]  # fmt: skip
    for partition, (producer, consumer) in enumerate(zip(producers, consumers, strict=True)):
        producer.produce(topic, CLOCK.pack(0.0), partition=partition)
        assert producer.flush(PATIENCE_S) == 0
        consumer.assign([TopicPartition(topic, partition, 0)])
        assert consumer.poll(PATIENCE_S) is not None
    each, times, began = count // pairs, [], time.perf_counter()
    padding = b"x" * (size - CLOCK.size)
    for _ in range(each):
        for partition, producer in enumerate(producers):
            producer.produce(topic, CLOCK.pack(time.perf_counter()) + padding, partition=partition)
        for consumer in consumers:
            times += _ages(consumer, 0)
    while len(times) < each * pairs:
        for consumer in consumers:
            times += _ages(consumer, 0.001)
        assert time.perf_counter() - began < PATIENCE_S, f"{len(times)} of {each * pairs} records came"
    took = time.perf_counter() - began
    for producer in producers:
        assert producer.flush(PATIENCE_S) == 0
    for consumer in consumers:
        consumer.close()
    return {"records_s": len(times) / took} | _latency(times)


def partitions(address: str, topic: str, count: int, size: int) -> dict[str, float]:
    """Create a topic of so many partitions, ask for it, and write to and read from each."""
    marks = [time.perf_counter()]
    _create(address, topic, count)
    marks.append(time.perf_counter())
    assert (
        len(
            AdminClient({"bootstrap.servers": address, **QUIET}).list_topics(topic, timeout=60).topics[topic].partitions
        )
        == count
    )
    marks.append(time.perf_counter())
    producer = Producer({"bootstrap.servers": address, **QUIET, "linger.ms": 5, "acks": "all"})
    for partition in range(count):
        producer.produce(topic, b"x" * size, partition=partition)
    assert producer.flush(PATIENCE_S) == 0
    marks.append(time.perf_counter())
    consumer = Consumer({"bootstrap.servers": address, **QUIET, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
    got = 0
    while got < count:
        got += len(consumer.consume(10_000, 1))
        assert time.perf_counter() - marks[-1] < PATIENCE_S, f"{got} records came"
    marks.append(time.perf_counter())
    consumer.close()
    names = ("create_s", "metadata_s", "produce_s", "consume_s")
    return {name: after - before for name, before, after in zip(names, marks, marks[1:], strict=False)}


def _create(address: str, topic: str, count: int) -> None:
    """Create a topic, and wait until all of its partitions have a leader."""
    admin = AdminClient({"bootstrap.servers": address, **QUIET})
    admin.create_topics([NewTopic(topic, count, 1)], operation_timeout=60, request_timeout=90)[topic].result()
    deadline = time.perf_counter() + PATIENCE_S
    while True:
        parts = admin.list_topics(topic, timeout=60).topics[topic].partitions
        if len(parts) == count and all(part.leader >= 0 for part in parts.values()):
            return
        assert time.perf_counter() < deadline, f"{topic} has no leaders"
        time.sleep(0.05)


def _ages(consumer: Consumer, timeout_s: float) -> list[float]:
    """Take what came, and say how long each record was on its way, in seconds."""
    messages = consumer.consume(1000, timeout_s)
    return [time.perf_counter() - CLOCK.unpack_from(message.value() or b"")[0] for message in messages]


def _latency(times: list[float]) -> dict[str, float]:
    times.sort()
    return {"p50_ms": times[len(times) // 2] * 1000, "p99_ms": times[len(times) * 99 // 100] * 1000}


KINDS: dict[str, Callable[[str, str, int, int], dict[str, float]]] = {
    "produce": produce,
    "consume": consume,
    "one_record_requests": one_record_requests,
    "one_by_one": one_by_one,
    "end_to_end": end_to_end,
    "crowd": crowd,
    "partitions": partitions,
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
