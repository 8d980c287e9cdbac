"""What a topic's configs are where the topic says nothing: as the broker was started, and as it was told since.

Kafka calls these the broker's dynamic configs (KIP-226). They have two scopes, and the narrower one counts. A restart
forgets them, as it forgets the topics. Configs have their topics' names here; a broker's names for them are the
Kafka listener's.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from mini_kafka.core.topic_config import TopicConfig


class Scope(Enum):
    """For whom a default was changed."""

    EVERY_BROKER = "every broker"
    THIS_BROKER = "this broker"


class TopicDefaults:
    """The defaults of all topics: `config` is what counts now."""

    def __init__(self, at_start: TopicConfig) -> None:
        self.at_start = at_start
        self.config = at_start
        self._changed: dict[Scope, dict[str, str]] = {scope: {} for scope in Scope}

    @property
    def changed(self) -> Mapping[Scope, Mapping[str, str]]:
        """What was changed since the start, for whom, by the topic's names."""
        return self._changed

    def for_topic(self, own: Mapping[str, str]) -> TopicConfig:
        """Give the configs of a topic that has these of its own.

        As in Kafka they must not contradict what the broker was started with. What was changed since may, for it would
        contradict topics that are there, too, and nothing could be changed of those any more.

        Raises:
            InvalidConfig: a name is unknown, a value is not allowed, or two contradict each other.
        """
        return self.at_start.with_changes(own).over(self.config)

    def check(self, scope: Scope, configs: Mapping[str, str]) -> TopicConfig:
        """Say what would count if these, and no others, were changed for this scope.

        Raises:
            InvalidConfig: a name is unknown, a value is not allowed, or two contradict each other.
        """
        layers = self._changed | {scope: dict(configs)}
        config = self.at_start.with_changes(layers[Scope.EVERY_BROKER] | layers[Scope.THIS_BROKER])
        return replace(config, overrides=self.at_start.overrides)

    def change(self, scope: Scope, configs: Mapping[str, str]) -> None:
        """Have these changed for this scope, and no others.

        Raises:
            InvalidConfig: nothing was changed; see `check`.
        """
        self.config = self.check(scope, configs)
        self._changed[scope] = {name: text.strip() for name, text in configs.items()}
