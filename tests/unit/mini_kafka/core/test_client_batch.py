"""Which batches of a client the log takes, and what it changes in them. What Kafka says to each is in tests/compat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core import client_batch, record_batch
from mini_kafka.core.client_batch import ClientBatch
from mini_kafka.core.errors import (
    BatchTooLarge,
    BrokerError,
    CorruptBatch,
    InvalidBatch,
    TimestampOutOfRange,
    TransactionsUnsupported,
    UnsupportedCompression,
)
from mini_kafka.core.topic_config import TopicConfig
from tests.support.client_batches import GZIP, LZ4, SNAPPY, ZSTD, with_broken_crc
from tests.support.client_batches import client_batch as batch_of

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
ROOM = 100_000


def check(records: bytes, *, may_be_zstd: bool = True, **configs: str) -> ClientBatch:
    config = TopicConfig().with_changes({name.replace("_", "."): value for name, value in configs.items()})
    return client_batch.check(memoryview(records), config, NOW_MS, may_be_zstd=may_be_zstd)


@pytest.mark.parametrize("codec", [0, GZIP, SNAPPY, LZ4, ZSTD])
def test_a_right_batch_is_taken_as_it_came(codec: int) -> None:
    sent = batch_of(b"a", b"b", timestamp_ms=NOW_MS, codec=codec, producer=(7, 1, 5))
    taken = check(sent)
    assert bytes(taken.data) == sent
    assert taken[1:] == (2, NOW_MS, 7, 1, 5, codec != 0)


def test_the_smallest_record_is_taken() -> None:
    assert check(batch_of(b"")).record_count == 1


def test_a_batch_is_taken_as_a_view_and_not_copied() -> None:
    records = memoryview(batch_of())
    data = client_batch.check(records, TopicConfig(), NOW_MS).data
    assert isinstance(data, memoryview)
    assert data.obj is records.obj


WRONG: dict[str, tuple[bytes, type[BrokerError]]] = {
    "nothing": (b"", InvalidBatch),
    "a cut header": (batch_of()[:16], InvalidBatch),
    "a cut batch": (batch_of()[:-1], InvalidBatch),
    "two batches": (batch_of() + batch_of(), InvalidBatch),
    "format 0": (batch_of(magic=0), InvalidBatch),
    "format 1": (batch_of(magic=1), InvalidBatch),
    "format 3": (batch_of(magic=3), CorruptBatch),
    "format -1": (batch_of(magic=-1), CorruptBatch),
    "a length below any record": (batch_of(length=13), CorruptBatch),
    "a negative length": (batch_of(length=-1), CorruptBatch),
    "a length below a header": (batch_of(length=14), CorruptBatch),
    "one byte below a header": (batch_of(length=48), CorruptBatch),
    "a length beyond everything": (batch_of(length=2**31 - 1), InvalidBatch),
    "a broken CRC": (with_broken_crc(batch_of()), CorruptBatch),
    "zeros behind it": (batch_of() + bytes(17), CorruptBatch),
    "base offset 1": (batch_of(base_offset=1), InvalidBatch),
    "no records": (batch_of(record_count=0, last_offset_delta=-1), InvalidBatch),
    "a negative count": (batch_of(record_count=-1), InvalidBatch),
    "a count too high": (batch_of(record_count=2), InvalidBatch),
    "a delta too high": (batch_of(last_offset_delta=1), InvalidBatch),
    "more records than bytes": (batch_of(record_count=2**31 - 1, last_offset_delta=2**31 - 2), InvalidBatch),
    "more compressed records than any batch": (
        batch_of(codec=GZIP, record_count=2**31 - 1, last_offset_delta=2**31 - 2),
        InvalidBatch,
    ),
    "control records": (batch_of(attributes=record_batch.CONTROL_BIT), InvalidBatch),
    "a producer without a sequence": (batch_of(producer=(3, 0, -1)), InvalidBatch),
    "an unknown codec": (batch_of(attributes=5), UnsupportedCompression),
    "a transaction": (batch_of(attributes=record_batch.TRANSACTIONAL_BIT), TransactionsUnsupported),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_batch_is_refused(name: str) -> None:
    records, refusal = WRONG[name]
    with pytest.raises(refusal):
        check(records)


def test_a_few_bytes_behind_the_batch_are_left_away_as_in_kafka() -> None:
    sent = batch_of()
    assert bytes(check(sent + b"sixteen bytes...").data) == sent


def test_the_start_of_a_second_batch_is_left_away_as_in_kafka() -> None:
    sent = batch_of()
    assert bytes(check(sent + sent[:-1]).data) == sent


def test_a_batch_may_be_as_large_as_max_message_bytes_and_no_larger() -> None:
    sent = batch_of(b"v" * 100)
    assert check(sent, max_message_bytes=str(len(sent)))
    with pytest.raises(BatchTooLarge):
        check(sent, max_message_bytes=str(len(sent) - 1))


def test_zstd_needs_a_request_that_knows_it() -> None:
    assert check(batch_of(codec=GZIP), may_be_zstd=False)
    with pytest.raises(UnsupportedCompression):
        check(batch_of(codec=ZSTD), may_be_zstd=False)


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -10 * 365 * 24 * HOUR_MS])
def test_a_time_within_the_bounds_is_taken(ahead_ms: int) -> None:
    assert check(batch_of(timestamp_ms=NOW_MS + ahead_ms)).max_timestamp_ms == NOW_MS + ahead_ms


def test_a_time_beyond_the_bounds_is_refused() -> None:
    with pytest.raises(TimestampOutOfRange):
        check(batch_of(timestamp_ms=NOW_MS + HOUR_MS + 1))
    with pytest.raises(TimestampOutOfRange):
        check(batch_of(timestamp_ms=NOW_MS - 1001), message_timestamp_before_max_ms="1000")
    assert check(batch_of(timestamp_ms=NOW_MS - 1000), message_timestamp_before_max_ms="1000")


@pytest.mark.parametrize("timestamp_ms", [NOW_MS, NOW_MS + 9 * HOUR_MS, -1])
def test_log_append_time_is_the_brokers_whatever_the_producer_says(timestamp_ms: int) -> None:
    taken = check(batch_of(b"a", b"b", timestamp_ms=timestamp_ms), message_timestamp_type="LogAppendTime")
    stored = record_batch.place(bytearray(taken.data), 0)
    assert [record.timestamp_ms for record in record_batch.read_records(stored)] == [NOW_MS, NOW_MS]
    assert check_again(stored)


def test_only_the_broker_may_say_log_append_time() -> None:
    with pytest.raises(TimestampOutOfRange):
        check(batch_of(attributes=record_batch.LOG_APPEND_TIME_BIT), message_timestamp_type="LogAppendTime")


def test_a_producer_that_says_log_append_time_elsewhere_is_corrected() -> None:
    stored = record_batch.place(bytearray(check(batch_of(attributes=record_batch.LOG_APPEND_TIME_BIT)).data), 0)
    assert stored == record_batch.place(bytearray(batch_of()), 0)


def test_a_batch_without_a_time_is_as_old_as_its_append() -> None:
    taken = check(batch_of(timestamp_ms=-1))
    stored = record_batch.place(bytearray(taken.data), 0)
    assert record_batch.max_timestamp(stored) == taken.max_timestamp_ms == NOW_MS
    assert [record.timestamp_ms for record in record_batch.read_records(stored)] == [-1]
    assert check_again(stored)


def test_a_header_that_names_too_early_a_time_is_corrected() -> None:
    stored = record_batch.place(bytearray(check(batch_of(timestamp_ms=NOW_MS, max_timestamp=1)).data), 0)
    assert stored == record_batch.place(bytearray(batch_of(timestamp_ms=NOW_MS)), 0)


@pytest.mark.parametrize("codec", [0, GZIP, ZSTD])
def test_keyless_records_are_named_by_their_place(codec: int) -> None:
    taken = check(batch_of(b"a", b"b", b"c", keys=[b"k", None, b""], codec=codec))
    assert list(client_batch.keyless_records(taken, ROOM)) == [1]


def test_a_hundred_keyless_records_are_named_and_no_more() -> None:
    assert list(client_batch.keyless_records(check(batch_of(*[b"v"] * 150)), ROOM)) == list(range(100))


def test_a_batch_that_is_too_wide_to_look_at_is_refused() -> None:
    with pytest.raises(InvalidBatch, match="decompresses to more than"):
        client_batch.keyless_records(check(batch_of(b"v" * 1000, codec=GZIP)), 100)


@pytest.mark.parametrize("codec", range(5))
def test_garbage_under_a_right_crc_is_refused_when_it_is_looked_at(codec: int) -> None:
    taken = check(batch_of(b"v" * 50, attributes=codec, base_timestamp=NOW_MS))._replace()
    garbage = taken._replace(data=bytearray(bytes(taken.data)[:61] + b"\xff" * 40))
    with pytest.raises(InvalidBatch):
        client_batch.keyless_records(garbage, ROOM)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_a_refusal(records: bytes) -> None:
    with pytest.raises(BrokerError):
        check(records)


@given(st.data())
def test_a_batch_with_a_changed_bit_is_refused_or_differs_where_the_crc_does_not_look(data: st.DataObject) -> None:
    sent = bytearray(batch_of(b"value", producer=(5, 0, 0)))
    position = data.draw(st.integers(0, len(sent) - 1))
    sent[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        check(bytes(sent))
    except BrokerError:
        return
    assert position in range(12, 16), "only the leader epoch is neither checked nor covered by the CRC"


def check_again(stored: bytes) -> bool:
    """Whether a stored batch's CRC is right: a client that reads it checks that."""
    try:
        client_batch.check(memoryview(stored), TopicConfig(message_timestamp_after_max_ms=100 * HOUR_MS), NOW_MS)
    except CorruptBatch:
        return False
    return True
