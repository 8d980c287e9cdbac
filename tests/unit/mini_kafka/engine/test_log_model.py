"""The engine against plain lists: whatever is called in whatever order, it answers as the lists do.

The model knows no index, no sweeper and no timer. It keeps every batch in a list, and judges what retention
dropped: only whole batches from the head, only what Kafka's rules allow, and nothing overdue.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mini_kafka.core.errors import MemoryLimitReached, OffsetOutOfRange, UnknownConsumer, UnknownTopic
from mini_kafka.core.memory_budget import cost_of
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord, Record, build_batches, record_count
from mini_kafka.core.retention import GRACE_MS
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import EARLIEST, LATEST, Caller, ConsumerPlace
from mini_kafka.engine.retention_sweeper import MIN_INTERVAL_MS
from tests.support.clock import ManualClock
from tests.support.reading import fetch, offset_at

ME = Caller("test")
MEMORY_LIMIT = 6_000
T = TypeVar("T")

topic_names = st.sampled_from(["orders", "bills"])
consumer_ids = st.sampled_from(["c", "d"])
partition_numbers = st.integers(0, 2)
configs = st.fixed_dictionaries(
    {
        "retention.ms": st.sampled_from(["-1", "-1", "0", "2000", "20000"]),
        "retention.bytes": st.sampled_from(["-1", "-1", "0", "300", "1000"]),
        "max.message.bytes": st.sampled_from(["250", "1048588"]),
        "message.timestamp.type": st.sampled_from(["CreateTime", "CreateTime", "LogAppendTime"]),
    }
)
new_records = st.tuples(
    st.binary(max_size=60), st.none() | st.binary(max_size=3), st.none() | st.integers(-30_000, 30_000)
)

Drawn = tuple[bytes, bytes | None, int | None]


@dataclass(frozen=True)
class Batch:
    size: int
    records: list[Record]
    appended_ms: int

    @property
    def latest_ms(self) -> int:
        return max(record.timestamp_ms for record in self.records)


@dataclass
class Log:
    batches: list[Batch] = field(default_factory=list)
    end: int = 0
    kept_until_ms: int = 0
    size_dropped_ms: int = 0
    """When the size last dropped a batch that was not too old, at an append, which leaves age to the next pass."""

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch.records]

    @property
    def start(self) -> int:
        return self.records[0].offset if self.batches else self.end

    def some_offset(self, drawn: int) -> int:
        """Give an offset in the log, or just outside of it."""
        return self.start - 1 + drawn % (self.end - self.start + 3)


@dataclass
class ModelTopic:
    config: TopicConfig
    logs: list[Log]


@dataclass
class Reader:
    topic: str
    turn: int = 0


def answer(call: Coroutine[Any, Any, T]) -> T:
    """Run a call that has nothing to wait for, without an event loop."""
    try:
        call.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("the call waits")


class LogModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.engine = MemoryEngine(EngineConfig(MEMORY_LIMIT), self.clock)
        self.topics: dict[str, ModelTopic] = {}
        self.committed: dict[str, dict[TopicPartition, int]] = {}
        self.readers: dict[str, Reader] = {}

    @initialize(partitions=st.integers(1, 3), changes=configs)
    def create_one(self, partitions: int, changes: dict[str, str]) -> None:
        self.create("orders", partitions, changes)
        self.register("c", "orders")

    @rule(name=topic_names, partitions=st.integers(1, 3), changes=configs)
    def create(self, name: str, partitions: int, changes: dict[str, str]) -> None:
        if name not in self.topics:
            answer(self.engine.create_topic(ME, name, partitions=partitions, configs=changes))
            config = TopicConfig().with_changes(changes)
            self.topics[name] = ModelTopic(config, [Log() for _ in range(partitions)])

    @rule(name=topic_names, seldom=st.integers(0, 5))
    def delete(self, name: str, seldom: int) -> None:
        if seldom:
            return
        if name not in self.topics:
            with pytest.raises(UnknownTopic):
                answer(self.engine.delete_topic(ME, name))
            return
        answer(self.engine.delete_topic(ME, name))
        self.clock.advance(0)
        del self.topics[name]
        self.readers = {known: reader for known, reader in self.readers.items() if reader.topic != name}
        for offsets in self.committed.values():
            for partition in [known for known in offsets if known.topic == name]:
                del offsets[partition]

    @rule(delay_ms=st.sampled_from([0, 1, 500, 1_000, 3_000, 10_000, GRACE_MS]))
    def wait(self, delay_ms: int) -> None:
        self.clock.advance(delay_ms)

    @rule(name=topic_names, calls=st.lists(st.lists(new_records, max_size=3), min_size=1, max_size=8))
    def produce_often(self, name: str, calls: list[list[Drawn]]) -> None:
        for drawn in calls:
            self.produce(name, drawn)

    @rule(name=topic_names, drawn=st.lists(new_records, max_size=6))
    def produce(self, name: str, drawn: list[Drawn]) -> None:
        now_ms = self.clock.now_ms()
        records = [NewRecord(value, key, (), None if ago is None else now_ms + ago) for value, key, ago in drawn]
        if name not in self.topics:
            with pytest.raises(UnknownTopic):
                answer(self.engine.produce(ME, name, records))
            return
        used = self.engine.memory_used
        try:
            appended = answer(self.engine.produce(ME, name, records))
        except MemoryLimitReached:
            assert self.engine.memory_used == used
            assert used + sum(len(record.value or b"") + 200 for record in records) > MEMORY_LIMIT
            return
        topic = self.topics[name]
        chosen: dict[int, list[NewRecord]] = {}
        for record, place in zip(records, appended, strict=True):
            log = topic.logs[place.partition]
            assert place.offset == log.end + len(chosen.setdefault(place.partition, []))
            chosen[place.partition].append(record)
            if record.key is not None:
                assert place.partition == partition_for_key(record.key, len(topic.logs))
        assert len({p.partition for p, record in zip(appended, records, strict=True) if record.key is None}) <= 1
        for partition, part in chosen.items():
            self.extend(topic.logs[partition], topic.config, part)

    def extend(self, log: Log, config: TopicConfig, records: list[NewRecord]) -> None:
        now_ms, rest = self.clock.now_ms(), list(records)
        stamped = config.log_append_time
        for batch in build_batches(rest, now_ms=now_ms, max_bytes=config.max_message_bytes, log_append_time=stamped):
            stored = []
            for new in rest[: record_count(batch)]:
                timestamp_ms = now_ms if stamped or new.timestamp_ms is None else new.timestamp_ms
                stored.append(Record(log.end, timestamp_ms, new.key, new.value))
                log.end += 1
            rest = rest[len(stored) :]
            first, one = not log.batches, Batch(len(batch), stored, now_ms)
            log.batches.append(one)
            if first and config.retention_ms >= 0:
                expires_ms = max(one.latest_ms + config.retention_ms + 1, log.kept_until_ms)
                log.kept_until_ms = now_ms + GRACE_MS if expires_ms <= now_ms else log.kept_until_ms

    @rule(name=topic_names, number=partition_numbers, ago=st.integers(-40_000, 30_000))
    def look_up(self, name: str, number: int, ago: int) -> None:
        if name in self.topics:
            partition, log = self.partition(name, number)
            time_ms = self.clock.now_ms() + ago
            expected = next((record.offset for record in log.records if record.timestamp_ms >= time_ms), log.end)
            assert answer(offset_at(self.engine, ME, partition, time_ms)) == expected
            assert answer(offset_at(self.engine, ME, partition, EARLIEST)) == log.start
            assert answer(offset_at(self.engine, ME, partition, LATEST)) == log.end

    @rule(name=topic_names, number=partition_numbers, drawn=st.integers(0, 200), most=st.integers(1, 9))
    def read(self, name: str, number: int, drawn: int, most: int) -> None:
        if name not in self.topics:
            return
        partition, log = self.partition(name, number)
        offset = log.some_offset(drawn)
        call = fetch(self.engine, ME, partition, offset, max_records=most)
        if log.start <= offset <= log.end:
            expected = [record for record in log.records if record.offset >= offset][:most]
            assert list(answer(call).records) == expected
        else:
            with pytest.raises(OffsetOutOfRange):
                answer(call)

    @rule(group=consumer_ids, name=topic_names, number=partition_numbers, drawn=st.integers(0, 200))
    def commit(self, group: str, name: str, number: int, drawn: int) -> None:
        if name not in self.topics:
            return
        partition, log = self.partition(name, number)
        offset = log.some_offset(drawn)
        call = self.engine.commit_offsets(ME, group, {partition: offset})
        if 0 <= offset <= log.end:
            answer(call)
            self.committed.setdefault(group, {})[partition] = offset
        else:
            with pytest.raises(OffsetOutOfRange):
                answer(call)

    @rule(consumer_id=consumer_ids, name=topic_names)
    def register(self, consumer_id: str, name: str) -> None:
        if name in self.topics:
            answer(self.engine.register_consumer(ME, consumer_id, name))
            offsets = self.committed.setdefault(consumer_id, {})
            for number, log in enumerate(self.topics[name].logs):
                offsets.setdefault(TopicPartition(name, number), log.start)
            if consumer_id not in self.readers or self.readers[consumer_id].topic != name:
                self.readers[consumer_id] = Reader(name)

    @rule(consumer_id=consumer_ids)
    def consume(self, consumer_id: str) -> None:
        if consumer_id not in self.readers:
            with pytest.raises(UnknownConsumer):
                answer(self.engine.consume(ME, consumer_id))
            return
        reader = self.readers[consumer_id]
        consumed = answer(self.engine.consume(ME, consumer_id))
        logs = self.topics[reader.topic].logs
        for number in [*range(reader.turn, len(logs)), *range(reader.turn)]:
            partition = TopicPartition(reader.topic, number)
            position = self.committed[consumer_id][partition]
            following = [record for record in logs[number].records if record.offset >= position]
            if following:
                assert consumed is not None
                assert (consumed.topic, consumed.partition) == (reader.topic, number)
                assert consumed.record == following[0]
                self.committed[consumer_id][partition] = following[0].offset + 1
                reader.turn = (number + 1) % len(logs)
                return
        assert consumed is None

    def partition(self, name: str, number: int) -> tuple[TopicPartition, Log]:
        """Give one of a topic's partitions."""
        logs = self.topics[name].logs
        number %= len(logs)
        return TopicPartition(name, number), logs[number]

    @invariant()
    def the_bounds_are_those_that_retention_allows(self) -> None:
        described = answer(self.engine.describe_topics(ME))
        assert [topic.name for topic in described] == sorted(self.topics)
        for topic in described:
            model = self.topics[topic.name]
            for partition, log in zip(topic.partitions, model.logs, strict=True):
                while log.batches and log.start < partition.log_start_offset:
                    assert self.may_go(log, model.config), "retention dropped what must stay"
                    if not self.may_go_by_age(log, model.config):
                        log.size_dropped_ms = self.clock.now_ms()
                    log.batches.pop(0)
                assert (partition.log_start_offset, partition.high_watermark) == (log.start, log.end)
                assert not self.overdue(log, model.config), "retention left what must go"
            assert topic.record_count == sum(len(log.records) for log in model.logs)

    def may_go(self, log: Log, config: TopicConfig) -> bool:
        head, size = log.batches[0], sum(batch.size for batch in log.batches)
        by_size = config.retention_bytes >= 0 and size - head.size >= config.retention_bytes
        return by_size or self.may_go_by_age(log, config)

    def may_go_by_age(self, log: Log, config: TopicConfig) -> bool:
        now_ms = self.clock.now_ms()
        return 0 <= config.retention_ms < now_ms - log.batches[0].latest_ms and now_ms >= log.kept_until_ms

    def overdue(self, log: Log, config: TopicConfig) -> bool:
        if not log.batches or not self.may_go(log, config):
            return False
        head, size = log.batches[0], sum(batch.size for batch in log.batches)
        if config.retention_bytes >= 0 and size - head.size >= config.retention_bytes:
            return True
        expired_ms = max(
            head.latest_ms + config.retention_ms + 1, head.appended_ms, log.kept_until_ms, log.size_dropped_ms
        )
        return self.clock.now_ms() >= expired_ms + MIN_INTERVAL_MS

    @invariant()
    def the_memory_counted_is_that_of_the_batches_held(self) -> None:
        batches = [batch for topic in self.topics.values() for log in topic.logs for batch in log.batches]
        assert self.engine.memory_used == sum(cost_of(bytes(batch.size)) for batch in batches) <= MEMORY_LIMIT

    @invariant()
    def committed_offsets_are_where_they_were_put(self) -> None:
        for group, offsets in self.committed.items():
            assert answer(self.engine.committed_offsets(ME, group)) == offsets
        assert answer(self.engine.consumer_places(ME)) == [
            ConsumerPlace(name, reader.topic, self.sum_of(name, reader.topic))
            for name, reader in sorted(self.readers.items())
        ]

    def sum_of(self, group: str, topic: str) -> int:
        return sum(offset for partition, offset in self.committed[group].items() if partition.topic == topic)


TestTheEngineAnswersAsPlainListsDo = LogModel.TestCase
