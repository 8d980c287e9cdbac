"""What librdkafka says of a connection leads to a setting, and looks the same with every try."""

import logging

import pytest

from mini_kafka.engine.kafka_cluster.connection import RareRepeats
from mini_kafka.engine.kafka_cluster.trouble import explained

NODE = "sasl_ssl://kafka:9093/bootstrap: "


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        ("SSL handshake failed: error:0A000086:SSL routines::certificate verify failed", "MINI_KAFKA_SSL_CA_FILE"),
        ("Receive failed: ssl/tls alert bad certificate: SSL alert number 42", "MINI_KAFKA_SSL_CERTIFICATE_FILE"),
        ("Disconnected: connecting to a PLAINTEXT broker listener?", "MINI_KAFKA_SECURITY_PROTOCOL"),
        ("SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism", "MINI_KAFKA_SASL_MECHANISM"),
        (
            "SASL OAUTHBEARER mechanism handshake failed: Broker: Request not valid in current SASL state: none",
            "MINI_KAFKA_SASL_TOKEN_URL",
        ),
        ("SASL authentication error: Authentication failed: Invalid username", "MINI_KAFKA_SASL_USERNAME"),
        ('SASL authentication error: {"status":"invalid_token"}', "MINI_KAFKA_SASL_TOKEN_URL"),
        ("Failed to acquire SASL OAUTHBEARER token: Could not connect to server", "MINI_KAFKA_SASL_TOKEN_URL"),
    ],
)
def test_a_reason_that_lies_in_a_setting_names_it(said: str, setting: str) -> None:
    told = explained(NODE + said)
    assert told.startswith(NODE + said + "; ")
    assert setting in told


def test_any_other_reason_is_handed_on_as_it_is() -> None:
    assert explained("kafka:9092: Connect failed: refused (after 3ms in state CONNECT)") == (
        "kafka:9092: Connect failed: refused"
    )


def test_a_line_that_differs_only_by_its_client_and_the_time_that_it_took_comes_once_a_minute() -> None:
    rare = RareRepeats()

    def passes(client: int, took_ms: int, node: str = "kafka-1", created: float = 100.0) -> bool:
        text = (
            f"FAIL [mini-kafka-gateway#producer-{client}] [thrd:x]: {node}: refused (after {took_ms}ms in state AUTH)"
        )
        record = logging.makeLogRecord({"msg": text, "created": created})
        return rare.filter(record)

    assert passes(1, 300)
    assert not passes(2, 301)
    assert passes(1, 300, node="kafka-2")
    assert passes(1, 300, created=161.0)
