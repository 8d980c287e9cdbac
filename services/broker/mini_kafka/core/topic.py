"""A topic, and all topics together: names, ids and partitions.

Names follow Kafka's rule (`Topic` in its Java sources); ids come from outside, because the core draws no random
numbers.
"""

import re
from collections.abc import Iterator
from uuid import UUID

from mini_kafka.core.errors import (
    InvalidPartitions,
    InvalidTopic,
    PartitionLimitReached,
    TopicExists,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic_config import TopicConfig

MAX_NAME_LENGTH = 249
MAX_PARTITIONS = 10_000
"""How many partitions all topics may have together, unless the broker is told otherwise: an empty one costs 0.5 KB,
and describing or sweeping all of them stays within milliseconds."""
_LEGAL_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def check_name(name: str) -> None:
    """Refuse a name that no topic can have.

    Raises:
        InvalidTopic: it breaks Kafka's rule, which the text repeats.
    """
    if not _LEGAL_NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidTopic(
            f"topic name {name[:MAX_NAME_LENGTH]!r} is not allowed: use 1 to {MAX_NAME_LENGTH} letters, digits,"
            " '.', '_' or '-', and neither '.' nor '..'"
        )


class Topic:
    """A name, an id that no other topic ever has, configs, and partitions numbered from 0."""

    __slots__ = ("_budget", "_keyless_turn", "config", "logs", "name", "partitions", "topic_id")

    def __init__(self, name: str, topic_id: UUID, config: TopicConfig, partitions: int, budget: MemoryBudget) -> None:
        self.name = name
        self.topic_id = topic_id
        self.config = config
        self._budget = budget
        self._keyless_turn = 0
        self.logs: list[PartitionLog] = []
        self.partitions: list[TopicPartition] = []
        self.add_partitions(partitions)

    def add_partitions(self, total: int) -> None:
        """Grow to `total` partitions; the new ones are empty.

        Raises:
            InvalidPartitions: the topic has as many already, or `total` is not positive.
        """
        _check_more(self.name, len(self.logs), total)
        for number in range(len(self.logs), total):
            self.logs.append(PartitionLog(self._budget))
            self.partitions.append(TopicPartition(self.name, number))

    def log(self, partition: int) -> PartitionLog:
        """Give the log of a partition.

        Raises:
            UnknownPartition: the topic has fewer partitions.
        """
        if not 0 <= partition < len(self.logs):
            raise UnknownPartition(self.name, partition, len(self.logs))
        return self.logs[partition]

    @property
    def keyless_partition(self) -> int:
        """The partition for the next request's records without a key."""
        return self._keyless_turn % len(self.logs)

    def pass_keyless_turn(self) -> None:
        """Give the next partition its turn."""
        self._keyless_turn = (self._keyless_turn + 1) % len(self.logs)

    def record_count(self) -> int:
        """Count the records held, over all partitions."""
        return sum(log.record_count for log in self.logs)


class Topics:
    """All topics by name, with at most `max_partitions` partitions in all; `changes` counts what happens to them."""

    def __init__(self, budget: MemoryBudget, max_partitions: int = MAX_PARTITIONS) -> None:
        self._budget = budget
        self._max_partitions = max_partitions
        self.partition_count = 0
        self.changes = 0
        self._topics: dict[str, Topic] = {}
        self._by_id: dict[UUID, Topic] = {}
        self._collision_keys: dict[str, str] = {}

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def __len__(self) -> int:
        return len(self._topics)

    def get(self, name: str) -> Topic:
        """Give a topic.

        Raises:
            UnknownTopic: it does not exist.
        """
        try:
            return self._topics[name]
        except KeyError:
            raise UnknownTopic(name) from None

    def find(self, name: str) -> Topic | None:
        """Give a topic, or None where there is none of this name."""
        return self._topics.get(name)

    def find_by_id(self, topic_id: UUID) -> Topic | None:
        """Give a topic, or None where there is none of this id."""
        return self._by_id.get(topic_id)

    def create(self, name: str, topic_id: UUID, config: TopicConfig, partitions: int) -> Topic:
        """Make a topic with empty partitions.

        Raises:
            TopicExists: there is one of this name.
            InvalidTopic: the name is not allowed, or differs from a topic's only in '.' and '_', which Kafka
                refuses because their metrics would have one name.
            InvalidPartitions: `partitions` is not positive.
            PartitionLimitReached: all topics together would have too many.
        """
        self.check_new(name, partitions)
        topic = Topic(name, topic_id, config, partitions, self._budget)
        self._topics[name] = self._by_id[topic_id] = topic
        self.partition_count += partitions
        self.changes += 1
        self._collision_keys[_collision_key(name)] = name
        return topic

    def check_new(self, name: str, partitions: int) -> None:
        """Refuse a topic as `create` does, and make none."""
        check_name(name)
        if name in self._topics:
            raise TopicExists(f"topic {name!r} exists already")
        other = self._collision_keys.get(_collision_key(name))
        if other is not None:
            raise InvalidTopic(
                f"topic name {name!r} collides with topic {other!r}:"
                " '.' and '_' count as the same character, so choose a name that differs elsewhere"
            )
        _check_more(name, 0, partitions)
        self._check_limit(partitions)

    def add_partitions(self, topic: Topic, total: int) -> None:
        """Grow a topic to `total` partitions; the new ones are empty.

        Raises:
            InvalidPartitions: it has as many already.
            PartitionLimitReached: all topics together would have too many.
        """
        self.check_more(topic, total)
        more = total - len(topic.logs)
        topic.add_partitions(total)
        self.partition_count += more
        self.changes += 1

    def check_more(self, topic: Topic, total: int) -> None:
        """Refuse more partitions as `add_partitions` does, and add none."""
        _check_more(topic.name, len(topic.logs), total)
        self._check_limit(total - len(topic.logs))

    def _check_limit(self, more: int) -> None:
        if more > 0 and self.partition_count + more > self._max_partitions:
            raise PartitionLimitReached(self.partition_count, more, self._max_partitions)

    def delete(self, name: str) -> Topic:
        """Take a topic away; the caller drains its logs, which may take a while.

        Raises:
            UnknownTopic: it does not exist.
        """
        topic = self.get(name)
        del self._topics[name], self._by_id[topic.topic_id]
        self.partition_count -= len(topic.logs)
        self.changes += 1
        del self._collision_keys[_collision_key(name)]
        return topic


def _collision_key(name: str) -> str:
    return name.replace(".", "_")


def _check_more(name: str, has: int, total: int) -> None:
    if total < 1:
        raise InvalidPartitions(f"topic {name!r} cannot have {total} partitions: it needs at least one")
    if total <= has:
        raise InvalidPartitions(
            f"topic {name!r} has {has} partitions and cannot have {total}: their number only grows, from 1 on"
        )
