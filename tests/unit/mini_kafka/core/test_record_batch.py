"""What a record batch keeps: every byte of every record, Kafka's own layout, and a checksum that holds."""

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core import record_batch
from mini_kafka.core.errors import RecordTooLarge
from mini_kafka.core.record_batch import NewRecord, Record

LIMIT = 1_048_588

# MemoryRecordsBuilder of the Java client (kafka-clients 4.3.1) wrote these bytes, for base offset 7, leader epoch 0
# and the three records below.
FROM_JAVA = bytes.fromhex(
    "00000000000000070000005c0000000002202720d70000000000020000018bcfe569f40000018bcfe56b84"
    "ffffffffffffffffffffffffffff0000000334000000066b65790e4772c3bcc39f650402680276086e6f6e65010e00e707020101000e"
    "00a00604000000"
)
THE_SAME = [
    NewRecord("Grüße".encode(), b"key", (("h", b"v"), ("none", None)), 1_700_000_000_500),
    NewRecord(None, None, (), 1_700_000_000_000),
    NewRecord(b"", b"", (), 1_700_000_000_900),
]


def build(*records: NewRecord, max_bytes: int = LIMIT, now_ms: int = 5, log_append_time: bool = False) -> list[bytes]:
    batches = record_batch.build_batches(records, now_ms=now_ms, max_bytes=max_bytes, log_append_time=log_append_time)
    return [record_batch.place(batch, 0) for batch in batches]


def values(batch: bytes) -> list[bytes | None]:
    return [record.value for record in record_batch.read_records(batch)]


def test_a_batch_has_the_bytes_that_the_java_client_gives_it() -> None:
    [batch] = record_batch.build_batches(THE_SAME, now_ms=0, max_bytes=LIMIT)
    assert record_batch.place(batch, 7) == FROM_JAVA


def test_a_batch_of_the_java_client_is_read_as_it_was_written() -> None:
    assert list(record_batch.read_records(FROM_JAVA)) == [
        Record(7 + index, new.timestamp_ms or 0, new.key, new.value, new.headers) for index, new in enumerate(THE_SAME)
    ]


def test_the_header_is_read_in_place() -> None:
    assert record_batch.base_offset(FROM_JAVA) == 7
    assert record_batch.next_offset(FROM_JAVA) == 10
    assert record_batch.record_count(FROM_JAVA) == 3
    assert record_batch.max_timestamp(FROM_JAVA) == 1_700_000_000_900


def test_no_records_make_no_batch() -> None:
    assert build() == []


def test_records_that_fit_share_one_batch() -> None:
    assert [values(batch) for batch in build(NewRecord(b"a"), NewRecord(b"b"), NewRecord(b"c"))] == [[b"a", b"b", b"c"]]


@pytest.mark.parametrize("max_bytes", [170, 200, 255, 1000])
def test_records_are_packed_in_order_into_as_few_batches_as_the_limit_allows(max_bytes: int) -> None:
    records = [NewRecord(bytes([number]) * 30) for number in range(50)]
    batches = build(*records, max_bytes=max_bytes)
    assert [value for batch in batches for value in values(batch)] == [record.value for record in records]
    assert all(len(batch) <= max_bytes for batch in batches)
    one_record = len(build(records[0])[0]) - record_batch.HEADER_BYTES
    for batch in batches[:-1]:  # aiokafka leaves the last byte free
        assert len(batch) + one_record >= max_bytes


def test_each_batch_counts_its_offsets_from_its_own_start() -> None:
    batches = build(*[NewRecord(b"x" * 100)] * 5, max_bytes=300)
    assert len(batches) > 1
    for batch in batches:
        assert [record.offset for record in record_batch.read_records(batch)] == list(range(len(values(batch))))
        assert record_batch.next_offset(batch) == len(values(batch))


def test_a_record_may_fill_a_batch_to_the_last_byte_of_the_limit() -> None:
    record = NewRecord(b"x" * 1000)
    size = len(build(record)[0])
    assert len(build(record, max_bytes=size)) == 1
    with pytest.raises(RecordTooLarge):
        build(record, max_bytes=size - 1)


def test_a_record_that_is_too_large_is_named_by_its_place_in_the_request() -> None:
    small, large = NewRecord(b"x"), NewRecord(b"x" * 2000)
    with pytest.raises(RecordTooLarge, match=r"record 3 makes a batch of 20\d\d bytes, .* is 500") as refusal:
        build(small, small, small, large, small, max_bytes=500)
    assert refusal.value.index == 3


def test_key_and_headers_count_towards_the_limit() -> None:
    for record in (NewRecord(b"", b"k" * 600), NewRecord(b"", headers=(("h", b"v" * 600),))):
        with pytest.raises(RecordTooLarge):
            build(record, max_bytes=500)


def test_a_record_without_a_timestamp_gets_the_time_of_its_append() -> None:
    [batch] = build(NewRecord(b"", timestamp_ms=900), NewRecord(b""), now_ms=700)
    assert [record.timestamp_ms for record in record_batch.read_records(batch)] == [900, 700]
    assert record_batch.max_timestamp(batch) == 900


def test_the_start_of_1970_is_a_timestamp_like_any_other() -> None:
    [batch] = build(NewRecord(b"", timestamp_ms=0), now_ms=700)
    assert [record.timestamp_ms for record in record_batch.read_records(batch)] == [0]


def test_stamping_gives_a_finished_batch_another_time() -> None:
    batch = bytearray(FROM_JAVA)
    record_batch.stamp_log_append_time(batch, 700)
    assert DefaultRecordBatch(batch).validate_crc()
    assert record_batch.max_timestamp(batch) == 700
    assert [record.timestamp_ms for record in record_batch.read_records(bytes(batch))] == [700] * 3


def test_log_append_time_overrides_the_producers_timestamps() -> None:
    [batch] = build(NewRecord(b"a", timestamp_ms=900), NewRecord(b"b"), now_ms=700, log_append_time=True)
    assert [record.timestamp_ms for record in record_batch.read_records(batch)] == [700, 700]
    assert record_batch.max_timestamp(batch) == 700
    assert DefaultRecordBatch(batch).timestamp_type == 1


@pytest.mark.parametrize("log_append_time", [False, True])
def test_the_checksum_holds_after_placing_and_after_stamping(log_append_time: bool) -> None:
    record = NewRecord(b"value", b"key", (("h", b"v"),), 900)
    for batch in record_batch.build_batches([record] * 9, now_ms=700, max_bytes=200, log_append_time=log_append_time):
        placed = record_batch.place(batch, 2**40)
        assert DefaultRecordBatch(placed).validate_crc()
        damaged = bytearray(placed)
        damaged[-1] ^= 1
        assert not DefaultRecordBatch(damaged).validate_crc()


def test_placing_writes_offset_and_leader_epoch_and_nothing_else() -> None:
    [batch] = record_batch.build_batches([NewRecord(b"a"), NewRecord(b"b")], now_ms=0, max_bytes=LIMIT)
    before = bytes(batch)
    placed = record_batch.place(batch, 41)
    assert placed[:8] == struct.pack(">q", 41)
    assert placed[12:16] == struct.pack(">i", record_batch.LEADER_EPOCH)
    assert (placed[8:12], placed[16:]) == (before[8:12], before[16:])
    assert [record.offset for record in record_batch.read_records(placed)] == [41, 42]


def test_a_placed_batch_cannot_be_changed_through_the_one_that_it_was_made_from() -> None:
    [batch] = record_batch.build_batches([NewRecord(b"a")], now_ms=0, max_bytes=LIMIT)
    placed = record_batch.place(batch, 0)
    batch[-1:] = b"\xff"
    assert values(placed) == [b"a"]


def test_the_header_is_that_of_a_producer_without_idempotence() -> None:
    [batch] = build(NewRecord(b"a"))
    header = DefaultRecordBatch(batch)
    assert (header.magic, header.attributes) == (2, 0)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (-1, -1, -1)
    assert struct.unpack_from(">i", batch, 8) == (len(batch) - 12,)


new_records = st.builds(
    NewRecord,
    value=st.none() | st.binary(max_size=300),
    key=st.none() | st.binary(max_size=300),
    headers=st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=50)), max_size=4).map(tuple),
    timestamp_ms=st.integers(0, 2**62),
)


@given(st.lists(new_records, max_size=20), st.sampled_from([1_300, 2_000, LIMIT]), st.integers(0, 2**50))
def test_any_bytes_come_back_as_they_were(records: list[NewRecord], max_bytes: int, start: int) -> None:
    offset = start
    found: list[Record] = []
    for batch in record_batch.build_batches(records, now_ms=0, max_bytes=max_bytes):
        placed = record_batch.place(batch, offset)
        assert len(placed) <= max_bytes
        assert DefaultRecordBatch(placed).validate_crc()
        found += record_batch.read_records(placed)
        offset = record_batch.next_offset(placed)
    assert found == [
        Record(start + index, new.timestamp_ms or 0, new.key, new.value, new.headers)
        for index, new in enumerate(records)
    ]
