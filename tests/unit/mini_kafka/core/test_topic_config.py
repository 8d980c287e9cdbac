"""A topic's configs: Kafka's names, types, ranges and defaults, and refusals that list what is allowed.

What Kafka takes and refuses was asked of org.apache.kafka.storage.internals.log.LogConfig of Apache Kafka 4.3.1.
"""

import pytest

from mini_kafka.core.errors import InvalidConfig
from mini_kafka.core.topic_config import CONFIGS, TopicConfig


def test_the_defaults_are_those_of_kafka() -> None:
    assert TopicConfig().as_mapping() == {
        "retention.ms": "604800000",
        "retention.bytes": "-1",
        "max.message.bytes": "1048588",
        "cleanup.policy": "delete",
        "delete.retention.ms": "86400000",
        "min.cleanable.dirty.ratio": "0.5",
        "min.compaction.lag.ms": "0",
        "max.compaction.lag.ms": "9223372036854775807",
        "message.timestamp.type": "CreateTime",
        "message.timestamp.before.max.ms": "9223372036854775807",
        "message.timestamp.after.max.ms": "3600000",
    }


@pytest.mark.parametrize(
    ("name", "text", "stored"),
    [
        ("retention.ms", "-1", "-1"),
        ("retention.ms", "0", "0"),
        ("retention.ms", " 5 ", "5"),
        ("retention.ms", "+5", "5"),
        ("retention.ms", "9223372036854775807", "9223372036854775807"),
        ("retention.bytes", "-1", "-1"),
        ("retention.bytes", "0", "0"),
        ("max.message.bytes", "0", "0"),
        ("max.message.bytes", "2147483647", "2147483647"),
        ("cleanup.policy", "delete", "delete"),
        ("cleanup.policy", "compact", "compact"),
        ("cleanup.policy", "compact,delete", "compact,delete"),
        ("cleanup.policy", "delete,compact", "delete,compact"),
        ("cleanup.policy", " compact , delete ", "compact,delete"),
        ("cleanup.policy", " ", ""),
        ("cleanup.policy", "compact,compact", "compact"),
        ("delete.retention.ms", "0", "0"),
        ("min.cleanable.dirty.ratio", "0", "0.0"),
        ("min.cleanable.dirty.ratio", "1", "1.0"),
        ("min.cleanable.dirty.ratio", " .25 ", "0.25"),
        ("min.cleanable.dirty.ratio", "5e-1", "0.5"),
        ("min.compaction.lag.ms", "5", "5"),
        ("max.compaction.lag.ms", "1", "1"),
        ("message.timestamp.type", "CreateTime", "CreateTime"),
        ("message.timestamp.type", "LogAppendTime", "LogAppendTime"),
    ],
)
def test_what_kafka_takes_is_taken(name: str, text: str, stored: str) -> None:
    assert TopicConfig().with_changes({name: text}).as_mapping() == TopicConfig().as_mapping() | {name: stored}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retention.ms", "-2"),
        ("retention.ms", "9223372036854775808"),
        ("retention.ms", "1.5"),
        ("retention.ms", "1_000"),
        ("retention.ms", "7d"),
        ("retention.ms", ""),
        ("retention.bytes", "-2"),  # Kafka takes any negative number for unlimited
        ("retention.bytes", "1GiB"),
        ("retention.ms", "\u0665"),
        ("max.message.bytes", "-1"),
        ("max.message.bytes", "2147483648"),
        ("cleanup.policy", "DELETE"),
        ("cleanup.policy", "Compact"),
        ("cleanup.policy", "compact,"),
        ("cleanup.policy", "compact;delete"),
        ("delete.retention.ms", "-1"),
        ("min.cleanable.dirty.ratio", "-0.1"),
        ("min.cleanable.dirty.ratio", "1.1"),
        ("min.cleanable.dirty.ratio", "NaN"),  # which Kafka takes
        ("min.cleanable.dirty.ratio", "0.5_0"),
        ("min.cleanable.dirty.ratio", "half"),
        ("min.compaction.lag.ms", "-1"),
        ("max.compaction.lag.ms", "0"),
        ("message.timestamp.type", "createtime"),
        ("message.timestamp.type", ""),
    ],
)
def test_a_refused_value_is_named_with_what_its_config_takes(name: str, text: str) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        TopicConfig().with_changes({name: text})
    assert str(refusal.value) == f"{name} cannot be {text!r}: it takes {CONFIGS[name].allowed}"


def test_a_refusal_of_an_endless_text_is_short() -> None:
    for changes in ({"retention.bytes": "9" * 5_000}, {"x" * 5_000: "1"}):
        with pytest.raises(InvalidConfig) as refusal:
            TopicConfig().with_changes(changes)
        assert len(str(refusal.value)) < 500


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("retention.ms", "an integer from -1 to 9223372036854775807"),
        ("retention.bytes", "an integer from -1 to 9223372036854775807"),
        ("max.message.bytes", "an integer from 0 to 2147483647"),
        ("cleanup.policy", "delete, compact, both (compact,delete), or nothing: then it is never cleaned"),
        ("delete.retention.ms", "an integer from 0 to 9223372036854775807"),
        ("min.cleanable.dirty.ratio", "a number from 0 to 1"),
        ("min.compaction.lag.ms", "an integer from 0 to 9223372036854775807"),
        ("max.compaction.lag.ms", "an integer from 1 to 9223372036854775807"),
        ("message.timestamp.type", "CreateTime or LogAppendTime"),
    ],
)
def test_what_a_config_takes_is_said_in_words(name: str, allowed: str) -> None:
    assert CONFIGS[name].allowed == allowed


@pytest.mark.parametrize("name", ["retention_ms", "Retention.ms", "segment.byte", "", "message.format.version"])
def test_an_unknown_config_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        TopicConfig().with_changes({name: "1"})
    assert repr(name) in str(refusal.value)
    for known in TopicConfig().as_mapping():
        assert known in str(refusal.value)


def test_one_refused_config_refuses_all_changes() -> None:
    config = TopicConfig()
    with pytest.raises(InvalidConfig):
        config.with_changes({"retention.ms": "5", "retention.bytes": "x"})
    assert config == TopicConfig()


def test_a_change_keeps_the_other_configs() -> None:
    config = TopicConfig().with_changes({"retention.ms": "5"}).with_changes({"message.timestamp.type": "LogAppendTime"})
    assert (config.retention_ms, config.log_append_time, config.retention_bytes) == (5, True, -1)


def test_a_record_must_not_have_to_wait_longer_than_it_may() -> None:
    """Kafka: "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"."""
    config = TopicConfig().with_changes({"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "5"})
    with pytest.raises(InvalidConfig, match=r"min\.compaction\.lag\.ms \(6\) .* max\.compaction\.lag\.ms \(5\)"):
        config.with_changes({"min.compaction.lag.ms": "6"})


@pytest.mark.parametrize(
    ("policy", "compacts", "deletes"),
    [
        ("delete", False, True), ("compact", True, False), ("compact,delete", True, True),
        ("delete,compact", True, True), ("", False, False),
    ],
)  # fmt: skip
def test_a_policy_compacts_deletes_does_both_or_nothing(policy: str, compacts: bool, deletes: bool) -> None:
    config = TopicConfig().with_changes({"cleanup.policy": policy})
    assert (config.compacts, config.deletes) == (compacts, deletes)
