"""Metadata by hand is Metadata as kio has it, both ways, in every version."""

import random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.serial import entity_reader

from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.kio_codec import message_type
from mini_kafka.kafka_wire.messages.metadata import (
    FLEXIBLE_FROM,
    TopicMetadata,
    read_request,
    write_response,
    write_topics,
)
from mini_kafka.kafka_wire.primitives import NO_ID
from mini_kafka.listening import Address
from tests.support.kafka import NAMES, body_of
from tests.support.kafka_messages import random_message

METADATA = NAMES["Metadata"]
VERSIONS = range(METADATA.highest + 1)
TOPICS = st.lists(
    st.builds(
        TopicMetadata,
        name=st.text(max_size=300),
        topic_id=st.uuids() | st.just(NO_ID),
        partitions=st.integers(0, 5) | st.just(130),
        error=st.sampled_from(ErrorCode),
        is_internal=st.booleans(),
        operations=st.integers(-(2**31), 2**31 - 1),
    ),
    max_size=4,
)


def asked(message: Any, version: int) -> list[tuple[str | None, UUID]] | None:
    if message.topics is None or (version == 0 and not message.topics):
        return None
    return [(topic.name, getattr(topic, "topic_id", None) or NO_ID) for topic in message.topics]


@pytest.mark.parametrize("version", VERSIONS)
@given(st.integers())
def test_a_request_of_kio_is_read_as_it_was_meant(version: int, seed: int) -> None:
    message = random_message(METADATA, version, "Request", random.Random(seed))
    request = read_request(memoryview(body_of(message)), version)
    assert request.topics == asked(message, version)
    assert request.allow_auto_topic_creation is getattr(message, "allow_auto_topic_creation", True)
    assert request.include_cluster_operations is getattr(message, "include_cluster_authorized_operations", False)
    assert request.include_topic_operations is getattr(message, "include_topic_authorized_operations", False)


@pytest.mark.parametrize("version", VERSIONS)
@given(st.integers())
def test_every_truncation_of_a_request_is_refused(version: int, seed: int) -> None:
    body = memoryview(body_of(random_message(METADATA, version, "Request", random.Random(seed))))
    for end in range(len(body)):
        with pytest.raises(WireError):
            read_request(body[:end], version)


@pytest.mark.parametrize("version", VERSIONS)
@given(
    topics=TOPICS,
    nodes=st.lists(st.tuples(st.integers(0, 2**31 - 1), st.text(max_size=20), st.integers(0, 65535)), max_size=2),
    cluster_id=st.none() | st.text(max_size=30),
    controller=st.integers(-1, 2**31 - 1),
    operations=st.integers(-(2**31), 2**31 - 1),
    error=st.sampled_from(ErrorCode),
)
def test_a_response_is_read_by_kio_as_it_was_meant(
    version: int, topics: list[TopicMetadata], nodes: list[tuple[int, str, int]], cluster_id: str | None,
    controller: int, operations: int, error: ErrorCode,
) -> None:  # fmt: skip
    written = write_response(
        version,
        write_topics(version, topics, controller),
        brokers=[(number, Address(host, port)) for number, host, port in nodes],
        cluster_id=cluster_id,
        controller_id=controller,
        cluster_operations=operations,
        error=error,
    )
    answer, size = entity_reader(message_type("Metadata", version, "Response"))(written, 0)
    assert size == len(written)
    assert [(broker.node_id, broker.host, broker.port) for broker in answer.brokers] == nodes
    assert getattr(answer, "cluster_id", cluster_id) == cluster_id
    assert getattr(answer, "controller_id", controller) == controller
    assert getattr(answer, "cluster_authorized_operations", operations) == operations
    assert getattr(answer, "error_code", error) == error
    assert len(answer.topics) == len(topics)
    for got, topic in zip(answer.topics, topics, strict=True):
        assert (got.error_code, got.name) == (topic.error, topic.name)
        assert (getattr(got, "topic_id", topic.topic_id) or NO_ID) == topic.topic_id
        assert getattr(got, "is_internal", topic.is_internal) is topic.is_internal
        assert getattr(got, "topic_authorized_operations", topic.operations) == topic.operations
        assert [partition.partition_index for partition in got.partitions] == list(range(topic.partitions))
        for partition in got.partitions:
            assert (partition.error_code, partition.leader_id) == (0, controller)
            assert (partition.replica_nodes, partition.isr_nodes) == ((controller,), (controller,))
            assert (getattr(partition, "leader_epoch", 0), getattr(partition, "offline_replicas", ())) == (0, ())


def test_the_registry_knows_the_same_first_flexible_version() -> None:
    assert METADATA.flexible_from == FLEXIBLE_FROM
