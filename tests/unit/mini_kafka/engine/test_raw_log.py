"""The log as Kafka clients use it: batches in and out, long polls, and what the HTTP side sees of them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from mini_kafka.core import record_batch
from mini_kafka.core.errors import (
    BrokerStopping,
    InvalidBatch,
    MemoryLimitReached,
    OffsetOutOfRange,
    OutOfOrderSequence,
    RecordsNotDeletable,
    UnknownLeaderEpoch,
    UnknownPartition,
    UnknownTopic,
    UnknownTopicId,
)
from mini_kafka.core.fetch_session import FetchPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine import raw_log
from mini_kafka.engine.memory import EngineConfig
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import EARLIEST, LATEST, Caller
from mini_kafka.engine.raw_log import MAX_TIMESTAMP
from mini_kafka.engine.raw_log_port import Fetched
from tests.support.client_batches import GZIP, ZSTD, client_batch
from tests.support.clock import ManualClock
from tests.support.tasks import outcome, settle

ME = Caller("test")
TOPIC = "orders"
ALL = 2**31 - 1
MIB = 1024 * 1024

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine(clock: ManualClock) -> AsyncIterator[MemoryLogEngine]:
    engine = MemoryLogEngine(EngineConfig(memory_limit=MIB, num_partitions=2), clock)
    await engine.create_topic(ME, TOPIC)
    yield engine
    await engine.close()


def append(engine: MemoryLogEngine, records: bytes | None = None, topic: str | UUID = TOPIC, partition: int = 0) -> int:
    return engine.raw_log.append_batch(ME, topic, partition, memoryview(records or client_batch())).base_offset


def part(offset: int = 0, partition: int = 0, max_bytes: int = ALL, topic: str | UUID = TOPIC) -> FetchPartition:
    return FetchPartition(topic, partition, offset, max_bytes)


def fetch(engine: MemoryLogEngine, *wanted: FetchPartition, max_bytes: int = ALL) -> Fetched:
    return engine.raw_log.fetch(ME, wanted, max_bytes)


def starts(fetched: Fetched) -> list[list[int]]:
    return [[record_batch.base_offset(batch) for batch in found.batches] for found in fetched.partitions]


async def waiting(
    engine: MemoryLogEngine, *wanted: FetchPartition, min_bytes: int = 1, max_wait_ms: int = 1000
) -> asyncio.Task[Fetched]:
    """Begin a long poll, and let it come to its waiting."""
    task = asyncio.create_task(
        engine.raw_log.fetch_waiting(ME, wanted, max_bytes=ALL, min_bytes=min_bytes, max_wait_ms=max_wait_ms)
    )
    await settle()
    return task


async def test_what_is_appended_comes_out_as_it_went_in_but_for_its_place(engine: MemoryLogEngine) -> None:
    sent = [client_batch(b"a", b"b", codec=ZSTD), client_batch(b"c", leader_epoch=9)]
    assert [append(engine, batch) for batch in sent] == [0, 2]
    found = fetch(engine, part()).partitions[0]
    assert (found.high_watermark, found.log_start_offset) == (3, 0)
    assert [bytes(batch[16:]) for batch in found.batches] == [batch[16:] for batch in sent]
    assert [batch[12:16] for batch in found.batches] == [bytes(4), bytes(4)]


async def test_the_stored_batch_does_not_hold_the_receive_buffer(engine: MemoryLogEngine) -> None:
    received = bytearray(client_batch(b"before"))
    append(engine, received)  # type: ignore[arg-type]
    received[:] = bytes(len(received))
    assert next(iter(record_batch.read_records(fetch(engine, part()).partitions[0].batches[0]))).value == b"before"


async def test_what_a_kafka_client_appends_is_read_over_http_and_the_reverse(engine: MemoryLogEngine) -> None:
    append(engine, client_batch(b"by kafka", codec=GZIP))
    await engine.produce(ME, TOPIC, [NewRecord(b"by http", partition=0)])
    read = await engine.read(ME, TOPIC, {}, partition=0, max_records=9)
    assert [it.record.value for it in read.records] == [b"by kafka", b"by http"]  # type: ignore[union-attr]
    assert starts(fetch(engine, part())) == [[0, 1]]


async def test_a_topic_can_be_named_by_its_id(engine: MemoryLogEngine) -> None:
    topic_id = (await engine.describe_topic(ME, TOPIC)).topic_id
    assert append(engine, topic=topic_id) == 0
    assert starts(fetch(engine, part(topic=topic_id))) == [[0]]


@pytest.mark.parametrize(
    ("topic", "partition", "refusal"),
    [
        ("teas", 0, UnknownTopic),
        (UUID(int=9), 0, UnknownTopicId),
        (TOPIC, 2, UnknownPartition),
        (TOPIC, -1, UnknownPartition),
    ],
)
async def test_what_is_not_there_is_refused_and_spoils_nothing_else(
    engine: MemoryLogEngine, topic: str | UUID, partition: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        append(engine, topic=topic, partition=partition)
    append(engine)
    found = fetch(engine, part(topic=topic, partition=partition), part())
    assert isinstance(found.partitions[0].refusal, refusal)
    assert starts(found) == [[], [0]]
    assert found.is_urgent


async def test_a_repeat_is_appended_once_and_has_its_first_place(engine: MemoryLogEngine) -> None:
    batch = client_batch(b"a", b"b", producer=(5, 0, 0))
    assert [append(engine, batch), append(engine, batch)] == [0, 0]
    with pytest.raises(OutOfOrderSequence):
        append(engine, client_batch(producer=(5, 0, 9)))
    assert fetch(engine, part()).partitions[0].high_watermark == 2


async def test_a_batch_that_did_not_fit_into_memory_may_be_sent_again(engine: MemoryLogEngine) -> None:
    large = client_batch(b"x" * 600_000, producer=(5, 0, 0))
    assert append(engine, large) == 0
    following = client_batch(b"x" * 600_000, producer=(5, 0, 1))
    with pytest.raises(MemoryLimitReached):
        append(engine, following)
    assert append(engine, large) == 0  # a repeat needs no room
    engine.raw_log.delete_records(ME, TOPIC, 0, -1)
    assert append(engine, following) == 1


async def test_log_append_time_is_told_where_the_topic_has_it(engine: MemoryLogEngine, clock: ManualClock) -> None:
    await engine.create_topic(ME, "stamped", configs={"message.timestamp.type": "LogAppendTime"})
    placed = engine.raw_log.append_batch(ME, "stamped", 0, memoryview(client_batch(timestamp_ms=1)))
    assert placed == (0, clock.now_ms(), 0)
    assert engine.raw_log.append_batch(ME, TOPIC, 0, memoryview(client_batch())).log_append_time_ms == -1


@pytest.mark.parametrize("codec", [0, GZIP])
async def test_a_compacted_topic_takes_a_batch_only_if_every_record_has_a_key(
    engine: MemoryLogEngine, codec: int
) -> None:
    await engine.create_topic(ME, "states", configs={"cleanup.policy": "compact"})
    log = engine.raw_log
    assert log.is_compacted("states")
    assert not log.is_compacted(TOPIC)
    assert not log.is_compacted("teas")
    keyed = memoryview(client_batch(b"a", b"b", keys=[b"k", b"l"], codec=codec))
    assert (await log.append_keyed_batch(ME, "states", 0, keyed)).base_offset == 0
    with pytest.raises(InvalidBatch) as refusal:
        await log.append_keyed_batch(ME, "states", 0, memoryview(client_batch(b"a", b"b", keys=[b"k"], codec=codec)))
    assert refusal.value.records == [1]
    assert (await log.offset_at(ME, "states", 0, LATEST)).offset == 2


async def test_the_time_that_is_answered_is_the_one_that_is_stored(engine: MemoryLogEngine, clock: ManualClock) -> None:
    configs = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
    await engine.create_topic(ME, "states", configs=configs)
    batch = memoryview(client_batch(keys=[b"k"], codec=GZIP))
    appending = asyncio.create_task(engine.raw_log.append_keyed_batch(ME, "states", 0, batch))
    await asyncio.sleep(0)
    clock.advance(5)
    placed = await appending
    [stored] = fetch(engine, part(topic="states")).partitions[0].batches
    assert record_batch.max_timestamp(stored) == placed.log_append_time_ms


async def test_a_topic_that_goes_while_its_batch_is_looked_at_takes_nothing(engine: MemoryLogEngine) -> None:
    await engine.create_topic(ME, "states", configs={"cleanup.policy": "compact"})
    batch = memoryview(client_batch(keys=[b"k"], codec=GZIP))
    appending = asyncio.create_task(engine.raw_log.append_keyed_batch(ME, "states", 0, batch))
    await asyncio.sleep(0)
    await engine.delete_topic(ME, "states")
    with pytest.raises(UnknownTopic):
        await appending
    assert engine.memory_used == 0


async def test_one_batch_is_given_whatever_its_size_and_then_the_limits_count(engine: MemoryLogEngine) -> None:
    for _ in range(3):
        append(engine, client_batch(b"x" * 100))
    append(engine, client_batch(b"y" * 100), partition=1)
    size = len(client_batch(b"x" * 100))
    assert starts(fetch(engine, part(max_bytes=1))) == [[0]]
    assert starts(fetch(engine, part(), max_bytes=2 * size)) == [[0, 1]]
    assert starts(fetch(engine, part(max_bytes=1), part(partition=1, max_bytes=1))) == [[0], []]
    assert starts(fetch(engine, part(), part(partition=1), max_bytes=4 * size)) == [[0, 1, 2], [0]]
    assert starts(fetch(engine, part(), part(partition=1), max_bytes=4 * size - 1)) == [[0, 1, 2], []]
    assert starts(fetch(engine, part(offset=3), part(partition=1), max_bytes=1)) == [[], [0]]


async def test_an_answer_holds_only_so_many_batches_and_then_waits_for_no_more(
    engine: MemoryLogEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_log, "MAX_BATCHES", 3)
    for _ in range(2):
        append(engine)
        append(engine, partition=1)
    poll = await waiting(engine, part(), part(partition=1), min_bytes=MIB)
    assert starts(await outcome(poll)) == [[0, 1], [0]]
    assert starts(fetch(engine, part(), part(), part(partition=1))) == [[0, 1], [0], []]


async def test_an_offset_within_a_batch_gives_the_whole_batch(engine: MemoryLogEngine) -> None:
    append(engine, client_batch(b"a", b"b", b"c"))
    assert starts(fetch(engine, part(offset=2))) == [[0]]


@pytest.mark.parametrize("offset", [-1, 2])
async def test_an_offset_outside_the_log_is_refused_at_once(engine: MemoryLogEngine, offset: int) -> None:
    append(engine)
    found = await engine.raw_log.fetch_waiting(ME, [part(offset)], max_bytes=9, min_bytes=1, max_wait_ms=10_000)
    assert isinstance(found.partitions[0].refusal, OffsetOutOfRange)


async def test_a_reader_that_fetched_more_than_there_is_hears_where_the_log_ends(engine: MemoryLogEngine) -> None:
    append(engine)
    ahead = FetchPartition(TOPIC, 0, 5, ALL, last_fetched_epoch=0)
    found = await engine.raw_log.fetch_waiting(ME, [ahead], max_bytes=9, min_bytes=1, max_wait_ms=10_000)
    assert (found.partitions[0].refusal, found.partitions[0].end_of_epoch) == (None, 1)


async def test_a_leader_that_never_was_is_refused(engine: MemoryLogEngine) -> None:
    found = fetch(engine, FetchPartition(TOPIC, 0, 0, ALL, leader_epoch=1))
    assert isinstance(found.partitions[0].refusal, UnknownLeaderEpoch)
    with pytest.raises(UnknownLeaderEpoch):
        await engine.raw_log.offset_at(ME, TOPIC, 0, LATEST, leader_epoch=1)


@pytest.mark.parametrize("door", ["kafka", "http"])
async def test_a_long_poll_ends_at_the_first_record_from_any_door(engine: MemoryLogEngine, door: str) -> None:
    poll = await waiting(engine, part(), part(partition=1))
    assert not poll.done()
    if door == "kafka":
        append(engine, partition=1)
    else:
        await engine.produce(ME, TOPIC, [NewRecord(b"v", partition=1)])
    assert starts(await outcome(poll)) == [[], [0]]


async def test_a_record_of_another_partition_wakes_nobody(engine: MemoryLogEngine) -> None:
    poll = await waiting(engine, part())
    append(engine, partition=1)
    await settle()
    assert engine.waiting == 1
    assert not poll.done()
    poll.cancel()


async def test_a_long_poll_waits_for_its_least_bytes_and_no_longer_than_its_time(
    engine: MemoryLogEngine, clock: ManualClock
) -> None:
    size = len(client_batch())
    enough, too_much = await waiting(engine, part(), min_bytes=3 * size), await waiting(engine, part(), min_bytes=MIB)
    append(engine)
    append(engine)
    await settle()
    assert not enough.done()
    append(engine)
    assert starts(await outcome(enough)) == [[0, 1, 2]]
    clock.advance(999)
    await settle()
    assert not too_much.done()
    clock.advance(1)
    assert starts(await outcome(too_much)) == [[0, 1, 2]]


async def test_what_retention_drops_meanwhile_does_not_count_against_the_least_bytes(engine: MemoryLogEngine) -> None:
    await engine.alter_topic(ME, TOPIC, configs={"retention.bytes": "1"})
    poll = await waiting(engine, part(), min_bytes=3 * len(client_batch()))
    for _ in range(3):
        append(engine)
    found = await outcome(poll)
    assert isinstance(found.partitions[0].refusal, OffsetOutOfRange) or found.size_bytes > 0


async def test_a_long_poll_ends_when_its_topic_goes_and_when_the_engine_closes(engine: MemoryLogEngine) -> None:
    await engine.create_topic(ME, "teas")
    gone, closed = await waiting(engine, part(topic="teas")), await waiting(engine, part())
    await engine.delete_topic(ME, "teas")
    assert isinstance((await outcome(gone)).partitions[0].refusal, UnknownTopic)
    await engine.close()
    assert starts(await outcome(closed)) == [[]]
    with pytest.raises(BrokerStopping):
        append(engine)


async def test_a_cancelled_long_poll_leaves_nothing_behind(engine: MemoryLogEngine) -> None:
    poll = await waiting(engine, part())
    poll.cancel()
    await settle()
    assert engine.waiting == 0


async def test_offsets_are_found_by_time_within_a_batch(engine: MemoryLogEngine) -> None:
    await engine.produce(ME, TOPIC, [NewRecord(b"v", timestamp_ms=ms, partition=0) for ms in (100, 300, 200)])
    append(engine, client_batch(b"a", b"b", timestamp_ms=250, codec=GZIP))
    at = engine.raw_log.offset_at
    assert await at(ME, TOPIC, 0, EARLIEST) == (0, -1, 0)
    assert await at(ME, TOPIC, 0, LATEST) == (5, -1, 0)
    assert await at(ME, TOPIC, 0, MAX_TIMESTAMP) == (1, 300, 0)
    assert await at(ME, TOPIC, 0, 150) == (1, 300, 0)
    assert await at(ME, TOPIC, 0, 301) == (-1, -1, -1)
    engine.raw_log.delete_records(ME, TOPIC, 0, 2)
    assert await at(ME, TOPIC, 0, 150) == (2, 200, 0)
    engine.raw_log.delete_records(ME, TOPIC, 0, 4)
    assert await at(ME, TOPIC, 0, MAX_TIMESTAMP) == (4, 250, 0)


async def test_a_batch_that_cannot_be_decoded_is_found_by_its_header(engine: MemoryLogEngine) -> None:
    append(engine, client_batch(b"not gzip", attributes=GZIP, timestamp_ms=500))
    assert await engine.raw_log.offset_at(ME, TOPIC, 0, 400) == (0, 500, 0)


async def test_deleted_records_are_gone_for_both_doors_and_their_memory_is_free(engine: MemoryLogEngine) -> None:
    for _ in range(3):
        append(engine, client_batch(b"a", b"b"))
    assert engine.raw_log.delete_records(ME, TOPIC, 0, 3) == 3
    assert engine.raw_log.delete_records(ME, TOPIC, 0, 1) == 3
    assert starts(fetch(engine, part(offset=3))) == [[2, 4]]
    read = await engine.read(ME, TOPIC, {}, partition=0, max_records=9)
    assert [it.record.offset for it in read.records] == [3, 4, 5]
    assert engine.raw_log.delete_records(ME, TOPIC, 0, -1) == 6
    assert engine.memory_used == 0


@pytest.mark.parametrize("before", [7, -2])
async def test_nothing_is_deleted_before_an_offset_that_the_log_does_not_reach(
    engine: MemoryLogEngine, before: int
) -> None:
    append(engine)
    with pytest.raises(OffsetOutOfRange):
        engine.raw_log.delete_records(ME, TOPIC, 0, before)


async def test_a_topic_that_is_only_compacted_lets_nobody_delete(engine: MemoryLogEngine) -> None:
    await engine.create_topic(ME, "states", configs={"cleanup.policy": "compact"})
    with pytest.raises(RecordsNotDeletable):
        engine.raw_log.delete_records(ME, "states", 0, 0)


async def test_from_a_topic_that_is_never_cleaned_somebody_may_delete(engine: MemoryLogEngine) -> None:
    await engine.alter_topic(ME, TOPIC, configs={"cleanup.policy": ""})
    append(engine)
    assert engine.raw_log.delete_records(ME, TOPIC, 0, 1) == 1


async def test_the_only_epoch_ends_where_the_log_ends(engine: MemoryLogEngine) -> None:
    append(engine, client_batch(b"a", b"b"))
    assert engine.raw_log.end_of_epoch(ME, TOPIC, 0, -1, 0) == 2
    assert engine.raw_log.end_of_epoch(ME, TOPIC, 0, 0, 1) is None


async def test_producer_ids_are_new_each_time_and_in_another_life_of_the_broker(engine: MemoryLogEngine) -> None:
    other = MemoryLogEngine(EngineConfig(memory_limit=MIB))
    ids = {log.new_producer_id() for log in (engine.raw_log, other.raw_log) for _ in range(3)}
    assert len(ids) == 6
    assert all(0 < producer_id < 2**53 for producer_id in ids)  # what JavaScript's clients can count


async def test_a_deleted_topics_producers_are_forgotten(engine: MemoryLogEngine) -> None:
    append(engine, client_batch(producer=(5, 0, 0)))
    assert [it.producer_id for it in engine.raw_log.producers(ME, TOPIC, 0)] == [5]
    await engine.delete_topic(ME, TOPIC)
    await engine.create_topic(ME, TOPIC)
    assert append(engine, client_batch(producer=(5, 0, 9))) == 0
