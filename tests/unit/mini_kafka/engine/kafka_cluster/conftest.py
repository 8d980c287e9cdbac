"""A consumer that reads from lists instead of a cluster."""

from collections import deque
from uuid import UUID

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError, Message, TopicPartition

from mini_kafka.engine.kafka_cluster.cluster_errors import PARTITION_EOF
from mini_kafka.engine.kafka_cluster.pooled_reader import Order

TOPIC_ID = UUID(int=7)


Headers = list[tuple[str, str | bytes | None]]


def message(
    partition: int, offset: int, value: bytes = b"v", *, error: int | None = None, headers: Headers | None = None
) -> Message:
    return Message(
        topic="t",
        partition=partition,
        offset=offset,
        value=value,
        headers=headers,
        timestamp=(TIMESTAMP_CREATE_TIME, 1000 + offset),
        error=None if error is None else KafkaError(error),
    )


class ListConsumer:
    """Gives the messages of each partition's list from its assigned offset on, and says where a partition ends."""

    def __init__(self, logs: dict[int, list[Message]]) -> None:
        self.logs = logs
        self.assignments: list[list[tuple[int, int]]] = []
        self.unassigned = 0
        self._queue: deque[Message] = deque()

    def assign(self, partitions: list[TopicPartition], /) -> None:
        self.assignments.append([(place.partition, place.offset) for place in partitions])
        self._queue.clear()
        for number, offset in self.assignments[-1]:
            log = self.logs[number]
            self._queue.extend(one for one in log if (one.offset() or 0) >= offset)
            end = (log[-1].offset() or 0) + 1 if log else 0
            self._queue.append(message(number, end, error=PARTITION_EOF))

    def unassign(self) -> None:
        self.unassigned += 1
        self._queue.clear()

    def poll(self, timeout: float = -1) -> Message | None:
        return self._queue.popleft() if self._queue else None

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        return [self._queue.popleft() for _ in range(min(num_messages, len(self._queue)))]


def order(
    positions: dict[int, int],
    ends: dict[int, int],
    *,
    max_records: int = 100,
    max_bytes: int = 10_000,
    timeout_s: float = 5.0,
    topic_id: UUID = TOPIC_ID,
) -> Order:
    return Order("t", topic_id, positions, ends, max_records, max_bytes, timeout_s)


@pytest.fixture
def consumer() -> ListConsumer:
    """Give two partitions of five records."""
    return ListConsumer({number: [message(number, offset) for offset in range(5)] for number in (0, 1)})
