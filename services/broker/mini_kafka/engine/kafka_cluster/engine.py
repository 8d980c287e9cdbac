"""The cluster engine: the port answered from a real Kafka cluster. It keeps nothing that the cluster does not have.

Knows who answers what: `connection` reaches the cluster, the other rooms of this package do the work.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from confluent_kafka import Consumer

from mini_kafka.core.errors import BrokerStopping, NotOnCluster, TopicExists, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.producer_sequences import ProducerSequence
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.topic import check_name
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.clock import LoopClock
from mini_kafka.engine.dead_letters import HEADROOM_BYTES
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig, reader_config
from mini_kafka.engine.kafka_cluster.connection import Connection, librdkafka_logger
from mini_kafka.engine.kafka_cluster.consuming import Consuming
from mini_kafka.engine.kafka_cluster.feed_reader import FeedReader
from mini_kafka.engine.kafka_cluster.group_admin import GroupAdmin, check_group_name
from mini_kafka.engine.kafka_cluster.groups import Groups
from mini_kafka.engine.kafka_cluster.open_calls import OpenCalls
from mini_kafka.engine.kafka_cluster.pooled_reader import PooledReader
from mini_kafka.engine.kafka_cluster.producing import Producing
from mini_kafka.engine.kafka_cluster.reader_pool import ReaderPool
from mini_kafka.engine.kafka_cluster.reading import Reading
from mini_kafka.engine.kafka_cluster.shared_groups import SharedGroups
from mini_kafka.engine.kafka_cluster.topic_views import TopicViews
from mini_kafka.engine.kafka_cluster.topics import ClusterTopics
from mini_kafka.engine.kafka_cluster.watcher import Watcher
from mini_kafka.engine.port import (
    LOCK_MS,
    READ_BYTES,
    Acknowledgement,
    AcquiredRecord,
    Appended,
    Caller,
    ConsumedRecord,
    ConsumerPlace,
    EngineUsage,
    GroupDescription,
    GroupSummary,
    OffsetChange,
    OffsetTarget,
    Read,
    RecordLock,
    Release,
    TopicDescription,
)
from mini_kafka.engine.waiters import Waiters

FINISH_S = 1.0
"""How long calls may go on when the engine ends: what the cluster answers at all, it answers by then."""
MAY_BE_DONE = "; what this call was to change may be changed all the same"

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate["KafkaClusterEngine", P], Coroutine[Any, Any, T]]


def in_time(doubt: str = "") -> Callable[[Method[P, T]], Method[P, T]]:
    """Let calls of a method end in time, as `OpenCalls` does; `doubt` is what is not known of one that was cut."""

    def bound(method: Method[P, T]) -> Method[P, T]:
        @wraps(method)
        async def call(engine: "KafkaClusterEngine", /, *args: P.args, **kwargs: P.kwargs) -> T:
            return await engine.answer(method(engine, *args, **kwargs), cast(int, kwargs.get("wait_ms", 0)), doubt)

        return call

    return bound


class KafkaClusterEngine:
    """Topics, records, offsets and groups of a Kafka cluster."""

    name = "kafka"

    def __init__(self, config: ClusterConfig) -> None:
        """Make the clients; `start` lets them work.

        Raises:
            KafkaException: librdkafka does not take the settings.
        """
        self._config = config
        self._connection = Connection(config)
        self._calls = OpenCalls(config.call_s, lambda: self._connection.trouble)
        self._waiters = Waiters(LoopClock(), config.max_wait_ms)
        self._views = TopicViews(self._connection)
        self._topics = ClusterTopics(self._connection, self._views)
        self._producing = Producing(self._connection, self._topics, self._views, self._waiters, LoopClock())
        self._watcher = Watcher(self._views, self._waiters)
        self._pool = ReaderPool(config.readers, self._make_reader)
        self._reading = Reading(self._views, self._pool, self._watcher, self._waiters, timeout_s=config.timeout_s)
        offset_calls = Calls()
        admin = self._group_admin = GroupAdmin(self._connection, LoopClock())
        self._shared = SharedGroups(
            self._connection, admin, self._waiters, LoopClock(), FeedReader(self._reading), offset_calls,
            self._views.ids_and_sizes, self._write_dead_letters,
        )  # fmt: skip
        self._groups = Groups(config, self._views, admin, self._shared, offset_calls)
        self._consuming = Consuming(self._reading, self._views, admin, self._waiters, offset_calls, self._shared)

    def _make_reader(self) -> PooledReader:
        return PooledReader(Consumer(reader_config(self._config), logger=librdkafka_logger))

    def start(self) -> None:
        """Begin to work on the running loop, whether the cluster is there or not."""
        self._connection.start()

    @property
    def epoch(self) -> str:
        """Name the log: by the cluster's id, the same for every gateway, and zeros before it was heard of."""
        return self._connection.epoch

    @property
    def closed(self) -> bool:
        """Whether the engine is on its way down."""
        return self._waiters.closed

    @property
    def gateway(self) -> str:
        """Name this gateway among those of the cluster."""
        return self._config.gateway_name

    @property
    def trouble(self) -> str:
        """Say why the cluster cannot be asked now."""
        return self._connection.trouble

    @property
    def message_max_bytes(self) -> None:
        """Say nothing: the cluster's brokers decide it."""
        return

    async def answer(self, work: Coroutine[Any, Any, T], wait_ms: int, doubt: str) -> T:
        """Do what a call is for in the time that it has."""
        wait_s = max(0, min(wait_ms, self._config.max_wait_ms)) / 1000
        return await self._calls.answer(work, wait_s=wait_s, doubt=doubt)

    def now_ms(self) -> int:
        """Give the time, in milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    async def usage(self) -> EngineUsage:
        """Count the cluster's nodes, the calls that wait, and the bytes on their way; the log's are the cluster's."""
        return EngineUsage(
            self._connection.brokers,
            len(self._waiters),
            queued_bytes=self._producing.queued_bytes,
            queued_limit_bytes=self._config.queue_bytes,
        )

    @in_time(MAY_BE_DONE)
    async def create_topic(
        self, caller: Caller, name: str, *, partitions: int | None = None, configs: Mapping[str, str] | None = None
    ) -> TopicDescription:
        """Make a topic, with the cluster's defaults for what is not said."""
        return await self._topics.create(name, partitions, configs or {})

    @in_time(MAY_BE_DONE)
    async def put_topic(
        self, caller: Caller, name: str, *, partitions: int | None = None, configs: Mapping[str, str] | None = None
    ) -> tuple[TopicDescription, bool]:
        """Have a topic that is as described, and say whether it was made just now."""
        return await self._topics.put(name, partitions, configs or {})

    @in_time(MAY_BE_DONE)
    async def alter_topic(
        self, caller: Caller, name: str, *, partitions: int | None = None, configs: Mapping[str, str] | None = None
    ) -> TopicDescription:
        """Give a topic more partitions, other configs, or both."""
        described = await self._topics.alter(name, partitions, configs or {})
        self._waiters.notify(name)
        return described

    @in_time()
    async def describe_topic(self, caller: Caller, name: str) -> TopicDescription:
        """Show one topic."""
        return await self._views.describe(name)

    @in_time(MAY_BE_DONE)
    async def ensure_topic(self, caller: Caller, name: str, *, explicit: bool) -> TopicDescription:
        """Find a topic, or make it."""
        return await self._topics.ensure(name, explicit=explicit)

    @in_time(MAY_BE_DONE)
    async def delete_topic(self, caller: Caller, name: str) -> None:
        """Take a topic, its records and all offsets committed for it away."""
        await self._topics.delete(name)
        self._shared.forget_topic(name)
        self._waiters.notify(name)

    @in_time()
    async def describe_topics(self, caller: Caller) -> Sequence[TopicDescription]:
        """List all topics by name, without Kafka's internal ones."""
        return await self._views.describe_all()

    @in_time(MAY_BE_DONE)
    async def produce(
        self,
        caller: Caller,
        topic: str,
        records: Sequence[NewRecord],
        *,
        create: bool = False,
        sequence: ProducerSequence | None = None,
    ) -> Sequence[Appended]:
        """Append records, and say where each came to lie."""
        if self._waiters.closed:
            raise BrokerStopping
        if sequence is not None:
            raise NotOnCluster("Producer-Seq")
        return await self._producing.produce(topic, records, create=create, now_ms=self.now_ms())

    @in_time()
    async def read(
        self,
        caller: Caller,
        topic: str,
        positions: Mapping[int, int],
        *,
        partition: int | None = None,
        topic_id: UUID | None = None,
        max_records: int,
        max_bytes: int = READ_BYTES,
        wait_ms: int = 0,
    ) -> Read:
        """Read records of one partition or of all, from a position in each; with `wait_ms`, wait for the first one."""
        return await self._reading.read(
            topic,
            positions,
            partition=partition,
            topic_id=topic_id,
            max_records=max_records,
            max_bytes=max_bytes,
            wait_ms=wait_ms,
        )

    @in_time()
    async def offsets_at(self, caller: Caller, topic: str, at: int) -> Sequence[int]:
        """Look an offset up in each partition: EARLIEST, LATEST, or the first record at or after a time."""
        return await self._views.offsets_at(topic, at)

    @in_time(MAY_BE_DONE)
    async def commit_offsets(self, caller: Caller, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep, for a group, the next offset to read in each partition."""
        await self._groups.commit(group, offsets)

    @in_time()
    async def committed_offsets(self, caller: Caller, group: str) -> Mapping[TopicPartition, int]:
        """Give a group's committed offsets; empty for a group that nobody knows."""
        return await self._groups.committed(group)

    @in_time(MAY_BE_DONE)
    async def register_consumer(self, caller: Caller, consumer_id: str, topic: str) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then."""
        await self._consuming.register(consumer_id, await self._topics.ensure(topic, explicit=False))

    @in_time(MAY_BE_DONE)
    async def consume(self, caller: Caller, consumer_id: str, *, wait_ms: int = 0) -> ConsumedRecord | None:
        """Hand a registered consumer its next record and commit it, or None when there is nothing new."""
        return await self._consuming.consume(consumer_id, wait_ms)

    @in_time()
    async def consumer_places(self, caller: Caller) -> Sequence[ConsumerPlace]:
        """List where every registered consumer stands."""
        return await self._consuming.places()

    @in_time()
    async def acquire(
        self,
        caller: Caller,
        group: str,
        topics: Sequence[str],
        *,
        max_records: int,
        wait_ms: int = 0,
        lock_ms: int = LOCK_MS,
        member: str | None = None,
        create: bool = True,
    ) -> Sequence[AcquiredRecord]:
        """Lock records of topics for a member of a shared group; with `wait_ms`, wait for the first one."""
        check_group_name(group, to_join=True)
        for topic in topics:
            check_name(topic)

        async def find_topic(topic: str) -> UUID:
            if create:
                return (await self._topics.ensure(topic, explicit=False)).topic_id
            return await self._shared.find_topic(topic)

        return await self._shared.acquire(
            group,
            topics,
            max_records=max_records,
            wait_ms=wait_ms,
            lock_ms=lock_ms,
            member=member,
            find_topic=find_topic,
        )

    @in_time()
    async def acknowledge(
        self,
        caller: Caller,
        group: str,
        *,
        accept: Sequence[RecordLock] = (),
        release: Sequence[Release] = (),
        reject: Sequence[RecordLock] = (),
        renew: Sequence[RecordLock] = (),
        lock_ms: int = LOCK_MS,
    ) -> Acknowledgement:
        """Settle locks; those that are no longer held are late, and that is no error."""
        return await self._shared.acknowledge(group, accept, release, reject, renew, lock_ms)

    async def _write_dead_letters(self, name: str, source: str, records: Sequence[NewRecord]) -> None:
        """Append dead letters; a missing topic is made wherever it may be: a setting asks for it."""
        try:
            await self._views.describe(name)
        except UnknownTopic:
            widest = min((await self._views.describe(source)).config.max_message_bytes + HEADROOM_BYTES, 2**31 - 1)
            with suppress(TopicExists):
                await self._topics.create(name, None, {"max.message.bytes": str(widest)})
        await self._producing.produce(name, records, create=False, now_ms=self.now_ms())

    @in_time()
    async def release_member(self, caller: Caller, group: str, member: str) -> int:
        """Give back all that a member holds, and count it."""
        return await self._shared.sharing.acknowledging.release_member(group, member)

    @in_time()
    async def list_groups(self, caller: Caller) -> Sequence[GroupSummary]:
        """List all groups by name."""
        return await self._groups.summaries()

    @in_time()
    async def describe_group(self, caller: Caller, group: str) -> GroupDescription:
        """Show one group."""
        return await self._groups.describe(group)

    @in_time(MAY_BE_DONE)
    async def reset_offsets(
        self,
        caller: Caller,
        group: str,
        targets: Mapping[str | TopicPartition, OffsetTarget],
        *,
        dry_run: bool = False,
    ) -> Sequence[OffsetChange]:
        """Move a group's committed offsets, all or none, and say from where to where."""
        return await self._groups.reset(group, targets, dry_run=dry_run)

    @in_time(MAY_BE_DONE)
    async def delete_group(self, caller: Caller, group: str) -> None:
        """Take a group and its offsets away."""
        await self._groups.delete(group)

    @in_time(MAY_BE_DONE)
    async def forget_offsets(self, caller: Caller, group: str, topic: str) -> None:
        """Take what a group has committed of one topic away."""
        await self._groups.forget_offsets(group, topic)

    async def close(self) -> None:
        """End all waiting, and refuse new records from now on; who waits for the cluster is told, after a moment."""
        self._waiters.close()
        await asyncio.gather(self._producing.close(), self._calls.finish(FINISH_S))
        await self._calls.end()
        await self._shared.close()
        await self._watcher.close()
        self._pool.close()
        self._group_admin.close()
        await self._connection.close()
