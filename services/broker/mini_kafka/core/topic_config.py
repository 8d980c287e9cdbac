"""The configs of a topic: Kafka's names, their types, and what each allows.

One table. A config that does nothing is not in it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mini_kafka.core.errors import InvalidConfig

UNLIMITED = -1
INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1
SHOWN_CHARACTERS = 80

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")  # what Java's Long.parseLong takes: no 1_000


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """A topic's configs as typed values; the defaults are those of Apache Kafka 4.3."""

    retention_ms: int = 7 * 24 * 60 * 60 * 1000
    retention_bytes: int = UNLIMITED
    max_message_bytes: int = 1_048_588
    cleanup_policy: str = "delete"
    delete_retention_ms: int = 24 * 60 * 60 * 1000
    min_cleanable_dirty_ratio: float = 0.5
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = INT64_MAX
    message_timestamp_type: str = "CreateTime"
    message_timestamp_before_max_ms: int = INT64_MAX
    message_timestamp_after_max_ms: int = 60 * 60 * 1000

    def with_changes(self, changes: Mapping[str, str]) -> "TopicConfig":
        """Give these configs with some of them changed, by Kafka's names.

        Raises:
            InvalidConfig: a name is unknown, a value is not allowed, or two contradict each other; the text says
                what is allowed.
        """
        parsed: dict[str, Any] = {}
        for name, text in changes.items():
            if name not in CONFIGS:
                raise InvalidConfig(f"unknown topic config {name[:SHOWN_CHARACTERS]!r}: known are {', '.join(CONFIGS)}")
            definition = CONFIGS[name]
            try:
                parsed[definition.attribute] = definition.parse(text)
            except ValueError:
                shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
                raise InvalidConfig(f"{name} cannot be {shown!r}: it takes {definition.allowed}") from None
        config = replace(self, **parsed)
        if config.min_compaction_lag_ms > config.max_compaction_lag_ms:
            raise InvalidConfig(
                f"min.compaction.lag.ms ({config.min_compaction_lag_ms}) cannot be over max.compaction.lag.ms"
                f" ({config.max_compaction_lag_ms}): lower the one or raise the other"
            )
        return config

    @property
    def compacts(self) -> bool:
        """Whether the last record of each key stays and older ones go."""
        return "compact" in self.cleanup_policy

    @property
    def deletes(self) -> bool:
        """Whether `retention.ms` and `retention.bytes` apply."""
        return "delete" in self.cleanup_policy

    @property
    def log_append_time(self) -> bool:
        """Whether records get the broker's time, whatever their producer says."""
        return self.message_timestamp_type == "LogAppendTime"

    def agrees_with(self, wanted: Mapping[str, str]) -> bool:
        """Tell whether these configs have the wanted values.

        Raises:
            InvalidConfig: a name is unknown, or a value is not allowed.
        """
        return self.with_changes(wanted) == self

    def as_mapping(self) -> dict[str, str]:
        """Give every config by Kafka's name, as text."""
        return {name: str(getattr(self, definition.attribute)) for name, definition in CONFIGS.items()}


@dataclass(frozen=True, slots=True)
class ConfigDefinition:
    """One config: the attribute that holds it, how to read it, and what it allows, in words."""

    attribute: str
    parse: Callable[[str], int | float | str]
    allowed: str


def _integer(attribute: str, low: int, high: int) -> ConfigDefinition:
    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text.strip()) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return ConfigDefinition(attribute, parse, f"an integer from {low} to {high}")


def _choice(attribute: str, *choices: str) -> ConfigDefinition:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return ConfigDefinition(attribute, parse, " or ".join(choices))


def _ratio(attribute: str) -> ConfigDefinition:
    def parse(text: str) -> float:
        value = float(text)
        if not 0 <= value <= 1 or "_" in text:  # which NaN is not either
            raise ValueError(text)
        return value

    return ConfigDefinition(attribute, parse, "a number from 0 to 1")


def _cleanup_policy(attribute: str) -> ConfigDefinition:
    """Read a list without an order or repetitions, and keep it in the order in which it came, as Kafka does."""

    def parse(text: str) -> str:
        policies = [policy.strip() for policy in text.split(",")]
        if not {"compact", "delete"}.issuperset(policies):
            raise ValueError(text)
        return ",".join(dict.fromkeys(policies))

    return ConfigDefinition(attribute, parse, "delete, compact, or both: compact,delete")


CONFIGS: dict[str, ConfigDefinition] = {
    "retention.ms": _integer("retention_ms", UNLIMITED, INT64_MAX),
    "retention.bytes": _integer("retention_bytes", UNLIMITED, INT64_MAX),
    "max.message.bytes": _integer("max_message_bytes", 0, INT32_MAX),
    "cleanup.policy": _cleanup_policy("cleanup_policy"),
    "delete.retention.ms": _integer("delete_retention_ms", 0, INT64_MAX),
    "min.cleanable.dirty.ratio": _ratio("min_cleanable_dirty_ratio"),
    "min.compaction.lag.ms": _integer("min_compaction_lag_ms", 0, INT64_MAX),
    "max.compaction.lag.ms": _integer("max_compaction_lag_ms", 1, INT64_MAX),
    "message.timestamp.type": _choice("message_timestamp_type", "CreateTime", "LogAppendTime"),
    "message.timestamp.before.max.ms": _integer("message_timestamp_before_max_ms", 0, INT64_MAX),
    "message.timestamp.after.max.ms": _integer("message_timestamp_after_max_ms", 0, INT64_MAX),
}
