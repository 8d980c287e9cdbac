"""The guide's `/consume` at work: whose turn it is, the next record, and the commit, without a gap between them.

The rules are `core.registered_consumer`'s. What cannot be decoded is passed over with a log line: a consumer that asks
for messages has no use for a place without one, and must not stop at it.
"""

import asyncio
import logging
from collections.abc import Callable

from mini_kafka.core import record_batch
from mini_kafka.core.record_batch import Record, UnreadableRecord
from mini_kafka.core.registered_consumer import RegisteredConsumer, RegisteredConsumers, Turn
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.batch_reader import BatchReader
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.port import ConsumedRecord, ConsumerPlace
from mini_kafka.engine.waiters import Poll, Waiters

logger = logging.getLogger(__name__)

PLACES_AT_ONCE = 500
"""Consumers that are looked up before others get their turn: about a millisecond."""


class Consuming:
    """Hands registered consumers their next records."""

    def __init__(
        self,
        topics: Topics,
        consumers: RegisteredConsumers,
        waiters: Waiters,
        batches: BatchReader,
        calls: Calls,
        make_way: Callable[[str], None],
    ) -> None:
        self._topics = topics
        self._consumers = consumers
        self._waiters = waiters
        self._batches = batches
        self._calls = calls
        self._make_way = make_way

    def register(self, consumer_id: str, topic: Topic) -> None:
        """Let a consumer read a topic, and let its waiting calls look there.

        Raises:
            GroupLimitReached, OffsetLimitReached, GroupKindConflict: nothing was registered.
        """
        self._make_way(consumer_id)
        self._consumers.register(consumer_id, topic)
        self._waiters.notify(consumer_id)

    async def consume(self, consumer_id: str, wait_ms: int) -> ConsumedRecord | None:
        """Hand a consumer its next record and commit it, or None when there is nothing new in time.

        Raises:
            UnknownConsumer: it has to register first.
            GroupKindConflict: members of a shared group of this name are at work.
        """
        self._consumers.get(consumer_id)
        self._make_way(consumer_id)
        poll = self._waiters.poll(wait_ms)
        while True:
            consumer = self._consumers.get(consumer_id)
            topic = self._topics.get(consumer.topic)
            turn = self._consumers.next_turn(consumer, topic)
            if turn is not None:
                record = await self._take(consumer, topic, turn)
                if record is not None:
                    return ConsumedRecord(topic.name, turn.partition, record)
            elif not await self._wait(poll, consumer_id, topic):
                return None

    async def _wait(self, poll: Poll, consumer_id: str, topic: Topic) -> bool:
        """Wait for news, and be a member of the group of that name meanwhile; say whether there are some."""
        if poll.is_over:
            return False
        with self._calls.inside(consumer_id):
            return await poll.news([consumer_id, topic.topic_id])

    async def _take(self, consumer: RegisteredConsumer, topic: Topic, turn: Turn) -> Record | None:
        """Take the record of a turn; None if there is none in that place, and the next turn is to be looked for."""
        batch = topic.logs[turn.partition].batch_at(turn.offset)
        record: Record | UnreadableRecord | None = self._batches.peek(batch, turn.offset)
        if record is None:
            with self._calls.inside(consumer.consumer_id):
                found = await self._batches.read(batch, turn.offset, 1)
            if self._has_moved(consumer, topic, turn):
                return None  # while it was being decompressed
            record = found[0] if found else None
        if turn.committed is not None and turn.committed < turn.offset:
            logger.warning(
                "consumer %s fell behind on %s-%d: offsets %d to %d are gone, it goes on at %d",
                consumer.consumer_id, topic.name, turn.partition, turn.committed, turn.offset - 1, turn.offset,
            )  # fmt: skip
        next_offset = record.offset + 1 if record else record_batch.next_offset(batch)
        self._consumers.take(consumer, topic, turn.partition, next_offset)
        if isinstance(record, UnreadableRecord):
            logger.warning(
                "consumer %s passes over %s-%d@%d: %s",
                consumer.consumer_id, topic.name, turn.partition, record.offset, record.decode_error,
            )  # fmt: skip
            return None
        return record

    def _has_moved(self, consumer: RegisteredConsumer, topic: Topic, turn: Turn) -> bool:
        return (
            self._topics.find(topic.name) is not topic
            or self._consumers.find(consumer.consumer_id) is not consumer
            or self._consumers.next_turn(consumer, topic) != turn
        )

    async def places(self) -> list[ConsumerPlace]:
        """List where every registered consumer stands; other work goes on between some of them and the next."""
        places = []
        for number, consumer in enumerate(list(self._consumers), 1):
            topic = self._topics.find(consumer.topic)
            if topic is not None:
                position = self._consumers.position(consumer, topic)
                places.append(ConsumerPlace(consumer.consumer_id, consumer.topic, position))
            if number % PLACES_AT_ONCE == 0:
                await asyncio.sleep(0)
        return places
