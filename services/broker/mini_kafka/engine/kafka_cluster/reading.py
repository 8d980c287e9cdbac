"""Reading a topic without a consumer: from given offsets on, one partition or all, waiting for the first record.

What is there is asked first, so that a call sees every record that was acknowledged before it; then a consumer of the
pool reads it. Whoever reads on before an end that was seen just now is not behind it, and nothing is asked: an end only
moves on. Keeps nothing about whoever asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import OffsetSpec

from mini_kafka.core.errors import OffsetOutOfRange, UnknownPartition, UnknownTopic, UnknownTopicId
from mini_kafka.engine.kafka_cluster.pooled_reader import Order
from mini_kafka.engine.kafka_cluster.reader_pool import ReaderPool
from mini_kafka.engine.kafka_cluster.topic_views import Bounds, TopicViews
from mini_kafka.engine.kafka_cluster.watcher import Watcher
from mini_kafka.engine.port import Read
from mini_kafka.engine.waiters import Waiters


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call wants to read, as the port says."""

    name: str
    partition: int | None
    topic_id: UUID | None
    max_records: int
    max_bytes: int


class Reading:
    """Reads topics of the cluster."""

    def __init__(
        self, views: TopicViews, pool: ReaderPool, watcher: Watcher, waiters: Waiters, *, timeout_s: float
    ) -> None:
        self._views = views
        self._pool = pool
        self._watcher = watcher
        self._waiters = waiters
        self._timeout_s = timeout_s

    async def read(
        self,
        name: str,
        positions: Mapping[int, int],
        *,
        partition: int | None,
        topic_id: UUID | None = None,
        max_records: int,
        max_bytes: int,
        wait_ms: int,
    ) -> Read:
        """Read records from positions on; with `wait_ms`, wait for the first one.

        Raises:
            UnknownTopic, UnknownTopicId, UnknownPartition, OffsetOutOfRange, ClusterUnavailable, ClusterRefused:
                nothing was read.
        """
        wanted = Wanted(name, partition, topic_id, max_records, max_bytes)
        poll = self._waiters.poll(wait_ms)
        found, seen = await self._take(wanted, positions)
        first_id = found.topic_id
        while not found.records and not poll.is_over:
            if found.up_to_date and not await self._watcher.news(poll, name, seen):
                break
            found, seen = await self._take(wanted, found.positions)
            if found.topic_id != first_id:
                raise UnknownTopic(name)
        return found

    async def _take(self, wanted: Wanted, positions: Mapping[int, int]) -> tuple[Read, Bounds]:
        """Read what is there now, and say where to go on."""
        going_on = self._going_on(wanted, positions)
        order, bounds = going_on or await self._from_anywhere(wanted, positions)
        if order.is_empty:
            return Read(bounds.topic_id, (), order.positions, up_to_date=True), bounds
        records, following = await self._pool.read(order)
        left = self._order(wanted, bounds, following)
        if left.is_empty and going_on:  # perhaps that is not the end any more
            bounds = await self._views.bounds(wanted.name)
            if bounds.topic_id != order.topic_id:
                raise UnknownTopic(wanted.name)
            left = self._order(wanted, bounds, following)
        return Read(bounds.topic_id, tuple(records), following, up_to_date=left.is_empty), bounds

    def _going_on(self, wanted: Wanted, positions: Mapping[int, int]) -> tuple[Order, Bounds] | None:
        """Say what to read where a consumer of the pool stands already, before the ends that were seen just now."""
        bounds = self._views.bounds_seen_just_now(wanted.name)
        if bounds is None:
            return None
        try:
            order = self._order(wanted, bounds, positions)
        except (UnknownTopicId, UnknownPartition):  # it may have become so since
            return None
        return None if order.is_empty or not self._pool.goes_on_at(order) else (order, bounds)

    async def _from_anywhere(self, wanted: Wanted, positions: Mapping[int, int]) -> tuple[Order, Bounds]:
        """Say what to read from any positions, once they are known to be in their logs.

        Raises:
            UnknownTopic, UnknownTopicId, UnknownPartition, OffsetOutOfRange: they are not.
        """
        bounds = await self._views.bounds(wanted.name)
        order = self._order(wanted, bounds, positions)
        for number, offset in order.positions.items():
            start, end = bounds.starts[number], bounds.ends[number]
            if offset > end:  # perhaps behind an open transaction, where the log goes on
                place = wanted.name, number
                found = await self._views.list_offsets(
                    [place], OffsetSpec.latest(), isolation=IsolationLevel.READ_UNCOMMITTED
                )
                end = found[place]
            if not start <= offset <= end:
                raise OffsetOutOfRange(offset, start, end, number)
        return order, bounds

    def _order(self, wanted: Wanted, bounds: Bounds, positions: Mapping[int, int]) -> Order:
        """Say what is between positions and ends; a partition without a position is new, and read from its start.

        Raises:
            UnknownTopicId, UnknownPartition: the topic is another one, or has no such partition.
        """
        if wanted.topic_id not in {None, bounds.topic_id}:
            raise UnknownTopicId(wanted.topic_id)
        count = len(bounds.ends)
        if wanted.partition is not None and not 0 <= wanted.partition < count:
            raise UnknownPartition(wanted.name, wanted.partition, count)
        numbers = range(count) if wanted.partition is None else (wanted.partition,)
        following = {number: positions.get(number, bounds.starts[number]) for number in numbers}
        ends = {number: max(bounds.ends[number], offset) for number, offset in following.items()}
        return Order(
            wanted.name, bounds.topic_id, following, ends, wanted.max_records, wanted.max_bytes, self._timeout_s
        )
