"""Topics as Kafka's administrators see them: what would be refused, every config, and changes of single configs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mini_kafka.core.errors import InvalidConfig
from mini_kafka.core.inert_configs import INERT_CONFIGS
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import CONFIGS, ConfigEntry, TopicConfig


class Operation(Enum):
    """What becomes of a config; `APPEND` and `SUBTRACT` are for lists."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A change of one config; `value` is of no meaning for `DELETE`."""

    name: str
    operation: Operation
    value: str = ""


class TopicAdmin(Protocol):
    """What an administrator asks beyond `Engine`; every call either does all or nothing."""

    def check_new(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> tuple[int, TopicConfig]:
        """Refuse a topic as `create_topic` does, or say what it would be: its partitions and its configs.

        Raises:
            TopicExists, InvalidTopic, InvalidPartitions, InvalidConfig, PartitionLimitReached.
        """

    def check_more_partitions(self, name: str, total: int) -> None:
        """Refuse more partitions as `alter_topic` does, and add none.

        Raises:
            UnknownTopic, InvalidPartitions, PartitionLimitReached.
        """

    def entries(self, config: TopicConfig) -> Sequence[ConfigEntry]:
        """List every config, also those without effect, beside the broker's defaults."""

    def topic_config(self, name: str) -> TopicConfig:
        """Give a topic's configs.

        Raises:
            UnknownTopic: it does not exist.
        """

    def change_configs(self, name: str, changes: Sequence[ConfigChange], *, validate_only: bool = False) -> None:
        """Change some configs of a topic.

        Raises:
            UnknownTopic: it does not exist.
            InvalidConfig: a name or a value is not allowed, or a list's operation is asked of something else.
        """

    def replace_configs(self, name: str, configs: Mapping[str, str], *, validate_only: bool = False) -> None:
        """Give a topic these configs, and the broker's defaults for all others.

        Raises:
            UnknownTopic: it does not exist.
            InvalidConfig: a name or a value is not allowed.
        """


class MemoryTopicAdmin:
    """`TopicAdmin`, answered from the core."""

    def __init__(
        self,
        topics: Topics,
        defaults: TopicConfig,
        default_partitions: int,
        reconfigure: Callable[[Topic, TopicConfig], None],
    ) -> None:
        self._topics = topics
        self._defaults = defaults
        self._default_partitions = default_partitions
        self._reconfigure = reconfigure

    def check_new(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> tuple[int, TopicConfig]:
        """Refuse a topic as `create_topic` does, or say what it would be."""
        count = self._default_partitions if partitions is None else partitions
        self._topics.check_new(name, count)
        return count, self._defaults.with_changes(configs)

    def check_more_partitions(self, name: str, total: int) -> None:
        """Refuse more partitions as `alter_topic` does, and add none."""
        self._topics.check_more(self._topics.get(name), total)

    def entries(self, config: TopicConfig) -> Sequence[ConfigEntry]:
        """List every config, also those without effect, beside the broker's defaults."""
        return tuple(config.entries(self._defaults))

    def topic_config(self, name: str) -> TopicConfig:
        """Give a topic's configs."""
        return self._topics.get(name).config

    def change_configs(self, name: str, changes: Sequence[ConfigChange], *, validate_only: bool = False) -> None:
        """Change some configs of a topic."""
        topic = self._topics.get(name)
        config = topic.config.with_defaults(
            (change.name for change in changes if change.operation is Operation.DELETE), self._defaults
        )
        has = config.as_mapping()
        config = config.with_changes(
            {change.name: _changed(change, has) for change in changes if change.operation is not Operation.DELETE}
        )
        if not validate_only:
            self._reconfigure(topic, config)

    def replace_configs(self, name: str, configs: Mapping[str, str], *, validate_only: bool = False) -> None:
        """Give a topic these configs, and the broker's defaults for all others."""
        topic = self._topics.get(name)
        config = self._defaults.with_changes(configs)
        if not validate_only:
            self._reconfigure(topic, config)


def _changed(change: ConfigChange, has: Mapping[str, str]) -> str:
    if change.operation is Operation.SET:
        return change.value
    definition = CONFIGS.get(change.name) or INERT_CONFIGS.get(change.name)
    if definition is not None and definition.kind != "list":
        raise InvalidConfig(f"{change.name} is no list: it can be set or deleted")
    parts = [part for part in has.get(change.name, "").split(",") if part]
    named = [part.strip() for part in change.value.split(",")]
    if change.operation is Operation.APPEND:
        return ",".join([*parts, *(part for part in named if part not in parts)])
    return ",".join(part for part in parts if part not in named)
