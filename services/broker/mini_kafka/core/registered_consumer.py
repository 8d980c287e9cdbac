"""The guide's consumers: each reads one topic, one message at a time, and commits as it reads.

A `consumer_id` is a group of the same name, so its offsets are the group's committed offsets. This room adds which
topic a consumer reads now, and whose turn it is among the partitions; it does not read the log.
"""

from dataclasses import dataclass
from typing import NamedTuple

from mini_kafka.core.errors import UnknownConsumer
from mini_kafka.core.offsets import CommittedOffsets
from mini_kafka.core.topic import Topic


@dataclass(slots=True)
class RegisteredConsumer:
    """A consumer, the topic that it reads, and the partition that is asked first next time."""

    consumer_id: str
    topic: str
    first_partition: int = 0


class Turn(NamedTuple):
    """What a consumer reads next: a partition, the offset there, and the committed offset that it stems from."""

    partition: int
    offset: int
    committed: int | None


class RegisteredConsumers:
    """All consumers that have registered since the broker started."""

    def __init__(self, offsets: CommittedOffsets) -> None:
        self._offsets = offsets
        self._consumers: dict[str, RegisteredConsumer] = {}

    def __iter__(self) -> "map[RegisteredConsumer]":
        return map(self._consumers.__getitem__, sorted(self._consumers))

    def get(self, consumer_id: str) -> RegisteredConsumer:
        """Give a consumer.

        Raises:
            UnknownConsumer: it has not registered.
        """
        try:
            return self._consumers[consumer_id]
        except KeyError:
            raise UnknownConsumer(consumer_id) from None

    def find(self, consumer_id: str) -> RegisteredConsumer | None:
        """Give a consumer, or None where none of this id has registered."""
        return self._consumers.get(consumer_id)

    def register(self, consumer_id: str, topic: Topic) -> RegisteredConsumer:
        """Let a consumer read a topic: where it stopped if it has read it before, else from the log start.

        The start is committed, so that `/stats` shows it and retention cannot move it unseen.

        Raises:
            GroupLimitReached, OffsetLimitReached: nothing was registered.
        """
        self._offsets.check_room(consumer_id, topic.partitions)
        for partition, log in zip(topic.partitions, topic.logs, strict=True):
            if self._offsets.committed(consumer_id, partition) is None:
                self._offsets.commit(consumer_id, partition, log.log_start_offset)
        consumer = self._consumers.get(consumer_id)
        if consumer is None or consumer.topic != topic.name:
            consumer = self._consumers[consumer_id] = RegisteredConsumer(consumer_id, topic.name)
        return consumer

    def next_turn(self, consumer: RegisteredConsumer, topic: Topic) -> Turn | None:
        """Find the consumer's next record, asking each partition in turn; None when it has read everything.

        An offset that the log no longer holds becomes the log start offset.
        """
        count = len(topic.logs)
        for step in range(count):
            number = (consumer.first_partition + step) % count
            log = topic.logs[number]
            committed = self._offsets.committed(consumer.consumer_id, topic.partitions[number])
            offset = log.log_start_offset
            if committed is not None and committed > offset:
                offset = committed
            if offset < log.high_watermark:
                return Turn(number, offset, committed)
        return None

    def take(self, consumer: RegisteredConsumer, topic: Topic, partition: int, next_offset: int) -> None:
        """Commit that a record was handed out, and give the next partition its turn."""
        self._offsets.commit(consumer.consumer_id, topic.partitions[partition], next_offset)
        consumer.first_partition = (partition + 1) % len(topic.logs)

    def position(self, consumer: RegisteredConsumer, topic: Topic) -> int:
        """Give the sum of the consumer's committed offsets over the topic's partitions."""
        committed = (self._offsets.committed(consumer.consumer_id, partition) for partition in topic.partitions)
        return sum(offset for offset in committed if offset is not None)

    def forget(self, consumer_id: str) -> None:
        """Drop a consumer whose group is gone; it has to register again."""
        self._consumers.pop(consumer_id, None)

    def forget_topic(self, topic: str) -> None:
        """Drop the consumers of a topic that is gone; they have to register again."""
        for consumer in [known for known in self._consumers.values() if known.topic == topic]:
            del self._consumers[consumer.consumer_id]
