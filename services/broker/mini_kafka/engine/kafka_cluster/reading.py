"""Reading a topic without a consumer: from given offsets on, one partition or all, waiting for the first record.

What is there is asked first, so that a call sees every record that was acknowledged before it; then a consumer of the
pool reads it. Keeps nothing about whoever asks.
"""

from collections.abc import Mapping

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import OffsetSpec

from mini_kafka.core.errors import OffsetOutOfRange, UnknownPartition, UnknownTopic
from mini_kafka.engine.kafka_cluster.pooled_reader import Order
from mini_kafka.engine.kafka_cluster.reader_pool import ReaderPool
from mini_kafka.engine.kafka_cluster.topic_views import Bounds, TopicViews
from mini_kafka.engine.kafka_cluster.watcher import Watcher
from mini_kafka.engine.port import Read
from mini_kafka.engine.waiters import Waiters


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
        max_records: int,
        max_bytes: int,
        wait_ms: int,
    ) -> Read:
        """Read records from positions on; with `wait_ms`, wait for the first one.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange, ClusterUnavailable, ClusterRefused: nothing was read.
        """
        poll = self._waiters.poll(wait_ms)
        found, seen = await self._take(name, positions, partition, max_records, max_bytes)
        topic_id = found.topic_id
        while not found.records and not poll.is_over:
            if found.up_to_date and not await self._watcher.news(poll, name, seen):
                break
            found, seen = await self._take(name, found.positions, partition, max_records, max_bytes)
            if found.topic_id != topic_id:
                raise UnknownTopic(name)
        return found

    async def _take(
        self, name: str, positions: Mapping[int, int], partition: int | None, max_records: int, max_bytes: int
    ) -> tuple[Read, Bounds]:
        """Read what is there now, and say where to go on."""
        bounds = await self._views.bounds(name)
        following = await self._following(name, bounds, positions, partition)
        ends = {number: max(bounds.ends[number], offset) for number, offset in following.items()}
        if following == ends:
            return Read(bounds.topic_id, (), following, up_to_date=True), bounds
        records, following = await self._pool.read(
            Order(name, bounds.topic_id, following, ends, max_records, max_bytes, self._timeout_s)
        )
        up_to_date = all(following[number] >= end for number, end in ends.items())
        return Read(bounds.topic_id, tuple(records), following, up_to_date), bounds

    async def _following(
        self, name: str, bounds: Bounds, positions: Mapping[int, int], partition: int | None
    ) -> dict[int, int]:
        """Say where to read in each wanted partition; one without a position is new, and read from its start.

        Raises:
            UnknownPartition, OffsetOutOfRange: a position is not in its log.
        """
        count = len(bounds.ends)
        if partition is not None and not 0 <= partition < count:
            raise UnknownPartition(name, partition, count)
        following = {}
        for number in range(count) if partition is None else (partition,):
            start, end = bounds.starts[number], bounds.ends[number]
            offset = positions.get(number, start)
            if offset > end:  # perhaps behind an open transaction, where the log goes on
                place = name, number
                found = await self._views.list_offsets(
                    [place], OffsetSpec.latest(), isolation=IsolationLevel.READ_UNCOMMITTED
                )
                end = found[place]
            if not start <= offset <= end:
                raise OffsetOutOfRange(offset, start, end, number)
            following[number] = offset
        return following
