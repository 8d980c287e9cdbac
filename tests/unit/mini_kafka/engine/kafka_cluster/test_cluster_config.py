"""What librdkafka is told: each record once and by all, nothing committed by itself, and the secret to nobody else."""

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from mini_kafka.engine.kafka_cluster.cluster_config import (
    ClusterConfig,
    Security,
    admin_config,
    client_config,
    producer_config,
    reader_config,
)

CONFIG = ClusterConfig(("a:1", "b:2"), Security({"sasl.password": "hunter2", "security.protocol": "SASL_SSL"}))


def test_every_client_knows_the_nodes_and_how_to_log_in() -> None:
    for told in (client_config(CONFIG), producer_config(CONFIG), reader_config(CONFIG)):
        assert told["bootstrap.servers"] == "a:1,b:2"
        assert told["sasl.password"] == "hunter2"


def test_a_config_that_is_shown_hides_the_secret() -> None:
    assert "hunter2" not in repr(CONFIG)
    assert "hunter2" not in str(CONFIG.security)


def test_a_producer_waits_for_all_replicas_and_never_goes_on_without_a_record() -> None:
    told = producer_config(ClusterConfig(("a:1",), timeout_ms=3000))
    assert told["enable.idempotence"] is True
    assert told["acks"] == "all"
    assert told["message.timeout.ms"] == 0  # librdkafka's word for no limit


def test_a_reader_commits_nothing_and_sees_only_what_was_committed() -> None:
    told = reader_config(CONFIG)
    assert told["enable.auto.commit"] is False
    assert told["isolation.level"] == "read_committed"
    assert told["auto.offset.reset"] == "error"


@pytest.mark.parametrize("timeout_ms", [1000, 3_600_000])
def test_librdkafka_takes_the_shortest_and_the_longest_time_of_a_call(timeout_ms: int) -> None:
    config = ClusterConfig(("127.0.0.1:1",), timeout_ms=timeout_ms)
    Producer(producer_config(config))
    AdminClient(admin_config(config))
    Consumer(reader_config(config)).close()
