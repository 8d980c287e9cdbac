"""What groups have committed, by librdkafka's C interface; `librdkafka` itself stands in for the cluster."""

import ctypes
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from mini_kafka.engine.kafka_cluster.cluster_errors import STOPPING
from mini_kafka.engine.kafka_cluster.committed_offsets import CommittedOffsets, _Partition, _Partitions, read_answer

MOCK = {"group.id": "reader", "test.mock.num.brokers": 1}
TIMEOUT_S = 20.0


def test_a_setting_that_librdkafka_does_not_know_is_refused() -> None:
    with pytest.raises(KafkaException, match="No such"):
        CommittedOffsets({"group.id": "reader", "no.such.setting": "1"})


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(KafkaException):
        CommittedOffsets({"group.id": "reader", "session.timeout.ms": 60_000, "max.poll.interval.ms": 1000})


def test_a_group_that_nobody_knows_has_committed_nothing() -> None:
    offsets = CommittedOffsets(MOCK)

    assert offsets.ask("nobody", TIMEOUT_S).result(TIMEOUT_S) == []
    offsets.close()


def test_who_asks_a_cluster_that_is_away_hears_of_it() -> None:
    offsets = CommittedOffsets({"group.id": "reader", "bootstrap.servers": "127.0.0.1:1"})

    error = offsets.ask("g", 0.1).exception(TIMEOUT_S)

    assert isinstance(error, KafkaException)
    assert error.args[0].code() == KafkaError._TIMED_OUT
    offsets.close()


def test_who_waits_when_it_ends_and_who_asks_after_that_hears_of_it() -> None:
    offsets = CommittedOffsets({"group.id": "reader", "bootstrap.servers": "127.0.0.1:1"})
    waiting = offsets.ask("g", TIMEOUT_S)

    offsets.close()

    for future in (waiting, offsets.ask("g", TIMEOUT_S)):
        error = future.exception(TIMEOUT_S)
        assert isinstance(error, KafkaException)
        assert error.args[0].code() == STOPPING


def answer(*errors: int) -> "dict[str, Any]":
    """Stand in for librdkafka's functions, with an answer about one partition for each error."""
    elements = (_Partition * len(errors))(
        *(_Partition(topic=b"t", partition=number, offset=7, err=error) for number, error in enumerate(errors))
    )
    partitions = ctypes.pointer(_Partitions(len(errors), len(errors), elements))
    return {
        "event_error": lambda _: 0,
        "event_ListConsumerGroupOffsets_result": lambda _: 1,
        "ListConsumerGroupOffsets_result_groups": lambda *_: [1],
        "group_result_error": lambda _: None,
        "group_result_partitions": lambda _: partitions,
    }


def test_a_partition_whose_offset_cannot_be_told_is_an_error_and_not_one_without_an_offset() -> None:
    assert [one.offset for one in read_answer(answer(0, 0), 1)] == [7, 7]
    with pytest.raises(KafkaException) as raised:
        read_answer(answer(0, KafkaError.UNSTABLE_OFFSET_COMMIT), 1)
    assert raised.value.args[0].code() == KafkaError.UNSTABLE_OFFSET_COMMIT
