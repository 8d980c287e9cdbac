"""The configs of a topic: Kafka's names, their types, and what each allows.

One table. A config that does nothing is not in it, but in `inert_configs`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mini_kafka.core.errors import InvalidConfig
from mini_kafka.core.inert_configs import INERT_CONFIGS, INT32_MAX, INT64_MAX, INTEGER

UNLIMITED = -1
SHOWN_CHARACTERS = 80
LAGS = frozenset({"min.compaction.lag.ms", "max.compaction.lag.ms"})
"""Who sets one of them has to heed the other."""


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """A topic's configs as typed values; the defaults are those of Apache Kafka 4.3.

    `overrides` names those that were set for this topic; the others are the broker's. `inert` are those without effect
    that were set, for this topic or for all, by name.
    """

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
    inert: tuple[tuple[str, str], ...] = ()
    overrides: frozenset[str] = field(default=frozenset(), compare=False)

    def with_changes(self, changes: Mapping[str, str]) -> "TopicConfig":
        """Give these configs with some of them changed, by Kafka's names.

        Raises:
            InvalidConfig: a name is unknown, a value is not allowed, or two contradict each other; the text says
                what is allowed.
        """
        parsed: dict[str, Any] = {}
        inert = dict(self.inert)
        for name, text in ((name, text.strip()) for name, text in changes.items()):
            if name in INERT_CONFIGS:
                if not INERT_CONFIGS[name].takes(text):
                    raise _not_allowed(name, text, INERT_CONFIGS[name].allowed)
                inert[name] = text
                continue
            if name not in CONFIGS:
                raise InvalidConfig(f"unknown topic config {name[:SHOWN_CHARACTERS]!r}: known are {', '.join(CONFIGS)}")
            definition = CONFIGS[name]
            try:
                parsed[definition.attribute] = definition.parse(text)
            except ValueError:
                raise _not_allowed(name, text, definition.allowed) from None
        overrides = self.overrides.union(changes)
        config = replace(self, **parsed, inert=tuple(sorted(inert.items())), overrides=overrides)
        if changes.keys() & LAGS and config.min_compaction_lag_ms > config.max_compaction_lag_ms:
            raise InvalidConfig(
                f"min.compaction.lag.ms ({config.min_compaction_lag_ms}) cannot be over max.compaction.lag.ms"
                f" ({config.max_compaction_lag_ms}): lower the one or raise the other"
            )
        return config

    @property
    def own(self) -> dict[str, str]:
        """What was set for this topic, by Kafka's names, as text."""
        values = self.as_mapping()
        return {name: values[name] for name in self.overrides}

    def over(self, defaults: "TopicConfig") -> "TopicConfig":
        """Give what was set for this topic, and of all else these defaults."""
        if not self.overrides:
            return defaults
        mine = {CONFIGS[name].attribute: self._value(name) for name in self.overrides & CONFIGS.keys()}
        inert = dict(defaults.inert) | {name: text for name, text in self.inert if name in self.overrides}
        return replace(defaults, **mine, inert=tuple(sorted(inert.items())), overrides=self.overrides)

    def entries(self) -> Iterable["ConfigEntry"]:
        """List every config, also those without effect, by name, with its value and who set it."""
        values = self.as_mapping()
        for name in sorted(CONFIGS.keys() | INERT_CONFIGS.keys()):
            definition = CONFIGS.get(name) or INERT_CONFIGS[name]
            value = values[name] if name in values else INERT_CONFIGS[name].default
            has_effect = name in CONFIGS
            yield ConfigEntry(name, definition.kind, value, name in self.overrides, has_effect, definition.allowed)

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

    def times_taken(self, now_ms: int) -> tuple[int, int]:
        """Give the earliest and the latest time that a record may have now, in milliseconds since 1970."""
        if self.log_append_time:  # whatever it says, it gets the broker's
            return -INT64_MAX - 1, INT64_MAX
        return now_ms - self.message_timestamp_before_max_ms, now_ms + self.message_timestamp_after_max_ms

    def differences(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Give those of the wanted configs that have another value here, and that value; unset ones have Kafka's.

        Raises:
            InvalidConfig: a name is unknown, or a value is not allowed.
        """
        unset = {name: inert.default for name, inert in INERT_CONFIGS.items()}
        here, there = unset | self.as_mapping(), unset | self.with_changes(wanted).as_mapping()
        return {name: here[name] for name in wanted if here[name] != there[name]}

    def as_mapping(self) -> dict[str, str]:
        """Give every config that has an effect or was set, by Kafka's name, as text."""
        return {name: str(self._value(name)) for name in CONFIGS} | dict(self.inert)

    def _value(self, name: str) -> Any:
        return getattr(self, CONFIGS[name].attribute)


class ConfigEntry(NamedTuple):
    """One config as others see it; `kind` is Kafka's word for its type, and `allowed` says what it takes."""

    name: str
    kind: str
    value: str
    is_override: bool
    has_effect: bool
    allowed: str


def _not_allowed(name: str, text: str, allowed: str) -> InvalidConfig:
    shown = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return InvalidConfig(f"{name} cannot be {shown!r}: it takes {allowed}")


@dataclass(frozen=True, slots=True)
class ConfigDefinition:
    """One config: Kafka's word for its type, the attribute, how to read it, and what it allows, in words."""

    kind: str
    attribute: str
    parse: Callable[[str], int | float | str]
    allowed: str


def _integer(attribute: str, low: int, high: int) -> ConfigDefinition:
    def parse(text: str) -> int:
        if not INTEGER.fullmatch(text.strip()) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    kind = "int" if high <= INT32_MAX else "long"
    return ConfigDefinition(kind, attribute, parse, f"an integer from {low} to {high}")


def _choice(attribute: str, *choices: str) -> ConfigDefinition:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return ConfigDefinition("string", attribute, parse, " or ".join(choices))


def _ratio(attribute: str) -> ConfigDefinition:
    def parse(text: str) -> float:
        value = float(text)
        if not 0 <= value <= 1 or "_" in text:  # which NaN is not either
            raise ValueError(text)
        return value

    return ConfigDefinition("double", attribute, parse, "a number from 0 to 1")


def _cleanup_policy(attribute: str) -> ConfigDefinition:
    """Read a list without an order or repetitions, and keep it in the order in which it came, as Kafka does.

    An empty list is a log that is never cleaned, since Kafka 4.
    """

    def parse(text: str) -> str:
        policies = [policy.strip() for policy in text.split(",")] if text else []
        if not {"compact", "delete"}.issuperset(policies):
            raise ValueError(text)
        return ",".join(dict.fromkeys(policies))

    return ConfigDefinition(
        "list", attribute, parse, "delete, compact, both (compact,delete), or nothing: then it is never cleaned"
    )


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
