"""The memory engine: the port answered from the core, in RAM. A restart forgets.

Owns waiting, the clock and the state. The rules are the core's; what retention drops, the sweeper drops.
"""

import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from uuid import uuid4

from mini_kafka.core import record_batch
from mini_kafka.core.errors import (
    BrokerStopping,
    MemoryLimitReached,
    OffsetOutOfRange,
    RecordTooLarge,
    UnknownTopic,
)
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.offsets import CommittedOffsets, TopicPartition
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.core.registered_consumer import RegisteredConsumer, RegisteredConsumers
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.clock import Clock, LoopClock
from mini_kafka.engine.port import (
    EARLIEST,
    LATEST,
    Appended,
    Caller,
    ConsumedRecord,
    ConsumerPlace,
    Fetched,
    PartitionDescription,
    TopicDescription,
)
from mini_kafka.engine.retention_sweeper import RetentionSweeper
from mini_kafka.engine.waiters import Waiters

logger = logging.getLogger(__name__)

FETCH_BYTES = 1024 * 1024
"""How many bytes of batches one fetch decodes at most (but at least one batch): a few milliseconds of work."""


FULL_WARNING_EVERY_MS = 60_000
"""How often the log says that the memory is full: each refused producer knows it already."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the memory engine has to be told; sizes in bytes, times in milliseconds."""

    memory_limit: int
    num_partitions: int = 1
    auto_create_topics: bool = True
    max_wait_ms: int = 30_000
    topic_defaults: TopicConfig = field(default_factory=TopicConfig)


class MemoryEngine:
    """Topics, offsets and registered consumers in this process's memory."""

    def __init__(self, config: EngineConfig, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or LoopClock()
        self._epoch = secrets.token_hex(8)
        self._budget = MemoryBudget(config.memory_limit)
        self._topics = Topics(self._budget)
        self._offsets = CommittedOffsets()
        self._consumers = RegisteredConsumers(self._offsets)
        self._waiters = Waiters(self._clock)
        self._sweeper = RetentionSweeper(self._clock, self._topics)
        self._next_full_warning_ms = 0

    @property
    def epoch(self) -> str:
        """Name this life of the log: a random id of this start."""
        return self._epoch

    @property
    def memory_used(self) -> int:
        """Count the bytes that the logs hold, index and objects included."""
        return self._budget.used

    @property
    def waiting(self) -> int:
        """Count the calls that wait for records."""
        return len(self._waiters)

    async def create_topic(
        self,
        caller: Caller,
        name: str,
        *,
        partitions: int | None = None,
        configs: Mapping[str, str] | None = None,
    ) -> TopicDescription:
        """Make a topic, with the broker's defaults for what is not said."""
        return _describe(self._create(name, partitions, configs or {}))

    def _create(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> Topic:
        config = self._config.topic_defaults.with_changes(configs)
        count = self._config.num_partitions if partitions is None else partitions
        topic = self._topics.create(name, uuid4(), config, count)
        logger.info("topic %s created with %d partition%s", name, count, "" if count == 1 else "s")
        return topic

    async def ensure_topic(self, caller: Caller, name: str, *, explicit: bool) -> TopicDescription:
        """Find a topic, or make it."""
        return _describe(self._ensure(name, explicit=explicit))

    def _ensure(self, name: str, *, explicit: bool) -> Topic:
        topic = self._topics.find(name)
        if topic is not None:
            return topic
        if not explicit and not self._config.auto_create_topics:
            raise UnknownTopic(name)
        return self._create(name, None, {})

    async def delete_topic(self, caller: Caller, name: str) -> None:
        """Take a topic, its records and all offsets committed for it away."""
        topic = self._topics.delete(name)
        self._offsets.forget_topic(name)
        self._consumers.forget_topic(name)
        self._sweeper.drain(topic.logs)
        for partition in topic.partitions:
            self._waiters.notify(partition)

    async def describe_topics(self, caller: Caller) -> Sequence[TopicDescription]:
        """List all topics by name."""
        return sorted((_describe(topic) for topic in self._topics), key=lambda topic: topic.name)

    async def produce(
        self,
        caller: Caller,
        topic: str,
        records: Sequence[NewRecord],
    ) -> Sequence[Appended]:
        """Append records, all of them or none, and say where each came to lie."""
        if self._waiters.closed:
            raise BrokerStopping
        target = self._topics.get(topic)
        now_ms = self._clock.now_ms()
        if len(target.logs) == 1:
            batches = _build(target, records, now_ms)
            self._check_budget(batches, now_ms)
            return self._append(target, 0, records, batches, now_ms)
        return self._produce_to_partitions(target, records, now_ms)

    def _produce_to_partitions(self, topic: Topic, records: Sequence[NewRecord], now_ms: int) -> list[Appended]:
        parts = _by_partition(topic, records)
        built: list[list[bytearray]] = []
        for indexes in parts.values():
            try:
                built.append(_build(topic, [records[index] for index in indexes], now_ms))
            except RecordTooLarge as error:
                raise RecordTooLarge(indexes[error.index], error.size, error.limit) from None
        self._check_budget(chain.from_iterable(built), now_ms)
        places: dict[int, Appended] = {}
        for (partition, indexes), batches in zip(parts.items(), built, strict=True):
            part = [records[index] for index in indexes]
            places.update(zip(indexes, self._append(topic, partition, part, batches, now_ms), strict=True))
        return [places[index] for index in range(len(records))]

    def _check_budget(self, batches: Iterable[bytearray], now_ms: int) -> None:
        try:
            self._budget.check(sum(map(cost_of, batches)))
        except MemoryLimitReached as error:
            if now_ms >= self._next_full_warning_ms:
                self._next_full_warning_ms = now_ms + FULL_WARNING_EVERY_MS
                logger.warning("records are refused: %s", error)
            raise

    def _append(
        self, topic: Topic, partition: int, records: Sequence[NewRecord], batches: Iterable[bytearray], now_ms: int
    ) -> list[Appended]:
        """Append the batches that `records` became, and say where each record came to lie."""
        log = topic.logs[partition]
        places: list[Appended] = []
        remaining = iter(records)
        for batch in batches:
            offset = log.append(batch)
            self._sweeper.appended(log, topic.config)
            for record in islice(remaining, record_batch.record_count(batch)):
                timestamp_ms = now_ms if topic.config.log_append_time else record.timestamp_ms
                places.append(Appended(partition, offset, now_ms if timestamp_ms is None else timestamp_ms))
                offset += 1
        if places:
            self._waiters.notify(topic.partitions[partition])
        return places

    async def fetch(
        self,
        caller: Caller,
        partition: TopicPartition,
        offset: int,
        *,
        max_records: int,
        wait_ms: int = 0,
    ) -> Fetched:
        """Read at most `max_records` records from `offset` on; with `wait_ms`, wait for the first one."""
        log = self._topics.get(partition.topic).log(partition.partition)
        batches = log.fetch(offset, FETCH_BYTES)
        if not batches and await self._wait([partition], wait_ms):
            log = self._topics.get(partition.topic).log(partition.partition)
            batches = log.fetch(offset, FETCH_BYTES)
        records = tuple(islice(_records_from(batches, offset), max_records))
        return Fetched(records, log.log_start_offset, log.high_watermark)

    async def list_offsets(self, caller: Caller, partition: TopicPartition, at: int) -> int | None:
        """Look an offset up: EARLIEST, LATEST, or the first record at or after a time in milliseconds."""
        log = self._topics.get(partition.topic).log(partition.partition)
        if at == EARLIEST:
            return log.log_start_offset
        if at == LATEST:
            return log.high_watermark
        batch = log.batch_for_timestamp(at)
        if batch is None:
            return None
        return next(record.offset for record in record_batch.read_records(batch) if record.timestamp_ms >= at)

    async def commit_offsets(
        self,
        caller: Caller,
        group: str,
        offsets: Mapping[TopicPartition, int],
    ) -> None:
        """Keep, for a group, the next offset to read in each partition."""
        for partition, offset in offsets.items():
            log = self._topics.get(partition.topic).log(partition.partition)
            if not 0 <= offset <= log.log_end_offset:
                raise OffsetOutOfRange(offset, log.log_start_offset, log.log_end_offset)
        for partition, offset in offsets.items():
            self._offsets.commit(group, partition, offset)
        self._waiters.notify(group)

    async def committed_offsets(self, caller: Caller, group: str) -> Mapping[TopicPartition, int]:
        """Give a group's committed offsets; empty for a group that nobody knows."""
        return self._offsets.of_group(group)

    async def register_consumer(self, caller: Caller, consumer_id: str, topic: str) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then."""
        self._consumers.register(consumer_id, self._ensure(topic, explicit=False))
        self._waiters.notify(consumer_id)

    async def consume(
        self,
        caller: Caller,
        consumer_id: str,
        *,
        wait_ms: int = 0,
    ) -> ConsumedRecord | None:
        """Hand a registered consumer its next record and commit it, or None when there is nothing new."""
        deadline_ms = self._clock.now_ms() + min(wait_ms, self._config.max_wait_ms) if wait_ms else 0
        while True:
            consumer = self._consumers.get(consumer_id)
            topic = self._topics.get(consumer.topic)
            consumed = self._take_next(consumer, topic)
            if consumed is not None or wait_ms <= 0:
                return consumed
            remaining_ms = deadline_ms - self._clock.now_ms()
            if not await self._wait([consumer_id, *topic.partitions], remaining_ms):
                return None

    def _take_next(self, consumer: RegisteredConsumer, topic: Topic) -> ConsumedRecord | None:
        turn = self._consumers.next_turn(consumer, topic)
        if turn is None:
            return None
        log = topic.logs[turn.partition]
        if turn.committed is not None and turn.committed < turn.offset:
            logger.warning(
                "consumer %s fell behind on %s-%d: offsets %d to %d are gone, it goes on at %d",
                consumer.consumer_id, topic.name, turn.partition, turn.committed, turn.offset - 1, turn.offset,
            )  # fmt: skip
        record = next(_records_from(log.fetch(turn.offset, 1), turn.offset))
        self._consumers.take(consumer, topic, turn.partition, record.offset + 1)
        return ConsumedRecord(topic.name, turn.partition, record)

    async def _wait(self, keys: Iterable[TopicPartition | str], wait_ms: int) -> bool:
        """Wait for records in one of the partitions, or until a group of one of the names is moved."""
        return await self._waiters.wait(keys, min(wait_ms, self._config.max_wait_ms))

    async def consumer_places(self, caller: Caller) -> Sequence[ConsumerPlace]:
        """List where every registered consumer stands."""
        return [
            ConsumerPlace(
                consumer.consumer_id,
                consumer.topic,
                self._consumers.position(consumer, self._topics.get(consumer.topic)),
            )
            for consumer in self._consumers
        ]

    async def close(self) -> None:
        """End all waiting, and refuse new records from now on."""
        self._waiters.close()
        self._sweeper.close()


def _by_partition(topic: Topic, records: Sequence[NewRecord]) -> dict[int, list[int]]:
    """Sort the records' indexes by the partition that each goes to."""
    parts: dict[int, list[int]] = {}
    keyless: int | None = None
    for index, record in enumerate(records):
        if record.key is not None:
            partition = partition_for_key(record.key, len(topic.logs))
        else:
            partition = keyless = topic.next_keyless_partition() if keyless is None else keyless
        parts.setdefault(partition, []).append(index)
    return parts


def _build(topic: Topic, records: Sequence[NewRecord], now_ms: int) -> list[bytearray]:
    return record_batch.build_batches(
        records,
        now_ms=now_ms,
        max_bytes=topic.config.max_message_bytes,
        log_append_time=topic.config.log_append_time,
    )


def _records_from(batches: Sequence[bytes], offset: int) -> Iterator[Record]:
    for batch in batches:
        for record in record_batch.read_records(batch):
            if record.offset >= offset:
                yield record


def _describe(topic: Topic) -> TopicDescription:
    partitions = tuple(
        PartitionDescription(number, log.log_start_offset, log.high_watermark) for number, log in enumerate(topic.logs)
    )
    return TopicDescription(topic.name, topic.topic_id, topic.config, partitions, topic.record_count())
