"""Topics as Kafka's administrators see them: what would be refused, every config, and changes of single configs.

A change has a topic as its target, or a scope: then it is one of the defaults of all topics.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mini_kafka.core.errors import InvalidConfig
from mini_kafka.core.inert_configs import INERT_CONFIGS
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import CONFIGS, TopicConfig
from mini_kafka.core.topic_defaults import Scope, TopicDefaults
from mini_kafka.engine.pace import Pace

TOPICS_AT_ONCE = 100
"""Topics that get other defaults before others get their turn: a millisecond."""


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

    def topic_config(self, name: str) -> TopicConfig:
        """Give a topic's configs.

        Raises:
            UnknownTopic: it does not exist.
        """

    @property
    def changed_defaults(self) -> Mapping[Scope, Mapping[str, str]]:
        """What was changed of the defaults of all topics since the start, for whom."""

    async def change_configs(
        self, target: str | Scope, changes: Sequence[ConfigChange], *, validate_only: bool = False
    ) -> None:
        """Change some configs of a topic, or of the defaults of all topics.

        Raises:
            UnknownTopic: it does not exist.
            InvalidConfig: a name or a value is not allowed, or a list's operation is asked of something else.
        """

    async def replace_configs(
        self, target: str | Scope, configs: Mapping[str, str], *, validate_only: bool = False
    ) -> None:
        """Have these configs set for a topic, or as defaults of all topics, and no others.

        Raises:
            UnknownTopic: it does not exist.
            InvalidConfig: a name or a value is not allowed.
        """


class MemoryTopicAdmin:
    """`TopicAdmin`, answered from the core."""

    def __init__(
        self,
        topics: Topics,
        defaults: TopicDefaults,
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
        return count, self._defaults.for_topic(configs)

    def check_more_partitions(self, name: str, total: int) -> None:
        """Refuse more partitions as `alter_topic` does, and add none."""
        self._topics.check_more(self._topics.get(name), total)

    def topic_config(self, name: str) -> TopicConfig:
        """Give a topic's configs."""
        return self._topics.get(name).config

    @property
    def changed_defaults(self) -> Mapping[Scope, Mapping[str, str]]:
        """What was changed of the defaults of all topics since the start, for whom."""
        return self._defaults.changed

    async def change_configs(
        self, target: str | Scope, changes: Sequence[ConfigChange], *, validate_only: bool = False
    ) -> None:
        """Change some configs of a topic, or of the defaults of all topics."""
        wanted, below = self._set_for(target)
        has = below.as_mapping() | wanted
        for change in changes:
            if change.operation is Operation.DELETE:
                wanted.pop(change.name, None)
            else:
                wanted[change.name] = _changed(change, has)
        await self.replace_configs(target, wanted, validate_only=validate_only)

    def _set_for(self, target: str | Scope) -> tuple[dict[str, str], TopicConfig]:
        """Give what was set there, and what counts where nothing was."""
        if isinstance(target, Scope):
            return dict(self._defaults.changed[target]), self._defaults.at_start
        return self._topics.get(target).config.own, self._defaults.config

    async def replace_configs(
        self, target: str | Scope, configs: Mapping[str, str], *, validate_only: bool = False
    ) -> None:
        """Have these configs set for a topic, or as defaults of all topics, and no others."""
        if isinstance(target, Scope):
            if validate_only:
                self._defaults.check(target, configs)
                return
            self._defaults.change(target, configs)
            await asyncio.shield(self._follow_defaults())  # all topics, also when the client has hung up
            return
        topic = self._topics.get(target)
        config = self._defaults.for_topic(configs)
        if not validate_only:
            self._reconfigure(topic, config)

    async def _follow_defaults(self) -> None:
        """Let every topic see the defaults as they are now, in slices."""
        pace = Pace(TOPICS_AT_ONCE)
        for topic in list(self._topics):
            await pace.step()
            self._reconfigure(topic, topic.config.over(self._defaults.config))


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
