"""Every error of librdkafka and of Kafka is one of the core's, and those that pass by themselves say so."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from mini_kafka.core.errors import (
    BrokerError,
    ClusterDenied,
    ClusterRefused,
    ClusterUnavailable,
    GroupNotFound,
    InvalidConfig,
    InvalidPartitions,
    InvalidTopic,
    TopicExists,
    UnknownTopic,
)
from mini_kafka.engine.kafka_cluster.cluster_errors import (
    AWAY,
    DENIED,
    TRANSLATIONS,
    known_offset,
    of_exception,
    translated,
)
from mini_kafka.http_api.errors import problem_of

RETRIABLE = {
    2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89, 100, 103, 106,
    122, 123, 133,
}  # fmt: skip
"""The codes whose exception is a RetriableException in Apache Kafka's Java client 4.3.1."""
OTHERWISE = {
    3: UnknownTopic,
    100: UnknownTopic,
    84: ClusterRefused,  # elections of leaders, fetch sessions and share sessions are none of a gateway's requests
    106: ClusterRefused,
    122: ClusterRefused,
    123: ClusterRefused,
    133: ClusterRefused,
}
CODES = sorted({value for value in vars(KafkaError).values() if isinstance(value, int) and value != 0})


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_an_error_of_the_core(code: int) -> None:
    refusal = translated(KafkaError(code, "what it says"), "orders")
    assert isinstance(refusal, BrokerError)
    assert str(refusal)


def test_the_table_names_only_codes_that_there_are() -> None:
    assert TRANSLATIONS.keys() <= set(CODES)


@pytest.mark.parametrize("code", AWAY)
def test_what_passes_by_itself_may_be_tried_again_and_says_why(code: int) -> None:
    refusal = translated(KafkaError(code, "connection refused"))
    assert isinstance(refusal, ClusterUnavailable)
    assert "connection refused" in str(refusal)


@pytest.mark.parametrize("code", sorted(RETRIABLE))
def test_what_kafkas_own_client_tries_again_is_503_unless_it_has_a_name_or_cannot_come(code: int) -> None:
    kind = type(translated(KafkaError(code, "no"), "orders"))
    assert kind is OTHERWISE.get(code, ClusterUnavailable)


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_an_answer_of_the_http_api_and_never_a_bug(code: int) -> None:
    answer = problem_of(of_exception(KafkaException(KafkaError(code, "no")), "orders"))
    assert answer is not None
    assert int(answer.status) != 500
    assert (b"retry-after", b"1") in answer.headers or int(answer.status) != 503


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, UnknownTopic),
        (KafkaError.TOPIC_EXCEPTION, InvalidTopic),
        (KafkaError.TOPIC_ALREADY_EXISTS, TopicExists),
        (KafkaError.INVALID_PARTITIONS, InvalidPartitions),
        (KafkaError.INVALID_CONFIG, InvalidConfig),
        (KafkaError.GROUP_ID_NOT_FOUND, GroupNotFound),
    ],
)
def test_what_has_a_name_in_the_core_keeps_it_and_names_the_topic_or_group(code: int, kind: type[BrokerError]) -> None:
    refusal = of_exception(KafkaException(KafkaError(code, "no")), "orders")
    assert type(refusal) is kind
    assert "orders" in str(refusal)


@pytest.mark.parametrize("code", DENIED)
def test_a_right_that_the_gateway_s_user_lacks_says_for_what(code: int) -> None:
    refusal = translated(KafkaError(code, "Topic authorization failed"), "orders")
    assert isinstance(refusal, ClusterDenied)
    assert "Topic authorization failed" in str(refusal)
    assert "'orders'" in str(refusal)


@pytest.mark.parametrize("code", [KafkaError.POLICY_VIOLATION, KafkaError.UNKNOWN])
def test_any_other_refusal_is_handed_on_with_the_clusters_own_words(code: int) -> None:
    refusal = translated(KafkaError(code, "it is against a policy"))
    assert isinstance(refusal, ClusterRefused)
    assert "it is against a policy" in str(refusal)


@pytest.mark.parametrize("offset", [-1, 0, 7])
def test_an_offset_that_the_cluster_has_told_is_taken(offset: int) -> None:
    assert known_offset(offset) == offset


def test_an_offset_that_librdkafka_does_not_know_is_no_offset() -> None:
    with pytest.raises(KafkaException) as refusal:
        known_offset(-1001)
    assert isinstance(of_exception(refusal.value), ClusterUnavailable)
