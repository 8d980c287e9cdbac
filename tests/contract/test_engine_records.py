"""What every engine promises about records: produced whole, fetched as they were, found by offset and time."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from mini_kafka.core.errors import (
    BrokerError,
    BrokerStopping,
    InvalidRecord,
    InvalidTimestamp,
    NotOnCluster,
    OffsetOutOfRange,
    ProducerFenced,
    RecordTooLarge,
    SequenceGap,
    UnknownPartition,
    UnknownTopic,
    UnknownTopicId,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.producer_sequences import ProducerSequence
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.engine.port import EARLIEST, LATEST, Caller, Engine
from tests.support.reading import Fetched, fetch, offset_at

pytestmark = pytest.mark.anyio

WAIT_MS = 20_000
Unique = Callable[[str], str]


async def fetch_all(engine: Engine, caller: Caller, partition: TopicPartition) -> list[Record]:
    """Read a partition from its start to its end, with as many fetches as it takes."""
    records: list[Record] = []
    end = await offset_at(engine, caller, partition, LATEST)
    offset = await offset_at(engine, caller, partition, EARLIEST)
    assert end is not None
    assert offset is not None
    while offset < end:
        fetched = await fetch(engine, caller, partition, offset, max_records=100, wait_ms=WAIT_MS)
        records += fetched.records
        offset = fetched.records[-1].offset + 1
    return records


async def test_a_record_comes_back_as_it_was(engine: Engine, caller: Caller, topic: str) -> None:
    records = [
        NewRecord(b"value", b"key", (("h", b"1"), ("h", None), ("ü", b"\xff")), timestamp_ms=1_700_000_000_000),
        NewRecord(None, b"", timestamp_ms=1_700_000_000_001),
        NewRecord(b"", None, timestamp_ms=1_600_000_000_000),
        NewRecord(bytes(range(256)), timestamp_ms=1_700_000_000_002),
    ]
    await engine.produce(caller, topic, records)
    assert await fetch_all(engine, caller, TopicPartition(topic, 0)) == [
        Record(offset, new.timestamp_ms or 0, new.key, new.value, new.headers) for offset, new in enumerate(records)
    ]


async def test_offsets_count_on_from_call_to_call(engine: Engine, caller: Caller, topic: str) -> None:
    places = [
        [(place.partition, place.offset) for place in await engine.produce(caller, topic, [NewRecord(b"")] * count)]
        for count in (2, 1, 3)
    ]
    assert places == [[(0, 0), (0, 1)], [(0, 2)], [(0, 3), (0, 4), (0, 5)]]


async def test_a_record_without_a_timestamp_gets_one_and_the_answer_tells_it(
    engine: Engine, caller: Caller, topic: str
) -> None:
    first = await engine.produce(caller, topic, [NewRecord(b"")])
    second = await engine.produce(caller, topic, [NewRecord(b"")])
    stored = [record.timestamp_ms for record in await fetch_all(engine, caller, TopicPartition(topic, 0))]
    assert stored == [first[0].timestamp_ms, second[0].timestamp_ms]
    assert stored[0] > 1_600_000_000_000


async def test_keys_decide_the_partition_as_kafkas_default_does(
    engine: Engine, caller: Caller, wide_topic: str
) -> None:
    keys = [f"key-{number}".encode() for number in range(20)]
    appended = await engine.produce(caller, wide_topic, [NewRecord(b"", key) for key in keys])
    assert [place.partition for place in appended] == [partition_for_key(key, 3) for key in keys]


async def test_the_records_without_keys_of_one_call_stay_together(
    engine: Engine, caller: Caller, wide_topic: str
) -> None:
    appended = await engine.produce(caller, wide_topic, [NewRecord(b"")] * 5)
    assert len({place.partition for place in appended}) == 1


async def test_many_records_in_one_call_keep_their_order(engine: Engine, caller: Caller, topic: str) -> None:
    values = [b"%06d" % number * 100 for number in range(3_000)]  # more than one batch can hold
    await engine.produce(caller, topic, [NewRecord(value) for value in values])
    records = await fetch_all(engine, caller, TopicPartition(topic, 0))
    assert [record.value for record in records] == values
    assert [record.offset for record in records] == list(range(3_000))


async def test_a_record_that_is_too_large_refuses_its_whole_call(
    engine: Engine, caller: Caller, unique: Unique
) -> None:
    name = unique("small")
    await engine.create_topic(caller, name, partitions=3, configs={"max.message.bytes": "1000"})
    records = [NewRecord(b"x", str(number).encode()) for number in range(10)]
    with pytest.raises(RecordTooLarge, match="record 10 ") as refusal:
        await engine.produce(caller, name, [*records, NewRecord(b"x" * 2000, b"10")])
    assert refusal.value.index == 10
    for number in range(3):
        assert await offset_at(engine, caller, TopicPartition(name, number), LATEST) == 0


async def test_what_is_not_there_is_refused(engine: Engine, caller: Caller, topic: str, unique: Unique) -> None:
    nowhere = unique("nowhere")
    with pytest.raises(UnknownTopic):
        await engine.produce(caller, nowhere, [NewRecord(b"")])
    for partition, refusal in (
        (TopicPartition(nowhere, 0), UnknownTopic),
        (TopicPartition(topic, 1), UnknownPartition),
    ):
        with pytest.raises(refusal):
            await fetch(engine, caller, partition, 0, max_records=1)


async def test_a_fetch_starts_at_its_offset_and_knows_the_bounds(engine: Engine, caller: Caller, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    await engine.produce(caller, topic, [NewRecord(b"%d" % number) for number in range(5)])
    fetched = await fetch(engine, caller, partition, 2, max_records=2, wait_ms=WAIT_MS)
    assert [record.value for record in fetched.records] == [b"2", b"3"]
    assert (fetched.log_start_offset, fetched.high_watermark) == (0, 5)
    at_end = await fetch(engine, caller, partition, 5, max_records=2)
    assert at_end == Fetched((), 0, 5)


@pytest.mark.parametrize("offset", [-1, 3])
async def test_an_offset_outside_the_log_is_refused(engine: Engine, caller: Caller, topic: str, offset: int) -> None:
    await engine.produce(caller, topic, [NewRecord(b"")] * 2)
    with pytest.raises(OffsetOutOfRange):
        await fetch(engine, caller, TopicPartition(topic, 0), offset, max_records=1)


async def test_a_waiting_fetch_ends_with_the_first_record(engine: Engine, caller: Caller, topic: str) -> None:
    waiting = asyncio.create_task(fetch(engine, caller, TopicPartition(topic, 0), 0, max_records=10, wait_ms=WAIT_MS))
    await asyncio.sleep(0)
    await engine.produce(caller, topic, [NewRecord(b"a")])
    fetched = await asyncio.wait_for(waiting, WAIT_MS / 1000)
    assert [record.value for record in fetched.records] == [b"a"]


async def test_a_waiting_fetch_ends_empty(engine: Engine, caller: Caller, topic: str) -> None:
    assert (await fetch(engine, caller, TopicPartition(topic, 0), 0, max_records=1, wait_ms=20)).records == ()


async def test_a_time_finds_the_first_record_at_or_after_it(engine: Engine, caller: Caller, topic: str) -> None:
    start = 1_700_000_000_000
    for later in (100, 300, 200, 400):
        await engine.produce(caller, topic, [NewRecord(b"", timestamp_ms=start + later)])
    partition = TopicPartition(topic, 0)
    found = [await offset_at(engine, caller, partition, start + later) for later in (0, 100, 101, 301, 400, 401)]
    assert found == [0, 0, 1, 3, 3, 4]


async def test_a_closed_engine_refuses_records(engine: Engine, caller: Caller, topic: str) -> None:
    await engine.close()
    with pytest.raises(BrokerStopping):
        await engine.produce(caller, topic, [NewRecord(b"")])


async def test_closing_ends_all_waiting(engine: Engine, caller: Caller, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    fetches = [
        asyncio.create_task(fetch(engine, caller, partition, 0, max_records=1, wait_ms=WAIT_MS)) for _ in range(5)
    ]
    await asyncio.sleep(0)
    await engine.close()
    for fetched in await asyncio.wait_for(asyncio.gather(*fetches), WAIT_MS / 2000):
        assert fetched.records == ()


async def test_a_record_goes_to_the_partition_that_it_names(engine: Engine, caller: Caller, wide_topic: str) -> None:
    records = [NewRecord(b"", b"key", partition=number) for number in (2, 0, 1)]
    assert [place.partition for place in await engine.produce(caller, wide_topic, records)] == [2, 0, 1]


@pytest.mark.parametrize(
    ("record", "refusal", "says"),
    [
        (NewRecord(b"", partition=3), InvalidRecord, "record 1 is for partition 3, and topic .* has 0 to 2"),
        (NewRecord(b"", partition=-1), InvalidRecord, "record 1 is for partition -1"),
        (NewRecord(b"", timestamp_ms=-1), InvalidTimestamp, "record 1 has the timestamp -1"),
        (NewRecord(b"", timestamp_ms=2**63), InvalidTimestamp, "record 1 has the timestamp"),
    ],
)
async def test_one_record_that_no_log_takes_refuses_the_whole_call(
    engine: Engine, caller: Caller, wide_topic: str, record: NewRecord, refusal: type[BrokerError], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        await engine.produce(caller, wide_topic, [NewRecord(b"good"), record])
    assert (await engine.describe_topic(caller, wide_topic)).record_count == 0


async def test_producing_creates_a_topic_only_when_asked_to(engine: Engine, caller: Caller, unique: Unique) -> None:
    name = unique("new")
    with pytest.raises(UnknownTopic):
        await engine.produce(caller, name, [NewRecord(b"")])
    [place] = await engine.produce(caller, name, [NewRecord(b"")], create=True)
    assert place.offset == 0


async def refuses_numbered_requests(engine: Engine, caller: Caller, topic: str) -> bool:
    """Tell whether the engine has no log of its own to keep answers with; then it says so, and appends nothing."""
    if engine.name == "memory":
        return False
    with pytest.raises(NotOnCluster, match="Producer-Seq"):
        await engine.produce(caller, topic, [NewRecord(b"a")], sequence=ProducerSequence("till", 0, 0))
    assert await engine.offsets_at(caller, topic, LATEST) == [0]
    return True


async def test_a_request_that_comes_again_appends_nothing_and_gets_the_first_answer(
    engine: Engine, caller: Caller, topic: str
) -> None:
    if await refuses_numbered_requests(engine, caller, topic):
        return
    first = await engine.produce(caller, topic, [NewRecord(b"a")] * 2, sequence=ProducerSequence("till", 0, 0))
    second = await engine.produce(caller, topic, [NewRecord(b"b")], sequence=ProducerSequence("till", 0, 1))
    assert await engine.produce(caller, topic, [NewRecord(b"a")] * 2, sequence=ProducerSequence("till", 0, 0)) == first
    assert await engine.produce(caller, topic, [NewRecord(b"b")], sequence=ProducerSequence("till", 0, 1)) == second
    with pytest.raises(SequenceGap):
        await engine.produce(caller, topic, [NewRecord(b"c")], sequence=ProducerSequence("till", 0, 3))
    await engine.produce(caller, topic, [NewRecord(b"c")], sequence=ProducerSequence("till", 1, 0))
    with pytest.raises(ProducerFenced):
        await engine.produce(caller, topic, [NewRecord(b"d")], sequence=ProducerSequence("till", 0, 2))
    assert [record.value for record in await fetch_all(engine, caller, TopicPartition(topic, 0))] == [
        b"a", b"a", b"b", b"c",
    ]  # fmt: skip


async def test_a_topic_that_is_made_again_knows_no_request_of_its_earlier_life(
    engine: Engine, caller: Caller, topic: str
) -> None:
    if await refuses_numbered_requests(engine, caller, topic):
        return
    await engine.produce(caller, topic, [NewRecord(b"a")] * 3, sequence=ProducerSequence("till", 0, 0))
    await engine.delete_topic(caller, topic)
    await engine.create_topic(caller, topic)
    [place] = await engine.produce(caller, topic, [NewRecord(b"b")], sequence=ProducerSequence("till", 0, 0))
    assert place.offset == 0
    assert await engine.offsets_at(caller, topic, LATEST) == [1]


async def test_a_topic_that_is_made_again_begins_at_0(engine: Engine, caller: Caller, topic: str) -> None:
    await engine.produce(caller, topic, [NewRecord(b"old")] * 3)
    await engine.delete_topic(caller, topic)
    await engine.create_topic(caller, topic, partitions=2)
    places = await engine.produce(caller, topic, [NewRecord(b"new", partition=number) for number in (0, 1)])
    assert [(place.partition, place.offset) for place in places] == [(0, 0), (1, 0)]


async def test_who_names_a_topics_id_reads_no_other_topic_of_its_name(
    engine: Engine, caller: Caller, topic: str
) -> None:
    await engine.produce(caller, topic, [NewRecord(b"old")] * 20)
    first = await engine.read(caller, topic, {}, max_records=5)
    topic_id = first.topic_id
    second = await engine.read(caller, topic, first.positions, topic_id=topic_id, max_records=5)
    assert [found.record.offset for found in second.records] == [5, 6, 7, 8, 9]
    await engine.delete_topic(caller, topic)
    with pytest.raises(UnknownTopic):
        await engine.read(caller, topic, second.positions, topic_id=topic_id, max_records=5)
    await engine.create_topic(caller, topic)
    await engine.produce(caller, topic, [NewRecord(b"new")] * 20)
    with pytest.raises(UnknownTopicId):
        await engine.read(caller, topic, second.positions, topic_id=topic_id, max_records=5, wait_ms=WAIT_MS)


async def test_records_reach_partitions_that_were_added_just_now(engine: Engine, caller: Caller, topic: str) -> None:
    await engine.produce(caller, topic, [NewRecord(b"before")])
    await engine.alter_topic(caller, topic, partitions=4)
    [place] = await engine.produce(caller, topic, [NewRecord(b"after", partition=3)])
    assert (place.partition, place.offset) == (3, 0)


async def test_many_small_records_fit_a_topic_of_small_batches(engine: Engine, caller: Caller, unique: Unique) -> None:
    name = unique("small")
    await engine.create_topic(caller, name, partitions=1, configs={"max.message.bytes": "1000"})
    places = await engine.produce(caller, name, [NewRecord(b"x" * 500, b"%d" % number) for number in range(50)])
    assert [place.offset for place in places] == list(range(50))


async def test_everything_is_read_from_all_partitions_and_the_end_is_known(
    engine: Engine, caller: Caller, wide_topic: str
) -> None:
    await engine.produce(caller, wide_topic, [NewRecord(b"%d" % number, b"%d" % number) for number in range(100)])
    values: list[bytes] = []
    positions: Mapping[int, int] = {}
    up_to_date = False
    while not up_to_date:
        read = await engine.read(caller, wide_topic, positions, max_records=30)
        assert read.records
        values += [
            found.record.value for found in read.records if isinstance(found.record, Record) and found.record.value
        ]
        positions, up_to_date = read.positions, read.up_to_date
    assert sorted(values) == sorted(b"%d" % number for number in range(100))


async def test_a_reader_that_follows_misses_nothing(engine: Engine, caller: Caller, wide_topic: str) -> None:
    positions: Mapping[int, int] = {}
    for number in range(20):
        await engine.produce(caller, wide_topic, [NewRecord(b"%d" % number, b"%d" % number)])
        read = await engine.read(caller, wide_topic, positions, max_records=10, wait_ms=WAIT_MS)
        assert [found.record.value for found in read.records if isinstance(found.record, Record)] == [b"%d" % number]
        positions = read.positions
