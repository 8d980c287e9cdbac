"""The memory engine with what only the Kafka listener asks: `LogEngine`, answered from the core."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from uuid import UUID, uuid4

from mini_kafka.core.fetch_session import FetchSessions
from mini_kafka.core.producer_states import ProducerStates
from mini_kafka.core.topic import Topic
from mini_kafka.engine.batch_reader import BatchReader
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.group_coordinator import GroupCoordinator
from mini_kafka.engine.group_offsets import GroupOffsets
from mini_kafka.engine.log_port import TopicShape
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller
from mini_kafka.engine.raw_log import MemoryRawLog
from mini_kafka.engine.topic_admin import MemoryTopicAdmin


class MemoryLogEngine(MemoryEngine):
    """A memory engine that Kafka clients can be served from."""

    def __init__(self, config: EngineConfig, clock: Clock | None = None) -> None:
        super().__init__(config, clock)
        self.raw_log = MemoryRawLog(
            self._topics, self._budget, self._appender, BatchReader(config.max_decompressed_bytes), self._sweeper,
            self._waiters, self._clock,
            max_decompressed_bytes=config.max_decompressed_bytes,
            producers=ProducerStates(self._budget, config.max_producers, config.producer_expiration_ms),
            sessions=FetchSessions(
                lambda: secrets.randbelow(2**31), config.max_fetch_sessions, config.max_fetch_session_partitions
            ),
        )  # fmt: skip
        self.topic_admin = MemoryTopicAdmin(
            self._topics, self._topic_defaults, config.num_partitions, self._reconfigure
        )
        self._cluster_id = "M" + urlsafe_b64encode(uuid4().bytes).decode()[:21]
        self.coordinator = GroupCoordinator(self._clock, self._consumer_groups, self._shared)
        self.group_offsets = GroupOffsets(
            self._clock, self._topics, self._offsets, self._consumer_groups, self._shared, self.coordinator
        )

    async def delete_topic(self, caller: Caller, name: str) -> None:
        """Take a topic away, and what Kafka clients have to do with it."""
        topic = self._topics.get(name)
        await super().delete_topic(caller, name)
        self.raw_log.forget_topic(topic)

    @property
    def cluster_id(self) -> str:
        """Name this cluster: as long as Kafka's names, and another one at each start. It never looks like a flag."""
        return self._cluster_id

    @property
    def topic_changes(self) -> int:
        """Count how often a topic came, went or got partitions."""
        return self._topics.changes

    def topic_shapes(self) -> Iterator[TopicShape]:
        """List all topics by name, without their records."""
        for name in sorted(topic.name for topic in self._topics):
            topic = self._topics.find(name)
            if topic is not None:  # it may be deleted before its turn comes
                yield _shape(topic)

    def topic_shape(self, name: str) -> TopicShape | None:
        """Find a topic by its name."""
        topic = self._topics.find(name)
        return None if topic is None else _shape(topic)

    def topic_shape_by_id(self, topic_id: UUID) -> TopicShape | None:
        """Find a topic by its id."""
        topic = self._topics.find_by_id(topic_id)
        return None if topic is None else _shape(topic)

    async def close(self) -> None:
        """End all waiting, that of groups' members too, and refuse new records from now on."""
        self.coordinator.close()
        await super().close()


def _shape(topic: Topic) -> TopicShape:
    return TopicShape(topic.name, topic.topic_id, len(topic.logs))
