"""The guide's `/consume` over a cluster: fetch the committed offset, read a record there, commit the next one.

Nothing of a consumer is kept here but whose call is served now, so it may ask any gateway each time. Calls for one
consumer in one gateway come one after the other, and never get the same record. Over several gateways at once it is at
least once: Kafka has no commit that depends on what is committed, so two gateways that read between each other's
commits hand out the same record, and the slower one's commit takes the consumer back over what the faster one handed
out since. A consumer that waits for each answer before it asks again gets everything once.
"""

import asyncio
import logging
from collections.abc import Mapping
from weakref import WeakValueDictionary

from mini_kafka.core.errors import OffsetOutOfRange, UnknownConsumer, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import UnreadableRecord
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.kafka_cluster.group_admin import GroupAdmin
from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark
from mini_kafka.engine.kafka_cluster.reading import Reading
from mini_kafka.engine.kafka_cluster.shared_groups import SharedGroups
from mini_kafka.engine.kafka_cluster.topic_views import TopicViews
from mini_kafka.engine.port import READ_BYTES, ConsumedRecord, ConsumerPlace, Read, TopicDescription
from mini_kafka.engine.waiters import Waiters

logger = logging.getLogger(__name__)

Offsets = Mapping[TopicPartition, Committed]


class Consuming:
    """Hands registered consumers their next records."""

    def __init__(
        self,
        reading: Reading,
        views: TopicViews,
        admin: GroupAdmin,
        waiters: Waiters,
        calls: Calls,
        shared: SharedGroups,
    ) -> None:
        self._reading = reading
        self._views = views
        self._admin = admin
        self._waiters = waiters
        self._calls = calls
        self._shared = shared
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def register(self, consumer_id: str, topic: TopicDescription) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then.

        Raises:
            GroupKindConflict: members share records in the group of that name.
        """
        await self._shared.make_way(consumer_id)
        committed = await self._admin.committed(consumer_id)
        wanted: dict[TopicPartition, Committed] = {}
        for place, (offset, mark) in committed.items():
            if mark is not None and mark.registered and place.topic != topic.name:
                wanted[place] = Committed(offset, mark._replace(kind="offsets", registered=False))
        registered = Mark("offsets", registered=True, topic_id=topic.topic_id)
        for number, log_start_offset, _ in topic.partitions:
            place = TopicPartition(topic.name, number)
            known = committed.get(place)
            if known is None or not known.is_of(topic.topic_id):
                wanted[place] = Committed(log_start_offset, registered)
            elif known.mark != registered:
                wanted[place] = Committed(known.offset, registered)
        await self._admin.commit(consumer_id, wanted)

    async def consume(self, consumer_id: str, wait_ms: int) -> ConsumedRecord | None:
        """Hand a consumer its next record and commit it, or None when there is nothing new in time.

        Raises:
            UnknownConsumer: it has to register first.
            GroupKindConflict: members share records in the group of that name.
        """
        if self._waiters.closed:
            return None
        poll = self._waiters.poll(wait_ms)
        with self._calls.inside(consumer_id):
            await self._shared.make_way(consumer_id)
            while True:
                async with self._turn(consumer_id):
                    consumed, topic, positions = await self._take(consumer_id)
                if consumed is not None or poll.is_over or self._waiters.closed:
                    return consumed
                if not (await self._read(consumer_id, topic, positions, poll.left_ms)).records:
                    return None

    def _turn(self, consumer_id: str) -> asyncio.Lock:
        """Let calls for one consumer take records one after the other; nobody waits for a record meanwhile."""
        turn = self._turns.get(consumer_id)
        if turn is None:
            turn = self._turns[consumer_id] = asyncio.Lock()
        return turn

    async def _take(self, consumer_id: str) -> tuple[ConsumedRecord | None, str, dict[int, int]]:
        """Take the next record that is there now, if there is one; say which topic is read from where."""
        while True:
            topic, positions, read = await self._read_on(consumer_id, await self._admin.committed(consumer_id))
            if not read.records:
                return None, topic, positions
            [(number, record)] = read.records[:1]
            place, mark = TopicPartition(topic, number), Mark("offsets", registered=True, topic_id=read.topic_id)
            await self._admin.commit(consumer_id, {place: Committed(record.offset + 1, mark)})
            if not isinstance(record, UnreadableRecord):
                return ConsumedRecord(topic, number, record), topic, positions
            logger.warning(
                "consumer %s passes over %s-%d@%d: %s", consumer_id, *place, record.offset, record.decode_error
            )

    async def _read_on(self, consumer_id: str, committed: Offsets) -> tuple[str, dict[int, int], Read]:
        """Read where a consumer stands; what it has committed in an earlier topic of that name does not count.

        Raises:
            UnknownConsumer: it is not registered, or was with that earlier topic only.
        """
        while True:
            topic, positions = registered_at(consumer_id, committed)
            read = await self._read(consumer_id, topic, positions, 0)
            counts = {
                place: one for place, one in committed.items() if place.topic != topic or one.is_of(read.topic_id)
            }
            if len(counts) == len(committed):
                return topic, positions, read
            committed = counts

    async def _read(self, consumer_id: str, topic: str, positions: dict[int, int], wait_ms: int) -> Read:
        """Read one record; an offset that the log no longer holds becomes the log start offset."""
        try:
            while True:
                try:
                    return await self._reading.read(
                        topic, positions, partition=None, max_records=1, max_bytes=READ_BYTES, wait_ms=wait_ms
                    )
                except OffsetOutOfRange as error:
                    bounds = await self._views.bounds(topic)
                    moved = {
                        number: start
                        for number, (start, end) in enumerate(zip(bounds.starts, bounds.ends, strict=True))
                        if not start <= positions.get(number, start) <= end
                    }
                    if not moved:
                        raise
                    logger.warning("consumer %s goes on at the log start of %s: %s", consumer_id, topic, error)
                    positions |= moved
        except UnknownTopic:
            raise UnknownConsumer(consumer_id) from None

    async def places(self) -> list[ConsumerPlace]:
        """List where every registered consumer stands, as their committed offsets tell."""
        found = []
        async for name, committed in self._admin.all_committed(await self._admin.names()):
            topic = topic_of(committed)
            if topic is not None:
                found.append((name, topic, [one for place, one in committed.items() if place.topic == topic]))
        there = await self._views.ids_and_sizes(sorted({topic for _, topic, _ in found}))
        places = []
        for name, topic, offsets in found:
            counts = [one.offset for one in offsets if topic in there and one.is_of(there[topic][0])]
            if counts:
                places.append(ConsumerPlace(name, topic, sum(counts)))
        return places


def topic_of(committed: Offsets) -> str | None:
    """Say which topic a registered consumer reads; None where the group is none's."""
    for place, one in committed.items():
        if one.mark is not None and one.mark.registered:
            return place.topic
    return None


def registered_at(consumer_id: str, committed: Offsets) -> tuple[str, dict[int, int]]:
    """Say which topic a consumer reads, and from where in each partition.

    Raises:
        UnknownConsumer: it is not registered.
    """
    topic = topic_of(committed)
    if topic is None:
        raise UnknownConsumer(consumer_id)
    return topic, {place.partition: one.offset for place, one in committed.items() if place.topic == topic}
