"""Records in: checked whole, given their partitions, and awaited until the cluster has all of them.

What is refused by the check is refused before anything is sent. After that a cluster cannot take back what one
partition has taken when another fails: the error then says which records were appended (`PartlyAppended`). The
records of all calls share one producer, which batches what waits. Records for a topic whose batches must stay small go
through another, with a batch for each. A producer that is late with a record ends with all that it still has, because
one that went on without it would send the next ones twice (`cluster_config.producer_config`).
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast
from uuid import UUID

from confluent_kafka import KafkaError

from mini_kafka.core import record_batch
from mini_kafka.core.errors import (
    BrokerError,
    BrokerStopping,
    ClusterUnavailable,
    InvalidRecord,
    PartlyAppended,
    ProduceQueueFull,
    RecordTooLarge,
)
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.appender import KEY_BYTES_INLINE
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.kafka_cluster.cluster_config import BATCH_BYTES, LibrdkafkaConfig, producer_config
from mini_kafka.engine.kafka_cluster.cluster_errors import MSG_TIMED_OUT, translated
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.producer import Delivery, Outcome, RecordProducer
from mini_kafka.engine.kafka_cluster.topic_views import Shape, TopicViews
from mini_kafka.engine.kafka_cluster.topics import ClusterTopics
from mini_kafka.engine.port import Appended
from mini_kafka.engine.record_checks import check_records
from mini_kafka.engine.rows import rows
from mini_kafka.engine.waiters import Waiters

RECORDS_INLINE = 300
"""How many records the loop hands to librdkafka itself: a microsecond or two for each."""
RECORD_COST = 200
"""What a record costs beside its bytes while it waits: librdkafka's message and ours."""
KNOWN_TOPICS = 10_000
LATE_PART = 0.9
"""The part of its time after which a record is late; in the rest, those that came behind it may still pass."""
LATE = KafkaError(MSG_TIMED_OUT, "it has not acknowledged the record in time")
CLOSE_S = 1.0
"""How long records on their way are waited for when the broker stops."""

logger = logging.getLogger(__name__)


class Producing:
    """Takes records to the cluster."""

    def __init__(
        self,
        connection: Connection,
        topics: ClusterTopics,
        views: TopicViews,
        waiters: Waiters,
        clock: Clock,
        make_producer: Callable[[LibrdkafkaConfig], RecordProducer] = RecordProducer,
    ) -> None:
        self._connection = connection
        self._make_producer = make_producer
        self._config = connection.config
        self._topics = topics
        self._views = views
        self._waiters = waiters
        self._clock = clock
        self._producers: dict[int, RecordProducer] = {}
        self._late: set[RecordProducer] = set()
        """Those that take no more, and have a little time for what they have."""
        self._known: dict[tuple[str, int], tuple[UUID, int]] = {}
        self._keyless_turns: dict[str, int] = {}
        self._queued_bytes = 0
        self._on_their_way: set[asyncio.Future[None]] = set()
        self._closed = False

    async def produce(
        self, name: str, records: Sequence[NewRecord], *, create: bool, now_ms: int
    ) -> Sequence[Appended]:
        """Append records, and say where each came to lie.

        Raises:
            UnknownTopic, InvalidTopic, InvalidRecord, RecordTooLarge, ProduceQueueFull: nothing was appended.
            PartlyAppended: some were, and it says which.
            ClusterUnavailable, ClusterRefused: none was, as far as anybody knows.
            BrokerStopping: it is too late to send any.
        """
        shape = await self._topics.shape(name, create=create)
        if not records:
            return ()
        _check(shape, records, now_ms)
        places = await self._places(shape, records)
        size = sum(len(record.value or b"") + len(record.key or b"") for record in records) + RECORD_COST * len(records)
        if self._queued_bytes and self._queued_bytes + size > self._config.queue_bytes:
            raise ProduceQueueFull(self._queued_bytes, size, self._config.queue_bytes)
        outcomes = await self._send(shape, records, places, now_ms, size)
        self._waiters.notify(name)
        return self._answer(shape, records, places, outcomes)

    @property
    def queued_bytes(self) -> int:
        """What the records hold that are on their way, in bytes."""
        return self._queued_bytes

    async def close(self) -> None:
        """Send nothing more, wait a little for what is on its way, and let the rest fail."""
        self._closed = True
        if self._on_their_way:
            await asyncio.wait(self._on_their_way, timeout=CLOSE_S)
        producers = *self._producers.values(), *self._late
        for producer in producers:
            producer.give_up()
        if self._on_their_way:
            await asyncio.wait(self._on_their_way, timeout=CLOSE_S)
        for producer in producers:
            producer.close()

    async def _places(self, shape: Shape, records: Sequence[NewRecord]) -> Sequence[int]:
        """Say which partition each record goes to: the same ones as in memory."""
        keyless = self._keyless_turns.get(shape.name, 0) % shape.partitions
        if any(record.partition is None and record.key is None for record in records):
            if len(self._keyless_turns) >= KNOWN_TOPICS:
                self._keyless_turns.clear()  # turns begin anew, which nobody minds
            self._keyless_turns[shape.name] = keyless + 1

        def place(record: NewRecord) -> int:
            if record.partition is not None:
                return record.partition
            return keyless if record.key is None else partition_for_key(record.key, shape.partitions)

        key_bytes = sum(len(record.key) for record in records if record.key is not None and record.partition is None)
        if shape.partitions == 1 or key_bytes <= KEY_BYTES_INLINE:
            return list(map(place, records))
        return await asyncio.to_thread(lambda: list(map(place, records)))

    async def _send(
        self, shape: Shape, records: Sequence[NewRecord], places: Sequence[int], now_ms: int, size: int
    ) -> Sequence[Outcome]:
        producer = await self._producer_for(shape)
        if self._closed:
            raise BrokerStopping
        delivery = Delivery(len(records))
        self._queued_bytes += size
        late_ms = round(self._config.timeout_s * 1000 * LATE_PART)
        late = self._clock.call_later(late_ms, partial(self._is_late, producer))

        def is_over(done: "asyncio.Future[None]") -> None:
            late.cancel()
            self._queued_bytes -= size
            self._on_their_way.discard(done)

        self._on_their_way.add(delivery.done)
        delivery.done.add_done_callback(is_over)  # also when the caller is gone by then
        if len(records) <= RECORDS_INLINE:
            producer.send(delivery, shape.name, records, places, now_ms)
        else:
            await asyncio.to_thread(producer.send, delivery, shape.name, records, places, now_ms)
        await asyncio.shield(delivery.done)
        return [outcome for outcome in delivery.outcomes if outcome is not None]

    async def _producer_for(self, shape: Shape) -> RecordProducer:
        """Give the producer for a topic, which knows all of its partitions."""
        batch_bytes = BATCH_BYTES if shape.config.max_message_bytes >= BATCH_BYTES else 1
        producer = self._producers.get(batch_bytes)
        if producer is not None and producer.is_dead:
            logger.warning("a producer can send nothing any more, and another takes its place")
            self._let_go(producer)
            producer.retire()
            producer = None
        if producer is None:
            producer = self._producers[batch_bytes] = self._make_producer(producer_config(self._config, batch_bytes))
        if self._known.get((shape.name, batch_bytes)) != (shape.topic_id, shape.partitions):
            await self._connection.on_thread(lambda: producer.learn(shape.name, self._config.timeout_s), shape.name)
            if len(self._known) >= KNOWN_TOPICS:
                self._known.clear()
            self._known[shape.name, batch_bytes] = shape.topic_id, shape.partitions
        return producer

    def _is_late(self, producer: RecordProducer) -> None:
        """Let another producer take the next records, and this one fail what it has not brought there in time."""
        if producer in self._producers.values():
            logger.warning(
                "the cluster has not acknowledged a record for long, and another producer takes the next ones"
            )
            self._let_go(producer)
            self._late.add(producer)
            rest_ms = round(self._config.timeout_s * 1000 * (1 - LATE_PART))
            self._clock.call_later(rest_ms, partial(self._retire, producer))

    def _retire(self, producer: RecordProducer) -> None:
        self._late.discard(producer)
        producer.retire(LATE)

    def _let_go(self, producer: RecordProducer) -> None:
        self._producers = {size: other for size, other in self._producers.items() if other is not producer}
        self._known.clear()

    def _answer(
        self, shape: Shape, records: Sequence[NewRecord], places: Sequence[int], outcomes: Sequence[Outcome]
    ) -> Sequence[Appended]:
        failed = {index: outcome for index, outcome in enumerate(outcomes) if isinstance(outcome, KafkaError)}
        if not failed:
            return rows(Appended, places, *zip(*cast("Sequence[tuple[int, int]]", outcomes), strict=True))
        self._views.forget(shape.name)
        self._known.clear()
        refusal = _refusal(shape, records, failed)
        if len(failed) == len(records):
            raise refusal
        raise PartlyAppended(
            [
                None if isinstance(outcome, KafkaError) else (place, *outcome)
                for place, outcome in zip(places, outcomes, strict=True)
            ],
            str(refusal),
        )


def _check(shape: Shape, records: Sequence[NewRecord], now_ms: int) -> None:
    """Refuse what the topic does not take, before anything is sent.

    Raises:
        InvalidRecord, RecordTooLarge: the text says which record and why.
    """
    check_records(shape.name, shape.partitions, shape.config, records, now_ms)
    for index, record in enumerate(records):
        if record.timestamp_ms == 0 and not shape.config.log_append_time:
            # librdkafka takes 0 for "now"
            raise InvalidRecord(index, "has the timestamp 0, which cannot be sent to a Kafka cluster: take 1 or later")
        try:
            record_batch.check_size(record, shape.config.max_message_bytes)
        except RecordTooLarge as error:
            raise RecordTooLarge(index, error.size, error.limit) from None


def _refusal(shape: Shape, records: Sequence[NewRecord], failed: Mapping[int, KafkaError]) -> BrokerError:
    """Say why the first of the records that failed did."""
    index, error = next(iter(failed.items()))
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return RecordTooLarge(index, record_batch.size_alone(records[index]), shape.config.max_message_bytes)
    if error.code() in {KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP}:
        return InvalidRecord(index, f"is refused by the cluster: {error.str()}")
    refusal = translated(error, shape.name)
    if isinstance(refusal, ClusterUnavailable):  # the answer may be what was lost
        return ClusterUnavailable(
            f"{refusal.reason}; the records may have been appended, and be there twice after a retry"
        )
    return refusal
