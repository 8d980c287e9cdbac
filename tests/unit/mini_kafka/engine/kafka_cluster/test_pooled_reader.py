"""A consumer of the pool reads what an order says, keeps what is too much, and knows where it stands."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from mini_kafka.core.errors import ClusterUnavailable, OffsetOutOfRange
from mini_kafka.core.record_batch import Record, UnreadableRecord
from mini_kafka.engine.kafka_cluster.cluster_errors import AUTO_OFFSET_RESET
from mini_kafka.engine.kafka_cluster.pooled_reader import PooledReader
from mini_kafka.engine.port import ReadRecord
from tests.unit.mini_kafka.engine.kafka_cluster.conftest import ListConsumer, message, order


class Misnamed(Message):
    """Has a header whose name is not UTF-8, as only other clients can send one."""

    def headers(self) -> Any:
        b"\xff".decode()


def places(records: list[ReadRecord]) -> list[tuple[int, int]]:
    return [(read.partition, read.record.offset) for read in records]


def test_all_partitions_are_read_to_their_ends_in_the_order_of_time(consumer: ListConsumer) -> None:
    records, following = PooledReader(consumer).read(order({0: 0, 1: 3}, {0: 5, 1: 5}))
    assert places(records) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (0, 4), (1, 4)]
    assert following == {0: 5, 1: 5}


def test_at_the_end_the_consumer_lets_go(consumer: ListConsumer) -> None:
    reader = PooledReader(consumer)
    reader.read(order({0: 0}, {0: 5}))
    assert consumer.unassigned == 1
    assert not reader.goes_on_at(order({0: 5}, {0: 6}))


def test_an_order_that_goes_on_where_the_last_one_ended_needs_no_new_assignment(consumer: ListConsumer) -> None:
    reader = PooledReader(consumer)
    found, following = [], {0: 0}
    for _ in range(3):
        records, following = reader.read(order(following, {0: 5}, max_records=2))
        found += places(records)
    assert found == [(0, offset) for offset in range(5)]
    assert consumer.assignments == [[(0, 0)]]


def test_another_place_or_another_life_of_the_topic_is_a_new_assignment(consumer: ListConsumer) -> None:
    reader = PooledReader(consumer)
    reader.read(order({0: 0}, {0: 5}, max_records=2))
    assert reader.goes_on_at(order({0: 2}, {0: 5}))
    assert not reader.goes_on_at(order({0: 2, 1: 0}, {0: 5, 1: 5}))
    records, _ = reader.read(order({0: 1}, {0: 5}, max_records=1))
    assert places(records) == [(0, 1)]
    assert consumer.assignments == [[(0, 0)], [(0, 1)]]


def test_what_does_not_fit_into_the_bytes_is_read_by_the_next_order(consumer: ListConsumer) -> None:
    consumer.logs[0] = [message(0, offset, b"x" * 60) for offset in range(3)]
    reader = PooledReader(consumer)
    first, following = reader.read(order({0: 0}, {0: 3}, max_bytes=100))
    second, following = reader.read(order(following, {0: 3}, max_bytes=10))  # at least one is read, however large
    assert (places(first), places(second), following) == ([(0, 0)], [(0, 1)], {0: 2})


def test_headers_count_as_bytes_too(consumer: ListConsumer) -> None:
    consumer.logs[0] = [message(0, offset, headers=[("h", b"x" * 60), ("none", None)]) for offset in range(3)]
    records, following = PooledReader(consumer).read(order({0: 0}, {0: 3}, max_bytes=100))
    assert (places(records), following) == ([(0, 0)], {0: 1})


def test_holes_at_the_end_are_passed_without_a_record(consumer: ListConsumer) -> None:
    consumer.logs[0] = []
    consumer.assign = lambda partitions: consumer._queue.append(message(0, 4, error=KafkaError._PARTITION_EOF))  # type: ignore[method-assign]
    assert PooledReader(consumer).read(order({0: 2}, {0: 4})) == ([], {0: 4})


def test_records_that_are_known_and_do_not_come_are_an_error_in_time(consumer: ListConsumer) -> None:
    consumer.logs[0] = []
    consumer.assign = lambda partitions: None  # type: ignore[method-assign]
    with pytest.raises(ClusterUnavailable, match="none came in time"):
        PooledReader(consumer).read(order({0: 0}, {0: 1}, timeout_s=0.01))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(AUTO_OFFSET_RESET, OffsetOutOfRange), (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaException)],
)
def test_after_an_error_the_consumer_stands_nowhere(consumer: ListConsumer, code: int, kind: type[Exception]) -> None:
    consumer.logs[0] = [message(0, 0, error=code)]
    reader = PooledReader(consumer)
    with pytest.raises(kind):
        reader.read(order({0: 0}, {0: 5}))
    assert consumer.unassigned == 1
    assert not reader.goes_on_at(order({0: 0}, {0: 5}))


def test_a_node_that_is_away_for_a_moment_is_no_error(consumer: ListConsumer) -> None:
    consumer.logs[0].insert(0, message(0, 0, error=KafkaError._TRANSPORT))
    records, _ = PooledReader(consumer).read(order({0: 0}, {0: 5}))
    assert len(records) == 5


def test_a_record_that_cannot_be_read_stops_none_beside_it(consumer: ListConsumer) -> None:
    consumer.logs[0][1] = Misnamed(topic="t", partition=0, offset=1, timestamp=(1, 1001))
    records, following = PooledReader(consumer).read(order({0: 0}, {0: 3}))
    assert places(records) == [(0, 0), (0, 1), (0, 2)]
    assert [type(read.record) for read in records] == [Record, UnreadableRecord, Record]
    assert following == {0: 3}
