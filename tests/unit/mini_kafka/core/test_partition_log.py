"""What a partition log finds, by offset and by time, and what it counts, whatever has been dropped from its head."""

import struct
from collections.abc import Callable
from random import Random
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core import partition_log, record_batch
from mini_kafka.core.errors import OffsetOutOfRange
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.partition_log import PartitionLog
from tests.support.batches import new_batch

ALL = 2**31


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget(2**40)


@pytest.fixture
def log(budget: MemoryBudget) -> PartitionLog:
    return PartitionLog(budget)


def append(log: PartitionLog, *records_per_batch: int, timestamp_ms: int = 0) -> None:
    for count in records_per_batch:
        log.append(new_batch(*[b"v"] * count, timestamp_ms=timestamp_ms))


def starts(batches: list[bytes]) -> list[int]:
    return [record_batch.base_offset(batch) for batch in batches]


def test_a_batch_gets_the_offsets_after_the_last_one(log: PartitionLog) -> None:
    assert [log.append(new_batch(*[b"v"] * count)) for count in (3, 1, 2)] == [0, 3, 4]
    assert (log.log_start_offset, log.log_end_offset) == (0, 6)
    assert starts(log.fetch(0, ALL)) == [0, 3, 4]


def test_high_watermark_and_last_stable_offset_are_the_log_end(log: PartitionLog) -> None:
    append(log, 3)
    assert log.high_watermark == log.last_stable_offset == log.log_end_offset == 3


@pytest.mark.parametrize(("offset", "first"), [(0, 0), (1, 0), (2, 0), (3, 3), (4, 4), (5, 4)])
def test_a_fetch_inside_a_batch_gives_the_whole_batch(log: PartitionLog, offset: int, first: int) -> None:
    append(log, 3, 1, 2)
    assert starts(log.fetch(offset, ALL)) == [start for start in (0, 3, 4) if start >= first]


def test_a_fetch_gives_what_fits_but_at_least_one_batch(log: PartitionLog) -> None:
    append(log, 1, 1, 1)
    size = len(new_batch(b"v"))
    assert starts(log.fetch(0, 0)) == [0]
    assert starts(log.fetch(0, 2 * size - 1)) == [0]
    assert starts(log.fetch(0, 2 * size)) == [0, 1]
    assert starts(log.fetch(1, 3 * size)) == [1, 2]


def test_a_fetch_at_the_log_end_gives_nothing(log: PartitionLog) -> None:
    assert log.fetch(0, ALL) == []
    append(log, 2)
    assert log.fetch(2, ALL) == []


def test_a_fetch_in_a_hole_between_batches_gives_the_next_batch(log: PartitionLog) -> None:
    append(log, 2)
    log.log_end_offset = 10  # as if 2 to 9 had been compacted away
    append(log, 1)
    for offset in range(2, 11):
        assert starts(log.fetch(offset, ALL)) == [10]
    assert starts(log.fetch(1, ALL)) == [0, 10]


def test_a_batch_that_ends_in_a_hole_keeps_its_offsets(log: PartitionLog) -> None:
    batch = new_batch(b"v", b"v")
    struct.pack_into(">i", batch, 23, 6)  # last offset delta: 2 to 6 were compacted away
    log.append(batch)
    append(log, 1)
    assert log.log_end_offset == 8
    assert starts(log.fetch(6, ALL)) == [0, 7]
    assert starts(log.fetch(7, ALL)) == [7]


def test_an_offset_outside_the_log_is_refused_at_both_ends(log: PartitionLog) -> None:
    append(log, 1, 1, 1)
    log.drop_head()
    for offset in (-1, 0, 4):
        with pytest.raises(
            OffsetOutOfRange, match=f"offset {offset} is outside the log, which holds 1 to 3"
        ) as refusal:
            log.fetch(offset, ALL)
        assert (refusal.value.log_start_offset, refusal.value.log_end_offset) == (1, 3)


def test_a_dropped_batch_moves_the_log_start_and_never_the_log_end(log: PartitionLog) -> None:
    append(log, 3, 1, 2)
    seen = []
    while log.batch_count:
        log.drop_head()
        seen.append((log.log_start_offset, log.log_end_offset, log.batch_count, log.head() is None))
    assert seen == [(3, 6, 2, False), (4, 6, 1, False), (6, 6, 0, True)]


def test_an_emptied_log_goes_on_where_it_was(log: PartitionLog) -> None:
    append(log, 3)
    log.drop_head()
    assert log.fetch(3, ALL) == []
    append(log, 2)
    assert starts(log.fetch(3, ALL)) == [3]
    assert (log.log_start_offset, log.log_end_offset) == (3, 5)


def test_a_drop_past_a_hole_starts_the_log_at_the_next_batch(log: PartitionLog) -> None:
    append(log, 2)
    log.log_end_offset = 10
    append(log, 1)
    log.drop_head()
    assert log.log_start_offset == 10


def test_the_budget_counts_every_batch_and_returns_to_zero(log: PartitionLog, budget: MemoryBudget) -> None:
    batches = [new_batch(b"v" * size) for size in (0, 100, 5000)]
    for batch in batches:
        log.append(batch)
    assert budget.used == sum(cost_of(batch) for batch in batches)
    assert log.size_bytes == sum(map(len, batches))
    while log.batch_count:
        log.drop_head()
    assert (budget.used, log.size_bytes) == (0, 0)


def found_at(log: PartitionLog, timestamp_ms: int) -> int | None:
    batch = log.batch_for_timestamp(timestamp_ms)
    return None if batch is None else record_batch.base_offset(batch)


def test_a_time_finds_the_first_batch_that_is_not_older(log: PartitionLog) -> None:
    for timestamp_ms in (100, 300, 200, 300, 400):
        append(log, 1, timestamp_ms=timestamp_ms)
    found = [found_at(log, time) for time in (0, 100, 101, 200, 300, 301, 400, 401)]
    assert found == [0, 0, 1, 1, 1, 4, 4, None]


def test_the_latest_record_of_a_batch_decides_whether_it_is_found(log: PartitionLog) -> None:
    records = [record_batch.NewRecord(b"", timestamp_ms=time) for time in (100, 900, 200)]
    [batch] = record_batch.build_batches(records, now_ms=0, max_bytes=ALL)
    log.append(batch)
    append(log, 1, timestamp_ms=1000)
    assert [found_at(log, time) for time in (900, 901)] == [0, 3]


def test_a_dropped_batch_from_the_future_is_not_found_and_hides_nothing(log: PartitionLog) -> None:
    for timestamp_ms in (9000, 100, 300, 200):
        append(log, 1, timestamp_ms=timestamp_ms)
    log.drop_head()
    assert [found_at(log, time) for time in (50, 100, 101, 300, 301, 9000)] == [1, 1, 2, 2, None, None]


@given(
    timestamps=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    drops=st.lists(st.integers(0, 59), max_size=60),
    stride=st.sampled_from([1, 3, 256]),
)
def test_time_and_offset_find_the_same_as_a_walk_over_the_whole_log(
    timestamps: list[int], drops: list[int], stride: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_log, "STRIDE", stride)
        log = PartitionLog(MemoryBudget(2**40))
        held: list[tuple[int, int]] = []
        for offset, timestamp_ms in enumerate(timestamps):
            append(log, 1, timestamp_ms=timestamp_ms)
            held.append((offset, timestamp_ms))
            for _ in range(min(drops.count(offset), len(held))):
                log.drop_head()
                held.pop(0)
            for time in range(22):
                assert found_at(log, time) == next((place for place, known in held if known >= time), None)
            assert starts(log.fetch(log.log_start_offset, ALL)) == [place for place, _ in held]
            assert log.batch_count == len(held)


def test_a_replaced_batch_keeps_its_place_and_the_log_both_its_ends(log: PartitionLog, budget: MemoryBudget) -> None:
    append(log, 1, 3, 1)
    old = log.fetch(1, 0)[0]
    new = record_batch.place(new_batch(b"longer than before"), 1)
    log.replace(old, new)
    assert log.fetch(0, ALL)[1] is new
    assert (log.log_start_offset, log.log_end_offset) == (0, 5)
    assert (log.batch_count, log.record_count) == (3, 3)
    assert budget.used == sum(map(cost_of, log.fetch(0, ALL)))
    assert log.size_bytes == sum(map(len, log.fetch(0, ALL)))


def test_a_batch_that_is_taken_out_leaves_a_hole_that_is_served(log: PartitionLog, budget: MemoryBudget) -> None:
    append(log, 2, 3, 1)
    for old in log.fetch(0, ALL)[:2]:
        log.replace(old, None)
    assert (log.log_start_offset, log.log_end_offset) == (0, 6)
    assert [starts(log.fetch(offset, ALL)) for offset in range(7)] == [[5]] * 6 + [[]]
    assert (log.batch_count, log.record_count) == (1, 1)
    assert budget.used == cost_of(log.fetch(5, ALL)[0])


def test_what_is_no_longer_in_the_log_is_not_replaced(log: PartitionLog, budget: MemoryBudget) -> None:
    append(log, 1, 1)
    first, second = log.fetch(0, ALL)
    log.drop_head()
    log.replace(first, None)
    assert starts(log.fetch(1, ALL)) == [1]
    log.drop_head()
    log.replace(second, None)
    assert (log.batch_count, log.record_count, log.size_bytes, budget.used) == (0, 0, 0, 0)


def test_a_look_up_by_time_passes_over_what_was_taken_out(log: PartitionLog) -> None:
    for timestamp_ms in (100, 900, 200, 300):
        append(log, 1, timestamp_ms=timestamp_ms)
    log.replace(log.fetch(1, 0)[0], None)
    assert [found_at(log, time) for time in (100, 101, 201, 301)] == [0, 2, 3, None]


def test_records_are_counted_and_not_offsets(log: PartitionLog) -> None:
    append(log, 2)
    log.log_end_offset = 10
    append(log, 3)
    assert log.record_count == 5
    log.drop_head()
    assert log.record_count == 3


@pytest.mark.parametrize(
    ("offset", "no_later_than_ms", "measured"),
    [(0, ALL, (4, 4)), (0, 199, (1, 1)), (0, 50, (0, 0)), (2, 100, (3, 1)), (4, ALL, (4, 0)), (5, ALL, (5, 0))],
)
def test_a_log_is_measured_up_to_a_time_and_never_its_last_batch(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch, offset: int, no_later_than_ms: int, measured: tuple[int, int]
) -> None:
    monkeypatch.setattr(partition_log, "STRIDE", 2)
    for timestamp_ms in (100, 200, 100, 150, 100):
        append(log, 1, timestamp_ms=timestamp_ms)
    end_offset, batches = measured
    assert log.measure(offset, no_later_than_ms) == (end_offset, batches * len(new_batch(b"v")))


def test_an_empty_log_measures_nothing(log: PartitionLog) -> None:
    assert log.measure(0, ALL) == (0, 0)


@given(
    kept=st.lists(st.sampled_from([True, True, False]), min_size=20, max_size=60),
    order=st.randoms(use_true_random=False),
    stride=st.sampled_from([1, 3, 256]),
)
def test_taking_batches_out_leaves_the_others_in_their_order(kept: list[bool], order: Random, stride: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_log, "STRIDE", stride)
        budget = MemoryBudget(2**40)
        log = PartitionLog(budget)
        for offset in range(len(kept)):
            append(log, 1, timestamp_ms=offset * 7 % 20)
        batches = log.fetch(0, ALL)
        gone = [batch for batch, stays in zip(batches, kept, strict=True) if not stays]
        order.shuffle(gone)
        for batch in gone:
            log.replace(batch, None)
        left = [batch for batch, stays in zip(batches, kept, strict=True) if stays]
        for offset in range(len(kept) + 1):
            assert log.fetch(offset, ALL) == [batch for batch in left if record_batch.base_offset(batch) >= offset]
        for time in range(22):
            wanted = (batch for batch in left if record_batch.max_timestamp(batch) >= time)
            assert log.batch_for_timestamp(time) == next(wanted, None)
        assert log.measure(0, ALL)[1] == sum(map(len, left[:-1]))
        assert (log.batch_count, log.record_count, budget.used) == (len(left), len(left), sum(map(cost_of, left)))
        append(log, 1)
        assert starts(log.fetch(len(kept), ALL)) == [len(kept)]


def test_thin_runs_become_one(log: PartitionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run costs 200 bytes that no budget counts: a thousand runs of one batch would be dear."""
    monkeypatch.setattr(partition_log, "STRIDE", 4)
    append(log, *[1] * 40)
    for batch in log.fetch(0, ALL):
        if record_batch.base_offset(batch) % 10:
            log.replace(batch, None)
    assert starts(log.fetch(0, ALL)) == [0, 10, 20, 30]
    assert len(log._runs) == 1


@pytest.mark.parametrize("timestamp_of", [lambda _: 7, lambda number: 5_000 - number], ids=["equal", "falling"])
def test_a_drop_costs_the_same_however_long_the_log_is(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch, timestamp_of: Callable[[int], int]
) -> None:
    for number in range(5_000):
        append(log, 1, timestamp_ms=timestamp_of(number))
    read = Mock(wraps=record_batch.max_timestamp)
    monkeypatch.setattr(record_batch, "max_timestamp", read)
    for _ in range(100):
        log.drop_head()
    assert read.call_count <= 100


def test_the_batch_at_an_offset_is_the_one_that_a_fetch_begins_with() -> None:
    log = PartitionLog(MemoryBudget(2**40))
    for number in range(600):
        log.append(new_batch(*[b"v"] * (1 + number % 7 // 5)))
    for offset in (3, 4, 100, 301, 302):
        log.replace(log.batch_at(offset), None)
    for _ in range(270):
        log.drop_head()
    for offset in range(log.log_start_offset, log.log_end_offset):
        assert log.batch_at(offset) is log.fetch(offset, 1)[0]
        held = log.fetch(log.log_start_offset, 2**40)
        assert log.batch_at(offset) is next(batch for batch in held if record_batch.next_offset(batch) > offset)


def test_the_latest_batch_is_the_first_one_with_the_latest_time(log: PartitionLog) -> None:
    assert log.latest_batch() is None
    for timestamp_ms in (5, 9, 7, 9):
        append(log, 1, timestamp_ms=timestamp_ms)
    latest = log.latest_batch()
    assert latest is not None
    assert record_batch.base_offset(latest) == 1


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 4), st.integers(0, 30))
def test_the_latest_batch_is_found_in_logs_of_many_runs(times: list[int], stride: int, start: int) -> None:
    log = PartitionLog(MemoryBudget(2**30))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_log, "STRIDE", stride)
        for timestamp_ms in times:
            append(log, 1, timestamp_ms=timestamp_ms)
    log.start_at(min(start, len(times)))
    expected = max(range(log.log_start_offset, len(times)), key=lambda it: (times[it], -it), default=None)
    latest = log.latest_batch()
    assert (None if latest is None else record_batch.base_offset(latest)) == expected


def test_a_log_may_start_within_a_batch_and_never_earlier_again(log: PartitionLog) -> None:
    append(log, 3, 3, 3)
    log.start_at(4)
    assert log.log_start_offset == 4
    assert starts(log.fetch(4, ALL)) == [3, 6]
    with pytest.raises(OffsetOutOfRange):
        log.fetch(3, ALL)
    log.start_at(2)
    log.drop_head()
    assert log.log_start_offset == 4


def test_what_lies_below_the_start_is_not_found_by_time(log: PartitionLog) -> None:
    append(log, 2, timestamp_ms=9)
    append(log, 2, timestamp_ms=5)
    log.start_at(2)
    for batch in (log.latest_batch(), log.batch_for_timestamp(1)):
        assert batch is not None
        assert record_batch.base_offset(batch) == 2
    log.start_at(4)
    assert log.latest_batch() is log.batch_for_timestamp(1) is None


def test_appended_bytes_only_grow(log: PartitionLog) -> None:
    append(log, 1, 1)
    grown = log.appended_bytes
    log.drop_head()
    assert log.appended_bytes == grown == 2 * log.size_bytes
