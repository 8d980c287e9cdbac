"""Metadata (3), versions 0 to 13, by hand: clients ask again and again, and kio needs 54 ms for 5,000 partitions.

Partitions look alike but for their number: one leader, one replica, epoch 0. So those of one topic are written once
for all topics with as many.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.primitives import INT16, INT32, MAX_ELEMENTS, NO_ID, NO_TAGS, Reader, array_length, string
from mini_kafka.listening import Address

FLEXIBLE_FROM = 9
NOT_ASKED = -(2**31)
"""The authorized operations where nobody asked for them (KIP-430)."""


class WantedTopic(NamedTuple):
    """A topic that a client asks for, by its name or by its id."""

    name: str | None
    topic_id: UUID = NO_ID


@dataclass(frozen=True, slots=True)
class MetadataRequest:
    """What a client wants to know; `topics` is None for all topics."""

    topics: Sequence[WantedTopic] | None
    allow_auto_topic_creation: bool = True
    include_cluster_operations: bool = False
    include_topic_operations: bool = False


class TopicMetadata(NamedTuple):
    """One topic of the answer."""

    name: str | None
    topic_id: UUID = NO_ID
    partitions: int = 0
    error: ErrorCode = ErrorCode.NONE
    is_internal: bool = False
    operations: int = NOT_ASKED


def read_request(
    body: memoryview, version: int, max_elements: int = MAX_ELEMENTS, at_once: int = sys.maxsize
) -> MetadataRequest:
    """Read a request.

    Raises:
        WireError: it is none of this version.
        TooMuchAtOnce: it names more than `at_once` topics.
    """
    reader, flexible = Reader(body, max_elements=max_elements, at_once=at_once), version >= FLEXIBLE_FROM

    def topic() -> WantedTopic:
        topic_id = reader.uuid() if version >= 10 else NO_ID
        name = reader.nullable_string(flexible=flexible) if version >= 10 else reader.string(flexible=flexible)
        if flexible:
            reader.skip_tags()
        return WantedTopic(name, topic_id)

    topics = reader.array(topic, flexible=flexible)
    if version == 0 and not topics:
        topics = None
    allow = reader.boolean() if version >= 4 else True
    cluster_operations = reader.boolean() if 8 <= version <= 10 else False
    topic_operations = reader.boolean() if version >= 8 else False
    if flexible:
        reader.skip_tags()
    return MetadataRequest(topics, allow, cluster_operations, topic_operations)


def write_topics(version: int, topics: Iterable[TopicMetadata], leader: int) -> bytes:
    """Write the topics of a response; `leader` is the number of the one broker that there is."""
    flexible = version >= FLEXIBLE_FROM
    written = [_topic(topic, version, leader, flexible=flexible) for topic in topics]
    return array_length(len(written), flexible=flexible) + b"".join(written)


def write_response(
    version: int,
    topics: bytes,
    *,
    brokers: Sequence[tuple[int, Address]],
    cluster_id: str | None,
    controller_id: int,
    cluster_operations: int = NOT_ASKED,
    error: ErrorCode = ErrorCode.NONE,
) -> bytes:
    """Write a response around its topics."""
    flexible = version >= FLEXIBLE_FROM
    parts = [INT32.pack(0) if version >= 3 else b"", array_length(len(brokers), flexible=flexible)]
    for node_id, address in brokers:
        parts += INT32.pack(node_id), string(address.host, flexible=flexible), INT32.pack(address.port)
        parts.append(string(None, flexible=flexible) if version >= 1 else b"")  # rack
        parts.append(NO_TAGS if flexible else b"")
    parts.append(string(cluster_id, flexible=flexible) if version >= 2 else b"")
    parts.append(INT32.pack(controller_id) if version >= 1 else b"")
    parts.append(topics)
    parts.append(INT32.pack(cluster_operations) if 8 <= version <= 10 else b"")
    parts.append(INT16.pack(error) if version >= 13 else b"")
    parts.append(NO_TAGS if flexible else b"")
    return b"".join(parts)


def _topic(topic: TopicMetadata, version: int, leader: int, *, flexible: bool) -> bytes:
    name = topic.name if version >= 12 else topic.name or ""
    before = INT16.pack(topic.error) + string(name, flexible=flexible)
    if version >= 10:
        before += topic.topic_id.bytes
    if version >= 1:
        before += b"\1" if topic.is_internal else b"\0"
    return before + _partitions_to_end(topic.partitions, version, leader, topic.operations)


@lru_cache(maxsize=32)
def _partitions_to_end(count: int, version: int, leader: int, operations: int) -> bytes:
    flexible = version >= FLEXIBLE_FROM
    one = array_length(1, flexible=flexible) + INT32.pack(leader)
    no_error = INT16.pack(ErrorCode.NONE)
    rest = INT32.pack(leader)
    rest += INT32.pack(0) if version >= 7 else b""  # leader_epoch
    rest += one + one  # replica_nodes, isr_nodes
    rest += array_length(0, flexible=flexible) if version >= 5 else b""  # offline_replicas
    rest += NO_TAGS if flexible else b""
    partitions = b"".join(no_error + INT32.pack(number) + rest for number in range(count))
    end = (INT32.pack(operations) if version >= 8 else b"") + (NO_TAGS if flexible else b"")
    return array_length(count, flexible=flexible) + partitions + end
