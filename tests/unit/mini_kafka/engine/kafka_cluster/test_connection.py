"""What librdkafka says: in the log once a minute whatever numbers it has, in refusals as soon as it is known."""

import logging

import pytest
from confluent_kafka import KafkaError, KafkaException

from mini_kafka.engine.kafka_cluster.connection import REPEATED_LINE_S, Connection, RareRepeats

NODE = "[mini-kafka-gateway#producer-1] [thrd:kafka-1:9092/1]: kafka-1:9092/1:"
REPEATS = (
    (
        f"REQTMOUT {NODE} Timed out MetadataRequest in flight (after 15262ms, timeout #0)",
        f"REQTMOUT {NODE} Timed out MetadataRequest in flight (after 15004ms, timeout #1)",
    ),
    (
        f"REQTMOUT {NODE} Timed out 2 in-flight, 0 retry-queued, 1 out-queue, 0 partially-sent requests",
        f"REQTMOUT {NODE} Timed out 1 in-flight, 3 retry-queued, 0 out-queue, 1 partially-sent requests",
    ),
    (
        f"FAIL {NODE} Connect to ipv4#172.18.0.4:9092 failed: Connection refused (after 0ms in state CONNECT)",
        f"FAIL {NODE} Connect to ipv4#172.18.0.4:9092 failed: Connection refused (after 31ms in state CONNECT, "
        "12 identical error(s) suppressed)",
    ),
)
"""Lines as librdkafka 2.16 writes them while a node is killed, and while it stands still."""


def line(text: str, at_s: float) -> logging.LogRecord:
    record = logging.LogRecord("librdkafka", logging.WARNING, "", 0, text, (), None)
    record.created = at_s
    return record


@pytest.mark.parametrize(("first", "again"), REPEATS)
def test_a_line_comes_again_only_after_a_minute_also_with_other_numbers(first: str, again: str) -> None:
    rare = RareRepeats()
    heard = [rare.filter(line(text, at_s)) for text, at_s in ((first, 1000), (again, 1001), (again, 1059))]
    assert heard == [True, False, False]
    assert rare.filter(line(again, 1000 + REPEATED_LINE_S))


@pytest.mark.parametrize(("part", "other"), [("kafka-1", "kafka-2"), ("REQTMOUT", "FAIL"), ("9092", "9093")])
def test_another_node_and_another_trouble_are_news(part: str, other: str) -> None:
    rare = RareRepeats()
    text = REPEATS[0][0]
    assert [rare.filter(line(it, 1000)) for it in (text, text.replace(part, other))] == [True, True]


def test_another_client_with_the_same_trouble_is_no_news() -> None:
    rare = RareRepeats()
    text = REPEATS[0][0]
    assert [rare.filter(line(it, 1000)) for it in (text, text.replace("#producer-1", "#producer-2"))] == [True, False]


class BegunConnection(Connection):
    """A connection without clients that has not heard of its cluster yet."""

    def __init__(self) -> None:
        self.trouble = "it was not asked yet"
        self._last_error = ""
        self._warned = False


def test_a_call_is_told_why_the_cluster_is_away_as_soon_as_that_is_known() -> None:
    connection = BegunConnection()
    late = KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))
    assert "no answer" in str(connection.refusal(late))
    connection._note_error(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error: wrong"))
    assert "MINI_KAFKA_SASL_USERNAME" in str(connection.refusal(late))
