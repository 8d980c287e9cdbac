"""Offsets looked up by time, records deleted, epochs, and the thin APIs around the log."""

from collections.abc import Iterator
from typing import Any

from tests.compat.differential.produce_script import produce
from tests.compat.differential.script import Broker, Step, only
from tests.support.client_batches import GZIP, client_batch


def list_offsets(broker: Broker, topic: str, at: int, *, version: int = 9, partition: int = 0, **fields: int) -> Any:
    """Look one offset up."""
    asked = {"partition_index": partition, "timestamp": at, "current_leader_epoch": fields.pop("leader_epoch", -1)}
    repeat = fields.pop("times", 1)
    answer = broker.ask(
        "list_offsets", version, **({"replica_id": -1, "isolation_level": 0, "timeout": 1000} | fields),
        topics=[{"name": topic, "partitions": [asked] * repeat}],
    )  # fmt: skip
    [topic_answer] = answer["topics"]
    return topic_answer["partitions"]


def delete_records(broker: Broker, topic: str, offset: int, partition: int = 0, version: int = 2) -> Any:
    """Delete the records below an offset."""
    asked = [{"name": topic, "partitions": [{"partition_index": partition, "offset": offset}]}]
    return only(broker.ask("delete_records", version, timeout=1000, topics=asked), "topics", "partitions")


def end_of_epoch(
    broker: Broker, topic: str, epoch: int, *, version: int = 4, partition: int = 0, known: int = -1
) -> Any:
    """Ask where an epoch ends."""
    asked = {"partition": partition, "current_leader_epoch": known, "leader_epoch": epoch}
    answer = broker.ask(
        "offset_for_leader_epoch", version, replica_id=-1, topics=[{"topic": topic, "partitions": [asked]}]
    )
    return only(answer, "topics", "partitions")


def by_time(broker: Broker) -> Iterator[Step]:
    """Look offsets up in every way, before and after a part of them is deleted."""
    topic = broker.topic("by-time", 2)
    for number in range(3):
        produce(broker, topic, client_batch(b"%d" % number, timestamp_ms=1000 + number))
    produce(broker, topic, client_batch(b"a", b"b", b"c", timestamp_ms=5000))
    produce(broker, topic, client_batch(b"late", timestamp_ms=2000))
    produce(broker, topic, client_batch(b"a", b"b", b"c", timestamp_ms=6000, codec=GZIP))
    for version in range(1, 12):
        for at in (-1, -2, -3, -4, -5, -6, -7, 1001):
            yield f"{at} in version {version}", list_offsets(broker, topic, at, version=version)
    for at in (0, 1003, 2000, 5000, 5500, 6001):
        yield f"at {at}", list_offsets(broker, topic, at)
    for at in (-1, -2, -3, 5):
        yield f"{at} of an empty partition", list_offsets(broker, topic, at, partition=1)
    yield "an unknown topic", list_offsets(broker, "is-not-there", -1)
    yield "partition 9", list_offsets(broker, topic, -1, partition=9)
    yield "leader epoch 0", list_offsets(broker, topic, -1, leader_epoch=0)
    yield "leader epoch 1", list_offsets(broker, topic, -1, leader_epoch=1)
    yield "read committed", list_offsets(broker, topic, -1, isolation_level=1)
    yield "twice", list_offsets(broker, topic, -1, times=2)
    yield "a replica", list_offsets(broker, topic, -1, replica_id=5)
    for offset in (100, -2, 4, 2):
        yield f"delete before {offset}", delete_records(broker, topic, offset)
    for at in (-2, 0, 5000, -3):
        yield f"{at} after that", list_offsets(broker, topic, at)
    yield "delete all", delete_records(broker, topic, -1)
    for at in (-1, -2, 0):
        yield f"{at} after all", list_offsets(broker, topic, at)
    yield "delete from an unknown topic", delete_records(broker, "is-not-there", 0)
    yield "delete from partition 9", delete_records(broker, topic, 0, partition=9)
    compacted = broker.topic("only-compacted", cleanup_policy="compact")
    yield "delete from a compacted topic", delete_records(broker, compacted, 0)
    uncleaned = broker.topic("never-cleaned", cleanup_policy="")
    yield "delete from a topic that is never cleaned", delete_records(broker, uncleaned, 0)
    for version in range(3):
        yield f"delete in version {version}", delete_records(broker, topic, 0, version=version)


def epochs(broker: Broker) -> Iterator[Step]:
    """Ask for the ends of epochs that were and were not."""
    topic = broker.topic("epochs", 2)
    produce(broker, topic, client_batch(b"a", b"b"))
    for version in (2, 3, 4):
        yield f"version {version}", end_of_epoch(broker, topic, 0, version=version)
    for epoch in (1, -1):
        yield f"epoch {epoch}", end_of_epoch(broker, topic, epoch)
    for known in (0, 1):
        yield f"known leader epoch {known}", end_of_epoch(broker, topic, 0, known=known)
    yield "an empty partition", end_of_epoch(broker, topic, 0, partition=1)
    yield "partition 9", end_of_epoch(broker, topic, 0, partition=9)
    yield "an unknown topic", end_of_epoch(broker, "is-not-there", 0)


def around(broker: Broker) -> Iterator[Step]:
    """Ask the thin APIs around the log."""
    topic = broker.topic("around")
    produce(broker, topic, client_batch(producer=(4242, 1, 0)))
    for name, partition in ((topic, 0), (topic, 9), ("is-not-there", 0)):
        asked = [{"name": name, "partition_indexes": [partition]}]
        yield (
            f"producers of partition {partition} of {name.split('-')[0]}",
            broker.ask("describe_producers", 0, topics=asked),
        )
    for version in range(1, 6):
        asked = [{"topic": topic, "partitions": [0, 7]}, {"topic": "is-not-there", "partitions": [0]}]
        yield f"log directories in version {version}", broker.ask("describe_log_dirs", version, topics=asked)
    for version in range(3):
        asked = [{"topic": topic, "partitions": [0, 9]}, {"topic": "is-not-there", "partitions": [0]}]
        yield (
            f"elections in version {version}",
            broker.ask("elect_leaders", version, election_type=0, topic_partitions=asked, timeout=1000),
        )
    yield "reassignments", broker.ask("list_partition_reassignments", 0, topics=None, timeout=1000)
    for name in ("__cluster_metadata", topic):
        for version in range(3):
            asked = [{"topic_name": name, "partitions": [{"partition_index": 0}]}]
            answer = broker.ask("describe_quorum", version, topics=asked)
            yield (
                f"quorum of {name.split('-')[0]} in version {version}",
                {key: answer[key] for key in answer if key != "nodes"},
            )
    yield "client metrics", broker.ask("list_config_resources", 0)
    for kind in (4, 8, 16, 32, 99):
        yield f"resources of type {kind}", broker.ask("list_config_resources", 1, resource_types=[kind])


SCRIPTS = {"offsets by time": by_time, "offsets of epochs": epochs, "around the log": around}
