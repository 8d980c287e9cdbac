"""The memory engine: the port answered from the core, in RAM. A restart forgets.

Owns the clock and the state, and knows who answers what: `appender` takes records in, `reader` and `consuming` hand
them out, `shared_groups` shares them, `groups` shows and moves who stands where, `retention_sweeper` drops them,
`compactor` thins them out. The rules are the core's.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from mini_kafka.core.consumer_groups import ConsumerGroups, group_memory
from mini_kafka.core.errors import BrokerStopping, OffsetOutOfRange, TopicExists, UnknownTopic, UnknownTopicId
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import CommittedOffsets, TopicPartition
from mini_kafka.core.producer_sequences import ProducerSequence, ProducerSequences
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.registered_consumer import RegisteredConsumers
from mini_kafka.core.share_group import ShareGroups
from mini_kafka.core.topic import Topic, Topics, check_name
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.core.topic_defaults import TopicDefaults
from mini_kafka.engine.appender import Appender, with_partitions
from mini_kafka.engine.batch_reader import BatchReader
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.clock import Clock, LoopClock
from mini_kafka.engine.compactor import Compactor
from mini_kafka.engine.consuming import Consuming
from mini_kafka.engine.dead_letters import HEADROOM_BYTES
from mini_kafka.engine.descriptions import describe, describe_all
from mini_kafka.engine.engine_config import EngineConfig as EngineConfig
from mini_kafka.engine.groups import Groups
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
from mini_kafka.engine.reader import Reader
from mini_kafka.engine.retention_sweeper import RetentionSweeper
from mini_kafka.engine.shared_groups import SharedGroups
from mini_kafka.engine.waiters import Waiters

logger = logging.getLogger(__name__)

DEAD_LETTERS = Caller("dead-letters")
"""Who produces to dead-letter topics: the broker itself."""


class MemoryEngine:
    """Topics, offsets and registered consumers in this process's memory."""

    name = "memory"

    def __init__(self, config: EngineConfig, clock: Clock | None = None) -> None:
        clock = clock or LoopClock()
        batches = BatchReader(config.max_decompressed_bytes)
        self._config = config
        self._clock = clock
        self._epoch = secrets.token_hex(8)
        self._budget = MemoryBudget(config.memory_limit)
        self._topics = Topics(self._budget, config.max_partitions)
        memory_of_groups = group_memory(config.group_limits)
        self._topic_defaults = TopicDefaults(config.topic_defaults)
        self._offsets = CommittedOffsets(config.max_groups, config.max_offsets, memory_of_groups)
        self._consumers = RegisteredConsumers(self._offsets)
        self._sequences: ProducerSequences[Sequence[Appended]] = ProducerSequences(config.max_named_producers)
        self._waiters = Waiters(clock, config.max_wait_ms)
        self._sweeper = RetentionSweeper(clock, self._topics)
        self._compactor = Compactor(clock, self._topics, config.memory_limit, config.max_decompressed_bytes)
        self._appender = Appender(clock, self._budget, self._waiters, self._sweeper, self._compactor)
        self._reader = Reader(self._topics, self._waiters, batches)
        offset_calls = Calls()
        share_groups = ShareGroups(self._offsets, config.share_max_delivery_count, config.share_max_in_flight)
        self._consumer_groups = ConsumerGroups(self._offsets, config.group_limits, config.max_groups, memory_of_groups)
        self._shared = SharedGroups(
            self._topics, share_groups, self._waiters, clock, self._reader, offset_calls, self._consumer_groups,
            max_lock_ms=config.share_max_lock_ms,
            max_members=config.group_max_size,
            dead_letter_pattern=config.dead_letter_topic,
            write_dead_letters=self._write_dead_letters,
        )  # fmt: skip
        self._groups = Groups(
            self._topics, self._offsets, self._consumers, share_groups, self._consumer_groups, self._shared,
            offset_calls, self._reader,
        )  # fmt: skip
        self._consuming = Consuming(
            self._topics, self._consumers, self._waiters, batches, offset_calls, self._shared.make_way
        )

    @property
    def epoch(self) -> str:
        """Name this life of the log: a random id of this start."""
        return self._epoch

    @property
    def closed(self) -> bool:
        """Whether the engine is on its way down."""
        return self._waiters.closed

    @property
    def gateway(self) -> str:
        """Name no gateway: the log is here."""
        return ""

    @property
    def trouble(self) -> str:
        """Say nothing: what is in RAM is always there."""
        return ""

    @property
    def message_max_bytes(self) -> int:
        """The bytes of a batch in a topic without a limit of its own: it changes while the broker runs."""
        return self._topic_defaults.config.max_message_bytes

    def now_ms(self) -> int:
        """Give the time, in milliseconds since 1970."""
        return self._clock.now_ms()

    async def usage(self) -> EngineUsage:
        """Count the calls that wait for records, and the bytes that the logs hold, index and objects included."""
        return EngineUsage(1, len(self._waiters), self._budget.used, self._budget.limit)

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
        return describe(self._create(name, partitions, configs or {}))

    def _create(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> Topic:
        config = self._topic_defaults.for_topic(configs)
        count = self._config.num_partitions if partitions is None else partitions
        topic = self._topics.create(name, uuid4(), config, count)
        logger.info("topic %s created with %d partition%s", name, count, "" if count == 1 else "s")
        return topic

    async def put_topic(
        self,
        caller: Caller,
        name: str,
        *,
        partitions: int | None = None,
        configs: Mapping[str, str] | None = None,
    ) -> tuple[TopicDescription, bool]:
        """Have a topic that is as described, and say whether it was made just now."""
        topic = self._topics.find(name)
        if topic is None:
            return describe(self._create(name, partitions, configs or {})), True
        if partitions is not None and partitions != len(topic.logs):
            raise TopicExists(f"topic {name!r} exists with {len(topic.logs)} partitions, not {partitions}")
        wanted = configs or {}
        others = [f"{key}={has}, not {wanted[key]}" for key, has in topic.config.differences(wanted).items()]
        if others:
            raise TopicExists(f"topic {name!r} exists with {', '.join(others)}")
        return describe(topic), False

    async def alter_topic(
        self,
        caller: Caller,
        name: str,
        *,
        partitions: int | None = None,
        configs: Mapping[str, str] | None = None,
    ) -> TopicDescription:
        """Give a topic more partitions, other configs, or both."""
        topic = self._topics.get(name)
        config = self._topic_defaults.for_topic({**topic.config.own, **(configs or {})})
        if partitions is not None and partitions != len(topic.logs):
            self._topics.add_partitions(topic, partitions)
            self._waiters.notify(topic.topic_id)
        self._reconfigure(topic, config)
        return describe(topic)

    def _reconfigure(self, topic: Topic, config: TopicConfig) -> None:
        topic.config = config
        self._sweeper.reconfigured()
        self._compactor.changed(config)

    async def describe_topic(self, caller: Caller, name: str) -> TopicDescription:
        """Show one topic."""
        return describe(self._topics.get(name))

    async def ensure_topic(self, caller: Caller, name: str, *, explicit: bool) -> TopicDescription:
        """Find a topic, or make it."""
        return describe(self._ensure(name, explicit=explicit))

    def _ensure(self, name: str, *, explicit: bool) -> Topic:
        topic = self._topics.find(name)
        if topic is not None:
            return topic
        if not explicit and not self._config.auto_create_topics:
            raise UnknownTopic(name)
        return self._create(name, None, {})

    async def _write_dead_letters(self, name: str, source: str, records: Sequence[NewRecord]) -> None:
        """Append dead letters; a missing topic is made wherever it may be: a setting asks for it."""
        if self._topics.find(name) is None:
            widest = min(self._topics.get(source).config.max_message_bytes + HEADROOM_BYTES, 2**31 - 1)
            self._create(name, None, {"max.message.bytes": str(widest)})
        await self.produce(DEAD_LETTERS, name, records)

    async def delete_topic(self, caller: Caller, name: str) -> None:
        """Take a topic, its records and all offsets committed for it away."""
        topic = self._topics.delete(name)
        self._shared.forget_topic(topic)
        self._offsets.forget_topic(name)
        self._consumers.forget_topic(name)
        self._sequences.forget_topic(name)
        self._sweeper.drain(topic.logs)
        self._waiters.notify(topic.topic_id)
        logger.info("topic %s deleted", name)

    async def describe_topics(self, caller: Caller) -> Sequence[TopicDescription]:
        """List all topics by name."""
        return await describe_all(self._topics)

    async def produce(
        self,
        caller: Caller,
        topic: str,
        records: Sequence[NewRecord],
        *,
        create: bool = False,
        sequence: ProducerSequence | None = None,
    ) -> Sequence[Appended]:
        """Append records, all of them or none, and say where each came to lie."""
        if self._waiters.closed:
            raise BrokerStopping
        target = self._ensure(topic, explicit=False) if create else self._topics.get(topic)
        partitions = len(target.logs)
        placed = await with_partitions(target, records, self._clock.now_ms())
        if self._topics.find(topic) is not target or len(target.logs) != partitions:  # changed while keys were hashed
            return await self.produce(caller, topic, records, create=create, sequence=sequence)
        if sequence is None:
            return self._appender.append(target, placed)
        answer = self._sequences.answered(topic, sequence)
        if answer is None:
            answer = self._appender.append(target, placed)
            self._sequences.remember(topic, sequence, answer)
        return answer

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
        if topic_id is not None and self._topics.get(topic).topic_id != topic_id:
            raise UnknownTopicId(topic_id)
        return await self._reader.read(
            topic, positions, partition=partition, max_records=max_records, max_bytes=max_bytes, wait_ms=wait_ms
        )

    async def offsets_at(self, caller: Caller, topic: str, at: int) -> Sequence[int]:
        """Look an offset up in each partition: EARLIEST, LATEST, or the first record at or after a time."""
        return await self._reader.offsets_at(topic, at)

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
                raise OffsetOutOfRange(offset, log.log_start_offset, log.log_end_offset, partition.partition)
        self._offsets.check_room(group, offsets)
        self._shared.make_way(group)
        for partition, offset in offsets.items():
            self._offsets.commit(group, partition, offset)
        self._waiters.notify(group)

    async def committed_offsets(self, caller: Caller, group: str) -> Mapping[TopicPartition, int]:
        """Give a group's committed offsets; empty for a group that nobody knows."""
        return self._offsets.of_group(group)

    async def register_consumer(self, caller: Caller, consumer_id: str, topic: str) -> None:
        """Let a consumer read a topic: where it stopped, or from the log start, which is committed then."""
        self._consuming.register(consumer_id, self._ensure(topic, explicit=False))

    async def consume(self, caller: Caller, consumer_id: str, *, wait_ms: int = 0) -> ConsumedRecord | None:
        """Hand a registered consumer its next record and commit it, or None when there is nothing new."""
        return await self._consuming.consume(consumer_id, wait_ms)

    async def consumer_places(self, caller: Caller) -> Sequence[ConsumerPlace]:
        """List where every registered consumer stands."""
        return await self._consuming.places()

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
        self._shared.claim(group)
        for topic in topics:
            check_name(topic)
        for topic in topics:
            if create:
                self._ensure(topic, explicit=False)
        return await self._shared.acquire(
            group, topics, max_records=max_records, wait_ms=wait_ms, lock_ms=lock_ms, member=member
        )

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

    async def release_member(self, caller: Caller, group: str, member: str) -> int:
        """Give back all that a member holds, and count it."""
        return await self._shared.release_member(group, member)

    async def list_groups(self, caller: Caller) -> Sequence[GroupSummary]:
        """List all groups by name."""
        return await self._groups.summaries()

    async def describe_group(self, caller: Caller, group: str) -> GroupDescription:
        """Show one group."""
        return await self._groups.describe(group)

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

    async def delete_group(self, caller: Caller, group: str) -> None:
        """Take a group and its offsets away."""
        self._groups.delete(group)

    async def forget_offsets(self, caller: Caller, group: str, topic: str) -> None:
        """Take what a group has committed of one topic away."""
        self._groups.forget_offsets(group, topic)

    async def close(self) -> None:
        """End all waiting, and refuse new records from now on."""
        self._waiters.close()
        self._shared.close()
        self._sweeper.close()
        self._compactor.close()
