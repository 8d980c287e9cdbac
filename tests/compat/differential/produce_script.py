"""Every refusal that a client can cause in Produce, and the answers to an idempotent producer."""

import time
from collections.abc import Iterator
from typing import Any

from tests.compat.differential.script import CLOSED, Broker, Step, only
from tests.support.client_batches import GZIP, LZ4, SNAPPY, ZSTD, client_batch, with_broken_crc

HOUR_MS = 3_600_000


def produce(broker: Broker, topic: str, records: bytes, *, version: int = 9, acks: int = -1, partition: int = 0) -> Any:
    """Send records for one partition, and give that partition's answer."""
    answer = broker.ask(
        "produce", version, transactional_id=None, acks=acks, timeout=1000,
        topic_data=[{
            "name": topic, "topic_id": broker.id_of(topic),
            "partition_data": [{"index": partition, "records": records}],
        }],
    )  # fmt: skip
    return CLOSED if answer == CLOSED else only(answer, "responses", "partition_responses")


def batches(broker: Broker) -> Iterator[Step]:
    """Send batches that are right, and wrong in each way."""
    topic = broker.topic("batches")
    batch = client_batch()
    for version in range(3, 14):
        yield f"version {version}", produce(broker, topic, batch, version=version)
    for codec in (GZIP, SNAPPY, LZ4, ZSTD):
        yield f"codec {codec}", produce(broker, topic, client_batch(codec=codec))
    yield "zstd in version 6", produce(broker, topic, client_batch(codec=ZSTD), version=6)
    yield "zstd in version 7", produce(broker, topic, client_batch(codec=ZSTD), version=7)
    wrong: dict[str, bytes] = {
        "nothing": b"",
        "two batches": batch + batch,
        "a cut batch": batch[:-1],
        "a cut header": batch[:40],
        "sixteen bytes": batch[:16],
        "five bytes": b"12345",
        "a broken CRC": with_broken_crc(batch),
        "a few bytes behind the batch": batch + b"xyz",
        "zeros behind the batch": batch + bytes(20),
    }
    for number in (-1, 0, 1, 3):
        wrong[f"magic {number}"] = client_batch(magic=number)
    for length in (-1, 0, 10, 48, 1_000_000):
        wrong[f"length {length}"] = client_batch(length=length)
    wrong |= {
        "base offset 5": client_batch(base_offset=5),
        "base offset -1": client_batch(base_offset=-1),
        "leader epoch 7": client_batch(leader_epoch=7),
        "no records": client_batch(record_count=0, last_offset_delta=-1),
        "count 0": client_batch(record_count=0),
        "count -1": client_batch(record_count=-1),
        "count 2": client_batch(record_count=2),
        "last offset delta 1": client_batch(last_offset_delta=1),
        "last offset delta -1": client_batch(last_offset_delta=-1),
        "a control batch": client_batch(attributes=0x20),
        "a transactional batch": client_batch(transactional=True, producer=(9000, 0, 0)),
        "unused attribute bits": client_batch(attributes=0x180),
        "an unknown codec": client_batch(attributes=5),
        "a producer without a sequence": client_batch(producer=(5, 0, -1)),
    }
    for name, records in wrong.items():
        yield name, produce(broker, topic, records)


def topics(broker: Broker) -> Iterator[Step]:
    """Send to topics and partitions that are not there, or take less, and with odd acks."""
    topic = broker.topic("topics", 2)
    batch = client_batch()
    yield "an unknown topic", produce(broker, "is-not-there", batch)
    yield "an impossible topic", produce(broker, "a b", batch)
    yield "an unknown id", produce(broker, "is-not-there", batch, version=13)
    yield "partition 7", produce(broker, topic, batch, partition=7)
    yield "partition -1", produce(broker, topic, batch, partition=-1)
    for acks in (1, 2, -2):
        yield f"acks {acks}", produce(broker, topic, batch, acks=acks)
    small = broker.topic("small", max_message_bytes="200")
    yield "200 bytes", produce(broker, small, client_batch(b"x" * 130))
    yield "too large", produce(broker, small, client_batch(b"x" * 300))
    yield "too large and broken", produce(broker, small, with_broken_crc(client_batch(b"x" * 300)))
    compacted = broker.topic("compacted", cleanup_policy="compact")
    yield "a key", produce(broker, compacted, client_batch(keys=[b"k"]))
    yield "no key", produce(broker, compacted, client_batch())
    yield "two of three without keys", produce(broker, compacted, client_batch(b"a", b"b", b"c", keys=[b"k"]))
    yield "the same in gzip", produce(broker, compacted, client_batch(b"a", b"b", b"c", keys=[b"k"], codec=GZIP))
    yield "the same in version 7", produce(broker, compacted, client_batch(b"a", b"b", b"c", keys=[b"k"]), version=7)


def times(broker: Broker) -> Iterator[Step]:
    """Send records of all ages."""
    now_ms = int(time.time() * 1000)
    topic = broker.topic("times")
    yield "two hours ahead", produce(broker, topic, client_batch(timestamp_ms=now_ms + 2 * HOUR_MS))
    yield "half an hour ahead", produce(broker, topic, client_batch(timestamp_ms=now_ms + HOUR_MS // 2))
    yield "of 1970", produce(broker, topic, client_batch(timestamp_ms=0))
    yield "without a time", produce(broker, topic, client_batch(timestamp_ms=-1))
    yield "before 1970", produce(broker, topic, client_batch(timestamp_ms=-5))
    yield "says LogAppendTime", produce(broker, topic, client_batch(attributes=8))
    yield (
        "a header that lies about the future",
        produce(broker, topic, client_batch(max_timestamp=now_ms + 2 * HOUR_MS)),
    )
    strict = broker.topic("strict", message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="1000")
    yield "an hour old", produce(broker, strict, client_batch(timestamp_ms=now_ms - HOUR_MS))
    yield "an hour ahead", produce(broker, strict, client_batch(timestamp_ms=now_ms + HOUR_MS))
    stamped = broker.topic("stamped", message_timestamp_type="LogAppendTime")
    yield "stamped", produce(broker, stamped, client_batch())
    yield "stamped although far ahead", produce(broker, stamped, client_batch(timestamp_ms=now_ms + 9 * HOUR_MS))
    yield "says LogAppendTime where it is", produce(broker, stamped, client_batch(attributes=8))


def idempotence(broker: Broker) -> Iterator[Step]:
    """Repeat, skip, fence and wrap around."""
    topic = broker.topic("idempotence")
    producer_id = new_producer_id(broker)

    def send(sequence: int, *values: bytes, epoch: int = 0, producer: int = producer_id) -> Any:
        return produce(broker, topic, client_batch(*values or (b"v",), producer=(producer, epoch, sequence)))

    for sequence in range(7):
        yield f"sequence {sequence}", send(sequence)
    for sequence in range(8):
        yield f"again {sequence}", send(sequence)
    yield "a gap", send(20)
    yield "a repeat with more records", send(6, b"a", b"b")
    yield "an older epoch", send(8, epoch=-1)
    yield "a newer epoch in its middle", send(3, epoch=2)
    yield "a newer epoch", send(0, epoch=2)
    yield "the epoch between", send(8, epoch=1)
    yield "a repeat of an older epoch", send(6, epoch=0)
    yield "two records", send(1, b"a", b"b", epoch=2)
    yield "two records again", send(1, b"a", b"b", epoch=2)
    yield "the first of them again", send(1, b"a", epoch=2)
    yield "the second of them again", send(2, b"b", epoch=2)
    yield "a stranger in its middle", send(77, epoch=3, producer=123_456)
    yield "the stranger's next", send(78, epoch=3, producer=123_456)
    yield "up to the last sequence and around", send(2**31 - 2, b"1", b"2", b"3", producer=777)
    yield "the one after", send(1, producer=777)
    stamped = broker.topic("stamped", message_timestamp_type="LogAppendTime")
    for name in ("stamped", "stamped again"):
        yield name, produce(broker, stamped, client_batch(producer=(888, 0, 0)))
    asked = [{"name": topic, "partition_indexes": [0]}]
    producers = only(broker.ask("describe_producers", 0, topics=asked), "topics", "partitions")["active_producers"]
    states = [{key: it[key] for key in it if key != "producer_id"} for it in producers]
    yield "producers", sorted(states, key=lambda it: (it["producer_epoch"], it["last_sequence"]))


def producer_ids(broker: Broker) -> Iterator[Step]:
    """Ask for producer ids, and for what is none."""
    new_producer_id(broker)
    for version in range(6):
        yield f"version {version}", init_producer_id(broker, version=version)
    yield "an id and its epoch", init_producer_id(broker, producer_id=5, producer_epoch=0)
    yield "an id without an epoch", init_producer_id(broker, producer_id=5)
    yield "an epoch without an id", init_producer_id(broker, producer_epoch=3)
    yield "an empty transactional id", init_producer_id(broker, transactional_id="")


def init_producer_id(broker: Broker, version: int = 4, **fields: Any) -> Any:
    """Ask for an id; the fields that are not given say nothing."""
    said = {"transactional_id": None, "transaction_timeout": 60_000, "producer_id": -1, "producer_epoch": -1} | fields
    return broker.ask("init_producer_id", version, **said)


def new_producer_id(broker: Broker) -> int:
    """Get an id; Kafka needs a moment for its first one."""
    while True:
        answer = broker.ask_exactly(
            "init_producer_id", 4, transactional_id=None, transaction_timeout=60_000, producer_id=-1, producer_epoch=-1
        )
        if answer["error_code"] == "none":
            return int(answer["producer_id"])


SCRIPTS = {
    "produce batches": batches,
    "produce topics": topics,
    "produce times": times,
    "produce idempotence": idempotence,
    "producer ids": producer_ids,
}
