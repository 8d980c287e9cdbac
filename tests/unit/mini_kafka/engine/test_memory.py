"""Topics and produced records in the memory engine: where records come to lie, and that a refusal changes nothing."""

import asyncio
import threading

import pytest

from mini_kafka.core.errors import (
    BrokerStopping,
    InvalidConfig,
    InvalidPartitions,
    InvalidTimestamp,
    InvalidTopic,
    MemoryLimitReached,
    RecordTooLarge,
    TopicExists,
    UnknownTopic,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller
from tests.support.clock import ManualClock
from tests.support.reading import fetch
from tests.unit.mini_kafka.engine.conftest import MakeEngine

pytestmark = pytest.mark.anyio

ME = Caller("test")


async def bounds(engine: MemoryEngine) -> dict[str, list[tuple[int, int]]]:
    """Give every partition's log start and end."""
    return {
        topic.name: [(partition.log_start_offset, partition.high_watermark) for partition in topic.partitions]
        for topic in await engine.describe_topics(ME)
    }


async def values(engine: MemoryEngine, topic: str, partition: int = 0) -> list[bytes | None]:
    fetched = await fetch(engine, ME, TopicPartition(topic, partition), 0, max_records=10_000)
    return [record.value for record in fetched.records]


async def test_every_life_of_the_log_has_its_own_name(make_engine: MakeEngine) -> None:
    config = EngineConfig(memory_limit=1000)
    assert len({make_engine(config).epoch for _ in range(10)}) == 10


async def test_a_topic_gets_the_brokers_defaults_for_what_is_not_said(make_engine: MakeEngine) -> None:
    defaults = TopicConfig(retention_ms=5, retention_bytes=7)
    engine = make_engine(EngineConfig(memory_limit=1000, num_partitions=3, topic_defaults=defaults))
    plain = await engine.create_topic(ME, "plain")
    assert (len(plain.partitions), plain.config) == (3, defaults)
    own = await engine.create_topic(ME, "own", partitions=2, configs={"retention.ms": "9"})
    assert (len(own.partitions), own.config) == (2, TopicConfig(retention_ms=9, retention_bytes=7))


async def test_a_refused_topic_is_not_there(engine: MemoryEngine) -> None:
    with pytest.raises(InvalidTopic):
        await engine.create_topic(ME, "no/name")
    with pytest.raises(InvalidPartitions):
        await engine.create_topic(ME, "none", partitions=0)
    with pytest.raises(InvalidConfig):
        await engine.create_topic(ME, "odd", configs={"retention.ms": "soon"})
    assert await engine.describe_topics(ME) == []


async def test_a_second_topic_of_a_name_is_refused_and_the_first_stays(engine: MemoryEngine) -> None:
    first = await engine.create_topic(ME, "orders", partitions=2)
    with pytest.raises(TopicExists):
        await engine.create_topic(ME, "orders")
    assert await engine.describe_topics(ME) == [first]


async def test_ensuring_a_topic_makes_it_once(engine: MemoryEngine) -> None:
    first = await engine.ensure_topic(ME, "orders", explicit=True)
    assert await engine.ensure_topic(ME, "orders", explicit=False) == first


async def test_without_auto_creation_only_a_wish_for_the_topic_itself_makes_it(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=1000, auto_create_topics=False))
    with pytest.raises(UnknownTopic):
        await engine.ensure_topic(ME, "orders", explicit=False)
    with pytest.raises(UnknownTopic):
        await engine.register_consumer(ME, "c", "orders")
    assert await engine.describe_topics(ME) == []
    await engine.ensure_topic(ME, "orders", explicit=True)
    await engine.register_consumer(ME, "c", "orders")


async def test_topics_are_listed_by_name(engine: MemoryEngine) -> None:
    for name in ("b", "c", "a"):
        await engine.create_topic(ME, name)
    assert [topic.name for topic in await engine.describe_topics(ME)] == ["a", "b", "c"]


async def test_a_topic_that_is_made_again_is_another_one(engine: MemoryEngine) -> None:
    first = await engine.create_topic(ME, "orders")
    await engine.produce(ME, "orders", [NewRecord(b"old")])
    await engine.commit_offsets(ME, "g", {TopicPartition("orders", 0): 1})
    await engine.delete_topic(ME, "orders")
    second = await engine.create_topic(ME, "orders")
    assert second.topic_id != first.topic_id
    assert await values(engine, "orders") == []
    assert await engine.committed_offsets(ME, "g") == {}


async def test_an_unknown_topic_is_refused(engine: MemoryEngine) -> None:
    with pytest.raises(UnknownTopic):
        await engine.produce(ME, "orders", [NewRecord(b"")])
    with pytest.raises(UnknownTopic):
        await engine.delete_topic(ME, "orders")


async def test_the_records_of_a_call_lie_in_their_order(engine: MemoryEngine, clock: ManualClock) -> None:
    await engine.create_topic(ME, "orders")
    await engine.produce(ME, "orders", [NewRecord(b"first")])
    appended = await engine.produce(ME, "orders", [NewRecord(b"a", timestamp_ms=5), NewRecord(b"b")])
    assert [(place.partition, place.offset, place.timestamp_ms) for place in appended] == [
        (0, 1, 5),
        (0, 2, clock.now_ms()),
    ]
    assert await values(engine, "orders") == [b"first", b"a", b"b"]


async def test_a_call_that_needs_many_batches_tells_every_place(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders", partitions=3, configs={"max.message.bytes": "300"})
    records = [NewRecord(b"%d" % number * 40, str(number).encode()) for number in range(50)]
    appended = await engine.produce(ME, "orders", records)
    for record, place in zip(records, appended, strict=True):
        partition = TopicPartition("orders", place.partition)
        [found] = (await fetch(engine, ME, partition, place.offset, max_records=1)).records
        assert (found.offset, found.value, found.timestamp_ms) == (place.offset, record.value, place.timestamp_ms)


async def test_log_append_time_is_told_and_stored(engine: MemoryEngine, clock: ManualClock) -> None:
    await engine.create_topic(ME, "orders", configs={"message.timestamp.type": "LogAppendTime"})
    [place] = await engine.produce(ME, "orders", [NewRecord(b"", timestamp_ms=5)])
    [record] = (await fetch(engine, ME, TopicPartition("orders", 0), 0, max_records=1)).records
    assert place.timestamp_ms == record.timestamp_ms == clock.now_ms()


@pytest.mark.parametrize("partitions", [1, 3])
async def test_a_time_that_the_topic_does_not_take_refuses_the_whole_call(
    engine: MemoryEngine, clock: ManualClock, partitions: int
) -> None:
    configs = {"message.timestamp.before.max.ms": "100", "message.timestamp.after.max.ms": "50"}
    await engine.create_topic(ME, "orders", partitions=partitions, configs=configs)
    clock.advance(1000)
    now_ms = clock.now_ms()
    for timestamp_ms in (now_ms - 101, now_ms + 51):
        with pytest.raises(InvalidTimestamp, match=r"record 1 has the timestamp .* see its message\.timestamp\.before"):
            await engine.produce(ME, "orders", [NewRecord(b""), NewRecord(b"", timestamp_ms=timestamp_ms)])
    assert all(start == end for start, end in (await bounds(engine))["orders"])
    good = [NewRecord(b"", timestamp_ms=now_ms - 100), NewRecord(b"", timestamp_ms=now_ms + 50)]
    assert len(await engine.produce(ME, "orders", good)) == 2


async def test_a_topic_that_stamps_records_itself_takes_any_time(engine: MemoryEngine) -> None:
    configs = {"message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "0"}
    await engine.create_topic(ME, "orders", configs=configs)
    assert await engine.produce(ME, "orders", [NewRecord(b"", timestamp_ms=1)])


async def test_keyed_records_go_where_the_partitioner_puts_them(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders", partitions=5)
    keys = [f"key{number}".encode() for number in range(30)] + [b""]
    appended = await engine.produce(ME, "orders", [NewRecord(b"", key) for key in keys])
    assert [place.partition for place in appended] == [partition_for_key(key, 5) for key in keys]


async def test_records_without_keys_stay_together_and_calls_take_turns(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders", partitions=3)
    calls = [await engine.produce(ME, "orders", [NewRecord(b"")] * 4) for _ in range(6)]
    partitions = [{place.partition for place in call} for call in calls]
    assert all(len(chosen) == 1 for chosen in partitions)
    assert sorted(chosen.pop() for chosen in partitions) == [0, 0, 1, 1, 2, 2]


async def test_calls_for_other_topics_or_with_keys_take_no_turns(engine: MemoryEngine) -> None:
    """A producer that alternates would otherwise fill only every second partition."""
    used: dict[str, set[int]] = {"orders": set(), "bills": set()}
    for topic in used:
        await engine.create_topic(ME, topic, partitions=2)
    for _ in range(4):
        for topic, partitions in used.items():
            [place] = await engine.produce(ME, topic, [NewRecord(b"")])
            partitions.add(place.partition)
        await engine.produce(ME, "orders", [NewRecord(b"", b"key")])
    assert used == {"orders": {0, 1}, "bills": {0, 1}}


async def test_one_record_that_is_too_large_refuses_the_whole_call(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders", partitions=4, configs={"max.message.bytes": "500"})
    records = [NewRecord(b"small", str(number).encode()) for number in range(20)]
    with pytest.raises(RecordTooLarge):
        await engine.produce(ME, "orders", [*records, NewRecord(b"x" * 1000, b"20")])
    assert await bounds(engine) == {"orders": [(0, 0)] * 4}
    assert engine.memory_used == 0


async def fill(engine: MemoryEngine, topic: str, size: int = 100) -> int:
    """Produce until the engine refuses; give how many records it took."""
    for taken in range(1_000):
        try:
            await engine.produce(ME, topic, [NewRecord(b"x" * size)])
        except MemoryLimitReached:
            return taken
    raise AssertionError("it refuses nothing")


async def test_a_full_engine_refuses_a_record_and_changes_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000))
    await engine.create_topic(ME, "orders")
    taken = await fill(engine, "orders")
    used = engine.memory_used
    assert taken > 10
    assert 10_000 - 300 < used <= 10_000
    with pytest.raises(MemoryLimitReached):
        await engine.produce(ME, "orders", [NewRecord(b"x" * 100)])
    assert (engine.memory_used, await bounds(engine)) == (used, {"orders": [(0, taken)]})


async def test_a_call_over_several_partitions_is_stored_whole_or_not_at_all(make_engine: MakeEngine) -> None:
    records = [NewRecord(b"x" * 200, str(number).encode()) for number in range(16)]
    roomy = make_engine(EngineConfig(memory_limit=100_000))
    await roomy.create_topic(ME, "orders", partitions=4)
    assert len({place.partition for place in await roomy.produce(ME, "orders", records)}) == 4
    needed = roomy.memory_used
    engine = make_engine(EngineConfig(memory_limit=2 * needed - 1))  # each partition's part would still fit
    await engine.create_topic(ME, "orders", partitions=4)
    await engine.produce(ME, "orders", records)
    before = await bounds(engine)
    with pytest.raises(MemoryLimitReached):
        await engine.produce(ME, "orders", records)
    assert (engine.memory_used, await bounds(engine)) == (needed, before)
    await engine.produce(ME, "orders", records[:-1])


async def test_a_full_engine_reads_and_commits_on(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=5_000))
    await engine.create_topic(ME, "orders")
    taken = await fill(engine, "orders")
    partition = TopicPartition("orders", 0)
    assert len((await fetch(engine, ME, partition, 0, max_records=1000)).records) == taken
    await engine.commit_offsets(ME, "g", {partition: 3})
    await engine.register_consumer(ME, "c", "orders")
    consumed = await engine.consume(ME, "c")
    assert consumed is not None
    assert consumed.record.offset == 0


async def test_a_full_engine_takes_records_again_when_retention_has_made_room(
    make_engine: MakeEngine, clock: ManualClock
) -> None:
    engine = make_engine(EngineConfig(memory_limit=5_000))
    await engine.create_topic(ME, "short", configs={"retention.ms": "10000"})
    await engine.create_topic(ME, "long")
    await fill(engine, "short")
    with pytest.raises(MemoryLimitReached):
        await engine.produce(ME, "long", [NewRecord(b"x" * 100)])
    clock.advance(20_000)
    assert engine.memory_used == 0
    await engine.produce(ME, "long", [NewRecord(b"x" * 100)])


async def test_a_full_engine_takes_records_again_when_a_topic_was_deleted(
    make_engine: MakeEngine, clock: ManualClock
) -> None:
    engine = make_engine(EngineConfig(memory_limit=5_000))
    await engine.create_topic(ME, "orders", configs={"retention.ms": "-1"})
    taken = await fill(engine, "orders")
    await engine.delete_topic(ME, "orders")
    clock.advance(0)
    await engine.create_topic(ME, "orders")
    assert await fill(engine, "orders") == taken


async def test_a_topic_that_is_limited_by_size_never_fills_the_engine(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=20_000))
    await engine.create_topic(ME, "orders", configs={"retention.bytes": "5000"})
    for _ in range(500):
        await engine.produce(ME, "orders", [NewRecord(b"x" * 100)])
    [(start, end)] = (await bounds(engine))["orders"]
    assert end == 500
    assert 0 < end - start < 100


async def test_a_produce_of_nothing_appends_nothing(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")
    assert await engine.produce(ME, "orders", []) == []
    assert await bounds(engine) == {"orders": [(0, 0)]}


async def test_a_closed_engine_takes_no_records_and_still_answers(engine: MemoryEngine) -> None:
    await engine.create_topic(ME, "orders")
    await engine.produce(ME, "orders", [NewRecord(b"kept")])
    await engine.close()
    with pytest.raises(BrokerStopping):
        await engine.produce(ME, "orders", [NewRecord(b"late")])
    assert await values(engine, "orders") == [b"kept"]


async def test_a_full_memory_is_logged_once_a_minute(
    make_engine: MakeEngine, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(EngineConfig(memory_limit=1000, num_partitions=2))
    await engine.create_topic(ME, "one", partitions=1)
    await engine.create_topic(ME, "two")

    async def warnings_after(*topics: str) -> int:
        caplog.clear()
        for topic in topics:
            with pytest.raises(MemoryLimitReached):
                await engine.produce(ME, topic, [NewRecord(b"x" * 1000)])
        return sum(record.levelname == "WARNING" for record in caplog.records)

    assert await warnings_after("one", "two", "one") == 1
    clock.advance(59_999)
    assert await warnings_after("one", "two") == 0
    clock.advance(1)
    assert await warnings_after("two", "one") == 1


@pytest.mark.parametrize("partitions", [1, 3])
async def test_a_record_that_is_too_large_is_named_by_its_place_in_the_call(
    engine: MemoryEngine, partitions: int
) -> None:
    await engine.create_topic(ME, "orders", partitions=partitions, configs={"max.message.bytes": "200"})
    records = [NewRecord(b"", b"%d" % number) for number in range(8)]
    for number in (0, 5, 7):
        for large in (records[number]._replace(value=b"x" * 300), NewRecord(b"", b"x" * 180)):
            call = [*records[:number], large, *records[number + 1 :]]
            with pytest.raises(RecordTooLarge) as refusal:
                await engine.produce(ME, "orders", call)
            assert refusal.value.index == number
    assert engine.memory_used == 0


async def test_long_keys_are_hashed_off_the_loop_and_meet_where_short_ones_do(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.create_topic(ME, "orders", partitions=5)
    threads: list[str] = []

    def noted(key: bytes, partitions: int) -> int:
        threads.append(threading.current_thread().name)
        return partition_for_key(key, partitions)

    monkeypatch.setattr("mini_kafka.engine.appender.partition_for_key", noted)
    keys = [bytes([number]) * 9_000 for number in range(4)]
    together = await engine.produce(ME, "orders", [NewRecord(b"", key) for key in keys])
    assert "MainThread" not in threads
    alone = [(await engine.produce(ME, "orders", [NewRecord(b"", key)]))[0] for key in keys]
    assert [place.partition for place in together] == [place.partition for place in alone]
    assert [place.partition for place in together] == [partition_for_key(key, 5) for key in keys]


async def test_a_topic_that_changes_while_keys_are_hashed_gets_the_records_where_they_belong_now(
    engine: MemoryEngine,
) -> None:
    await engine.create_topic(ME, "orders", partitions=2)
    keys = [bytes([number]) * 9_000 for number in range(4)]
    task = asyncio.create_task(engine.produce(ME, "orders", [NewRecord(b"", key) for key in keys]))
    await asyncio.sleep(0)
    await engine.alter_topic(ME, "orders", partitions=7)
    assert [place.partition for place in await task] == [partition_for_key(key, 7) for key in keys]


async def test_a_refused_call_takes_nobodys_turn(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineConfig(memory_limit=10_000, num_partitions=3))
    await engine.create_topic(ME, "orders")
    taken = []
    for _ in range(3):
        with pytest.raises(MemoryLimitReached):
            await engine.produce(ME, "orders", [NewRecord(b"x" * 20_000)])
        [place] = await engine.produce(ME, "orders", [NewRecord(b"")])
        taken.append(place.partition)
    assert taken == [0, 1, 2]
