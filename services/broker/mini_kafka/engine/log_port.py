"""The port of an engine with a log of its own: what the Kafka listener asks beyond `Engine`.

Hot calls are plain functions: they answer at once, and a listener may call them for every request. The raw log and the
Kafka groups have modules of their own, whose protocols are bases of `LogEngine`.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol
from uuid import UUID

from mini_kafka.engine.group_port import GroupEngine
from mini_kafka.engine.port import Engine
from mini_kafka.engine.raw_log_port import RawLog
from mini_kafka.engine.topic_admin import TopicAdmin


class TopicShape(NamedTuple):
    """What a client has to know to find a topic's partitions."""

    name: str
    topic_id: UUID
    partitions: int


class LogEngine(Engine, GroupEngine, Protocol):
    """An engine that owns its log."""

    @property
    def cluster_id(self) -> str:
        """Name this cluster as Kafka does: 22 characters of base64url."""

    @property
    def raw_log(self) -> RawLog:
        """The log in batches."""

    @property
    def topic_admin(self) -> TopicAdmin:
        """The topics' configs, and what would be refused."""

    @property
    def topic_changes(self) -> int:
        """Count how often a topic came, went or got partitions: as long as it is the same, so are the shapes."""

    def topic_shapes(self) -> Iterable[TopicShape]:
        """List all topics by name, without their records."""

    def topic_shape(self, name: str) -> TopicShape | None:
        """Find a topic by its name."""

    def topic_shape_by_id(self, topic_id: UUID) -> TopicShape | None:
        """Find a topic by its id."""
