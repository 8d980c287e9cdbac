"""One consumer of the pool: assigned to the partitions of a call, it reads from their positions on.

It blocks, so it works on a thread, for one call at a time. Before the end of the log it stays assigned, so that whoever
goes on where a call ended is served from what was fetched ahead. At the end it lets go of its partitions: librdkafka
takes a millisecond to read them again, and 600 to resume after a pause (seen with 2.16). It is no member of a group and
commits nothing.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import repeat
from typing import Any, Protocol
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from mini_kafka.core.errors import ClusterUnavailable, OffsetOutOfRange
from mini_kafka.core.record_batch import Record, UnreadableRecord
from mini_kafka.engine.kafka_cluster.cluster_errors import AUTO_OFFSET_RESET, AWAY, PARTITION_EOF
from mini_kafka.engine.port import ReadRecord
from mini_kafka.engine.rows import rows

COLLECT_S = 0.2
"""How long more records are waited for that are known to be there, once there is one."""
AT_ONCE = 1000
"""Messages that are taken out of librdkafka at once."""


class RecordConsumer(Protocol):
    """What a reader needs of librdkafka's consumer."""

    def assign(self, partitions: list[TopicPartition], /) -> None:
        """Read these partitions from their offsets on."""

    def unassign(self) -> None:
        """Read nothing any more."""

    def poll(self, timeout: float = -1) -> Message | None:
        """Give a message, or None when the time is over."""

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Give messages, as many as there are when the time is over."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to read: positions and the ends that were seen, by partition, and how much at most."""

    topic: str
    topic_id: UUID
    positions: Mapping[int, int]
    ends: Mapping[int, int]
    max_records: int
    max_bytes: int
    timeout_s: float

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing between the positions and the ends."""
        return self.positions == self.ends


class PooledReader:
    """A consumer, what it is assigned to, and what it has fetched ahead."""

    def __init__(self, consumer: RecordConsumer) -> None:
        self.reads = 0
        """How many orders were served."""
        self._consumer = consumer
        self._topic_id: UUID | None = None
        self._next: dict[int, int] = {}
        self._ahead: deque[Message] = deque()

    def goes_on_at(self, order: Order) -> bool:
        """Tell whether an order begins where the last one ended."""
        return self._topic_id == order.topic_id and self._next == order.positions

    def read(self, order: Order) -> tuple[list[ReadRecord], dict[int, int]]:
        """Read at least one record where there is one before the ends, and say where to go on in each partition.

        Raises:
            ClusterUnavailable: there is something to read, and it does not come in time.
            OffsetOutOfRange: what was there has been dropped since.
            KafkaException: the cluster refuses.
        """
        try:
            self._go_to(order)
            taken = self._take(order)
        except BaseException:
            self.rest()  # nobody knows where it stands
            raise
        following = dict(self._next)
        if all(following[number] >= end for number, end in order.ends.items()):
            self.rest()
        parts = [records_of(number, messages) for number, messages in taken.items()]
        records = parts[0] if len(parts) == 1 else list(merge(*parts, key=lambda read: read.record.timestamp_ms))
        return records, following

    def rest(self) -> None:
        """Let go of all partitions, and of what was fetched ahead."""
        if self._topic_id is not None:
            self._topic_id = None
            self._ahead.clear()
            self._consumer.unassign()

    def _go_to(self, order: Order) -> None:
        if not self.goes_on_at(order):
            self._ahead.clear()
            self._topic_id, self._next = order.topic_id, dict(order.positions)
            self._consumer.assign([TopicPartition(order.topic, *place) for place in order.positions.items()])

    def _take(self, order: Order) -> dict[int, list[Message]]:
        """Take messages until the order is served; what is too much stays ahead."""
        behind = {number for number, end in order.ends.items() if self._next[number] < end}
        taken: dict[int, list[Message]] = {}
        count = size = 0
        until = time.monotonic() + order.timeout_s
        while behind and count < order.max_records and size < order.max_bytes:
            if not self._ahead:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    if count:
                        break
                    raise ClusterUnavailable(f"topic {order.topic!r} has records, and none came in time")
                self._fetch(order.max_records - count, left_s)
                continue
            message = self._ahead.popleft()
            error = message.error()
            if error is not None:
                self._hear(error, message, order, behind)
                continue
            bytes_of_it = size_of(message)
            if count and size + bytes_of_it > order.max_bytes:
                self._ahead.appendleft(message)
                break
            if not count:
                until = min(until, time.monotonic() + COLLECT_S)
            count, size = count + 1, size + bytes_of_it
            number = message.partition() or 0
            taken.setdefault(number, []).append(message)
            self._advance(number, (message.offset() or 0) + 1, order, behind)
        return taken

    def _fetch(self, wanted: int, left_s: float) -> None:
        """Take so many messages ahead, once there is one."""
        first = self._consumer.poll(left_s)
        if first is not None:
            self._ahead.append(first)
            if wanted > 1:
                self._ahead.extend(self._consumer.consume(min(wanted - 1, AT_ONCE), 0))

    def _hear(self, error: KafkaError, message: Message, order: Order, behind: set[int]) -> None:
        """Take in what librdkafka has to say instead of a record.

        Raises:
            OffsetOutOfRange, KafkaException: it says that the order cannot be served.
        """
        number = message.partition() or 0
        if error.code() == PARTITION_EOF:  # nothing but markers and aborted records, where there seemed to be some
            self._advance(number, message.offset() or 0, order, behind)
        elif error.code() == AUTO_OFFSET_RESET:
            raise OffsetOutOfRange(self._next[number], self._next[number] + 1, order.ends[number], number)
        elif error.code() not in AWAY:
            raise KafkaException(error)

    def _advance(self, number: int, offset: int, order: Order, behind: set[int]) -> None:
        self._next[number] = max(self._next[number], offset)
        if self._next[number] >= order.ends[number]:
            behind.discard(number)


def records_of(partition: int, messages: Sequence[Message]) -> list[ReadRecord]:
    """Read messages of a partition as records."""
    columns: list[Iterable[Any]] = [
        [message.offset() for message in messages],
        [message.timestamp()[1] for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
    ]
    try:
        columns.append([tuple(_headers_of(message)) for message in messages])
    except UnicodeDecodeError:
        return [record_of(message) for message in messages]
    return rows(ReadRecord, repeat(partition), rows(Record, *columns))


def record_of(message: Message) -> ReadRecord:
    """Read a message as a record."""
    partition, offset, timestamp_ms = message.partition() or 0, message.offset() or 0, message.timestamp()[1]
    try:
        headers = tuple(_headers_of(message))
    except UnicodeDecodeError:
        reason = "the name of a header is not UTF-8"
        return ReadRecord(partition, UnreadableRecord(offset, timestamp_ms, reason))
    return ReadRecord(partition, Record(offset, timestamp_ms, message.key(), message.value(), headers))


def size_of(message: Message) -> int:
    """Count the bytes of a message's key, value and headers, as far as they can be read."""
    size = len(message) + len(message.key() or b"")
    try:
        headers = _headers_of(message)
    except UnicodeDecodeError:
        return size
    for name, content in headers:
        size += len(name) + len(content or b"")
    return size


def _headers_of(message: Message) -> Sequence[tuple[str, bytes | None]]:
    """Give a message's headers.

    Raises:
        UnicodeDecodeError: the name of one is not UTF-8.
    """
    return message.headers() or ()  # type: ignore[return-value]
