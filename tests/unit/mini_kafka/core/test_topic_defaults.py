"""The defaults of all topics: what the broker was started with, and what was changed since, for whom."""

import pytest

from mini_kafka.core.errors import InvalidConfig
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.core.topic_defaults import Scope, TopicDefaults

HERE, EVERYWHERE = Scope.THIS_BROKER, Scope.EVERY_BROKER
AT_START = TopicConfig(retention_ms=1)


def test_what_this_broker_was_told_counts_before_what_every_broker_was_told() -> None:
    defaults = TopicDefaults(AT_START)
    told = []
    for scope, configs in (
        (EVERYWHERE, {"retention.ms": "2"}), (HERE, {"retention.ms": "3"}), (EVERYWHERE, {"retention.ms": "4"}),
        (HERE, {}), (EVERYWHERE, {}),
    ):  # fmt: skip
        defaults.change(scope, configs)
        told.append(defaults.config.retention_ms)
    assert told == [2, 3, 3, 4, 1]


def test_a_default_is_nobodys_own_config() -> None:
    defaults = TopicDefaults(AT_START)
    defaults.change(HERE, {"retention.ms": "2", "segment.bytes": "2000000"})
    assert defaults.config.overrides == frozenset()
    assert defaults.config.as_mapping()["segment.bytes"] == "2000000"


def test_what_was_changed_is_known_by_scope() -> None:
    defaults = TopicDefaults(AT_START)
    defaults.change(EVERYWHERE, {"retention.ms": " 2 "})
    assert defaults.changed == {HERE: {}, EVERYWHERE: {"retention.ms": "2"}}


@pytest.mark.parametrize("bad", [{"retention.ms": "x"}, {"no.such": "1"}, {"min.compaction.lag.ms": "10"}])
def test_a_change_that_cannot_be_changes_nothing(bad: dict[str, str]) -> None:
    defaults = TopicDefaults(AT_START)
    defaults.change(EVERYWHERE, {"max.compaction.lag.ms": "5"})
    before, changed = defaults.config, dict(defaults.changed)
    with pytest.raises(InvalidConfig):
        defaults.change(HERE, {"retention.bytes": "7"} | bad)
    assert (defaults.config, defaults.changed) == (before, changed)


def test_a_topic_over_other_defaults_keeps_what_was_set_for_it_and_nothing_else() -> None:
    topic = AT_START.with_changes({"retention.bytes": "9", "segment.bytes": "3000000"})
    other = TopicDefaults(AT_START)
    other.change(HERE, {"retention.ms": "2", "retention.bytes": "8", "flush.ms": "5", "segment.bytes": "2000000"})
    moved = topic.over(other.config)
    assert (moved.retention_ms, moved.retention_bytes) == (2, 9)
    assert dict(moved.inert) == {"flush.ms": "5", "segment.bytes": "3000000"}
    assert moved.overrides == topic.overrides
    assert moved.over(AT_START) == topic
