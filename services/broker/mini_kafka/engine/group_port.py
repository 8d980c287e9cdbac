"""The port of an engine that has Kafka's groups: whom their members ask."""

from typing import Protocol

from mini_kafka.engine.group_coordinator import GroupCoordinator
from mini_kafka.engine.group_offsets import GroupOffsets


class GroupEngine(Protocol):
    """An engine with groups of Kafka clients."""

    @property
    def coordinator(self) -> GroupCoordinator:
        """Whom the members of groups ask."""

    @property
    def group_offsets(self) -> GroupOffsets:
        """Whom they ask for what groups have committed."""
