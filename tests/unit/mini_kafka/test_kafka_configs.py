"""Kafka's own names for the broker's settings."""

import pytest

from mini_kafka.bootstrap import kafka_settings
from mini_kafka.kafka_configs import KAFKA_NAMES
from mini_kafka.kafka_wire.config_answers import is_broker_config
from mini_kafka.settings import BrokerSettings
from mini_kafka_shared.settings import load


def settings(*argv: str, **environ: str) -> BrokerSettings:
    return load(BrokerSettings, argv, prog="mini-kafka", description="", environ=environ).settings


@pytest.mark.parametrize("name", KAFKA_NAMES.names)
def test_every_name_is_a_setting_and_a_config_of_kafka(name: str) -> None:
    assert KAFKA_NAMES.names[name].field in BrokerSettings.model_fields
    assert is_broker_config(name)


def test_a_setting_can_be_given_by_kafkas_name() -> None:
    assert settings("--config", "num.partitions=4").num_partitions == 4
    assert settings(KAFKA_NUM_PARTITIONS="4").num_partitions == 4
    assert settings(KAFKA_LOG_RETENTION_HOURS="1").log_retention_ms == 3_600_000
    assert settings(KAFKA_NUM_PARTITIONS="4", MINI_KAFKA_NUM_PARTITIONS="5").num_partitions == 5


def test_the_example_of_the_official_image_starts_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = settings(
        KAFKA_NODE_ID="1",
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_LISTENERS="PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        KAFKA_ADVERTISED_LISTENERS="PLAINTEXT://localhost:9092",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_NUM_PARTITIONS="3",
    )
    assert capsys.readouterr().err == ""
    assert [str(listener) for listener in chosen.listeners] == ["PLAINTEXT://localhost:9092"]
    assert [str(listener) for listener in chosen.advertised_listeners] == ["PLAINTEXT://localhost:9092"]


@pytest.mark.parametrize(("text", "port"), [("off", None), ("", None), ("0", 0), ("9092", 9092)])
def test_the_kafka_port_may_be_off(text: str, port: int | None) -> None:
    assert settings("--kafka-port", text).kafka_port == port


@pytest.mark.parametrize("text", ["PLAINTEXT://:9092", "PLAINTEXT://0.0.0.0:9092", "PLAINTEXT://host:0"])
def test_an_address_that_no_client_can_connect_to_is_not_advertised(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        settings("--advertised-listeners", text)
    assert "which no client can connect to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "address"), [("9093", "127.0.0.1:9093"), ("0.0.0.0:9093", "0.0.0.0:9093"), ("host:1", "host:1")]
)
def test_a_published_address_is_what_a_compose_file_has_in_front_of_the_port(text: str, address: str) -> None:
    assert settings("--published-kafka", text).published_kafka == address


def test_clients_are_shown_the_settings_under_kafkas_names() -> None:
    shown = kafka_settings(settings("--config", "num.partitions=4"))
    assert shown["num.partitions"][:2] == ("4", True)
    assert shown["node.id"][:2] == ("1", True)  # Kafka has no default for it
    assert shown["auto.create.topics.enable"][:2] == ("true", False)
