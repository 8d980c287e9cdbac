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
