"""What compaction keeps: of each key the last record, at its offset, and tombstones for as long as they must be seen.

The rules are those of Cleaner and LogCleanerManager of Apache Kafka 4.3.1.
"""

import struct
from collections.abc import Callable, Iterable

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from mini_kafka.core import compaction, record_batch
from mini_kafka.core.compaction import KEY_OVERHEAD_BYTES, Limits, Pass
from mini_kafka.core.decompression import Undecodable, decompress
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic_config import TopicConfig
from tests.support.batches import keyed_batch

ALL = 2**31
COMPACT = TopicConfig(cleanup_policy="compact")
LIMITS = Limits(max_decompressed_bytes=2**26, key_map_bytes=2**30)
DAY_MS = 24 * 60 * 60 * 1000
NOW_MS = 1_700_000_000_000

Pair = tuple[bytes | None, bytes | None]


def log_of(*batches: Iterable[Pair]) -> PartitionLog:
    log = PartitionLog(MemoryBudget(2**40))
    for pairs in batches:
        log.append(keyed_batch(*pairs))
    return log


def run(log: PartitionLog, config: TopicConfig = COMPACT, now_ms: int = NOW_MS, limits: Limits = LIMITS,
        wanted: Callable[[], bool] = lambda: True, between: Callable[[], None] = lambda: None) -> int:  # fmt: skip
    """Make a whole pass, and count what it handed out."""
    steps = Pass(log, config, now_ms, limits, wanted).steps()
    handed_out = 0
    try:
        heavy = next(steps)
        while True:
            between()
            if heavy is None:
                heavy = next(steps)
                continue
            handed_out += 1
            try:
                result = heavy()
            except Undecodable as error:
                heavy = steps.throw(error)
            else:
                heavy = steps.send(result)
    except StopIteration:
        return handed_out


def held(log: PartitionLog) -> list[tuple[int, bytes | None, bytes | None]]:
    records = []
    for batch in log.fetch(log.log_start_offset, ALL):
        assert DefaultRecordBatch(batch).validate_crc()
        if record_batch.is_control(batch):
            continue
        records += [(r.offset, r.key, r.value) for r in record_batch.read_records(decompress(batch, ALL))]
    return records


def test_the_last_record_of_each_key_stays_at_its_offset() -> None:
    log = log_of(
        [(b"a", b"1"), (b"b", b"2")], [(b"a", b"3")], [(b"c", b"4"), (b"a", b"5"), (b"d", b"6")], [(b"z", b"")]
    )
    run(log)
    assert held(log) == [(1, b"b", b"2"), (3, b"c", b"4"), (4, b"a", b"5"), (5, b"d", b"6"), (6, b"z", b"")]
    assert (log.log_start_offset, log.log_end_offset, log.record_count) == (0, 7, 5)


def test_a_hole_is_served_with_the_next_batch() -> None:
    log = log_of([(b"a", b"1")], [(b"a", b"2")], [(b"b", b"3")], [(b"a", b"4")])
    run(log)
    assert [record_batch.base_offset(log.fetch(offset, 0)[0]) for offset in range(4)] == [2, 2, 2, 3]


def test_the_last_batch_is_never_rewritten_and_yet_counts() -> None:
    """Kafka neither rewrites nor reads the active segment; here the batch in its place says already what is older."""
    log = log_of([(b"k", b"1")], [(b"k", b"2")], [(b"k", b"3"), (b"k", b"4")])
    run(log)
    assert held(log) == [(2, b"k", b"3"), (3, b"k", b"4")]


def test_a_second_pass_over_a_clean_log_changes_nothing() -> None:
    log = log_of([(b"a", b"1"), (b"b", b"2")], [(b"a", b"3")], [(b"c", b"4")])
    run(log)
    before = log.fetch(0, ALL)
    run(log)
    assert all(new is old for new, old in zip(log.fetch(0, ALL), before, strict=True))


def test_a_later_pass_drops_what_an_earlier_one_had_kept() -> None:
    log = log_of([(b"a", b"1"), (b"b", b"2")], [(b"c", b"3")])
    run(log)
    log.append(keyed_batch((b"a", b"4")))
    log.append(keyed_batch((b"z", b"")))
    run(log)
    assert held(log) == [(1, b"b", b"2"), (2, b"c", b"3"), (3, b"a", b"4"), (4, b"z", b"")]


def test_a_tombstone_stays_for_its_time_after_the_pass_that_cleaned_its_place() -> None:
    config = TopicConfig(cleanup_policy="compact", delete_retention_ms=DAY_MS)
    log = log_of([(b"a", b"1")], [(b"a", None)], [(b"z", b"")])
    run(log, config, NOW_MS)
    assert held(log) == [(1, b"a", None), (2, b"z", b"")]
    run(log, config, NOW_MS + DAY_MS - 1)
    assert held(log) == [(1, b"a", None), (2, b"z", b"")]
    run(log, config, NOW_MS + DAY_MS)
    assert held(log) == [(2, b"z", b"")]


def test_a_tombstone_goes_in_the_second_pass_at_the_earliest() -> None:
    """Kafka: the first pass writes the delete horizon into the batch (KIP-534), also with delete.retention.ms=0."""
    config = TopicConfig(cleanup_policy="compact", delete_retention_ms=0)
    log = log_of([(b"a", None)], [(b"z", b"")])
    run(log, config)
    assert held(log) == [(0, b"a", None), (1, b"z", b"")]
    run(log, config)
    assert held(log) == [(1, b"z", b"")]


def test_a_tombstone_that_is_not_the_last_of_its_key_goes_at_once() -> None:
    log = log_of([(b"a", None)], [(b"a", b"1")], [(b"z", b"")])
    run(log)
    assert held(log) == [(1, b"a", b"1"), (2, b"z", b"")]


def test_an_empty_key_is_a_key_and_an_empty_value_no_tombstone() -> None:
    config = TopicConfig(cleanup_policy="compact", delete_retention_ms=0)
    log = log_of([(b"", b"1")], [(b"", b"")], [(b"z", b"")])
    run(log, config)
    run(log, config)
    assert held(log) == [(1, b"", b""), (2, b"z", b"")]


def test_a_record_without_a_key_goes() -> None:
    """Kafka's Cleaner.shouldRetainRecord counts it as an invalid message, and drops it."""
    log = log_of([(None, b"1"), (b"a", b"2"), (None, b"3")], [(None, b"4")], [(None, b"last")])
    run(log)
    assert held(log) == [(1, b"a", b"2"), (3 + 1, None, b"last")]


def test_a_batch_that_may_not_be_cleaned_yet_stays_and_supersedes_nothing() -> None:
    """Kafka's LogCleanerManager.cleanableOffsets ends before the first segment that is younger than the lag."""
    config = TopicConfig(cleanup_policy="compact", min_compaction_lag_ms=1000)
    log = PartitionLog(MemoryBudget(2**40))
    for age_ms in (3000, 2000, 1001, 1000, 999, 1001, 0):
        log.append(keyed_batch((b"a", b"%d" % age_ms), timestamp_ms=NOW_MS - age_ms))
    run(log, config)
    assert [value for _, _, value in held(log)] == [b"1000", b"999", b"1001", b"0"]


def compressed(codec: int, *pairs: Pair, producer: tuple[int, int, int] = (-1, -1, -1)) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, codec, False, *producer, ALL - 1)
    for delta, (key, value) in enumerate(pairs):
        builder.append(delta, 1000 + delta, key, value, [("h", b"x")])
    batch: bytearray = builder.build()
    return batch


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("size", [10, compaction.INLINE_BYTES])
def test_a_rewritten_batch_keeps_its_codec_producer_and_offsets(codec: int, size: int) -> None:
    """Kafka's MemoryRecords.filterTo keeps base and last offset, producer id, epoch and sequence."""
    log = PartitionLog(MemoryBudget(2**40))
    log.append(keyed_batch((b"first", b"")))
    log.append(compressed(codec, (b"a", b"1" * size), (b"b", b"2"), (b"a", b"3"), (b"c", b""), producer=(77, 3, 40)))
    log.append(keyed_batch((b"c", b"4")))
    assert run(log) == (0 if size == 10 else 1 if codec == 0 else 2 * 1 + 1)
    rewritten = log.fetch(1, 0)[0]
    opened = DefaultRecordBatch(rewritten)
    assert opened.validate_crc()
    assert (opened.base_offset, opened.last_offset_delta, record_batch.next_offset(rewritten)) == (1, 3, 5)
    assert (opened.producer_id, opened.producer_epoch, opened.base_sequence) == (77, 3, 40)
    assert opened.compression_type == codec
    records = list(record_batch.read_records(decompress(rewritten, ALL)))
    assert [(r.offset, r.timestamp_ms, r.key, r.headers) for r in records] == [
        (2, 1001, b"b", (("h", b"x"),)),
        (3, 1002, b"a", (("h", b"x"),)),
    ]
    assert record_batch.max_timestamp(rewritten) == 1002


def test_a_batch_with_the_time_of_its_append_keeps_it() -> None:
    log = PartitionLog(MemoryBudget(2**40))
    batch = keyed_batch((b"a", b"1"), (b"a", b"2"), timestamp_ms=5)
    record_batch.stamp_log_append_time(batch, 9000)
    log.append(batch)
    log.append(keyed_batch((b"z", b"")))
    run(log)
    [rewritten] = log.fetch(0, 0)
    assert DefaultRecordBatch(rewritten).validate_crc()
    assert [(r.offset, r.timestamp_ms) for r in record_batch.read_records(rewritten)] == [(1, 9000)]


def corrupt(batch: bytearray, at: int) -> bytearray:
    """Break a batch's records under a valid CRC."""
    batch[at] ^= 0xFF
    struct.pack_into(">I", batch, 17, calc_crc32c(memoryview(batch)[21:]))
    return batch


@pytest.mark.parametrize(("codec", "at"), [(0, 60), (1, 60), (1, -1)], ids=["count", "count-gzip", "gzip"])
def test_a_batch_that_cannot_be_decoded_stays_as_it_is_and_supersedes_nothing(codec: int, at: int) -> None:
    log = PartitionLog(MemoryBudget(2**40))
    log.append(keyed_batch((b"a", b"1")))
    log.append(corrupt(compressed(codec, (b"a", b"2"), (b"a", None), (b"a", b"3")), at))
    log.append(keyed_batch((b"z", b"")))
    before = log.fetch(0, ALL)
    run(log)
    assert log.fetch(0, ALL) == before
    assert log.cleaning.first_tombstone is None


def test_a_batch_that_would_be_too_wide_stays_as_it_is() -> None:
    log = PartitionLog(MemoryBudget(2**40))
    log.append(compressed(1, (b"a", bytes(200_000)), (b"a", b"")))
    log.append(keyed_batch((b"z", b"")))
    before = log.fetch(0, ALL)
    assert run(log, limits=Limits(100_000, 2**30)) == 2
    assert log.fetch(0, ALL) == before


def test_transaction_markers_stay() -> None:
    log = PartitionLog(MemoryBudget(2**40))
    for _ in range(2):
        marker = keyed_batch((b"\0\0\0\1", b"\0\0\0\0\0\0"))
        struct.pack_into(">h", marker, 21, record_batch.CONTROL_BIT)
        struct.pack_into(">I", marker, 17, calc_crc32c(memoryview(marker)[21:]))
        log.append(marker)
    log.append(keyed_batch((b"\0\0\0\1", b"")))
    run(log)
    assert log.batch_count == 3


def test_a_pass_whose_keys_are_full_ends_there_and_the_next_goes_on() -> None:
    log = log_of([(b"%d" % (n % 10), b"%d" % n) for n in range(40)], [(b"z", b"")])
    three_keys = Limits(2**26, 3 * (KEY_OVERHEAD_BYTES + 1))
    ends = []
    for _ in range(20):
        run(log, limits=three_keys)
        ends.append(log.cleaning.end_offset)
        assert ends == sorted(ends)
    assert ends[0] == 3
    assert ends[-1] == 40
    assert held(log) == [*((n, b"%d" % (n % 10), b"%d" % n) for n in range(30, 40)), (40, b"z", b"")]


def test_one_key_that_is_larger_than_all_room_still_gets_a_pass_on() -> None:
    log = log_of([(b"k" * 100, b"1")], [(b"k" * 100, b"2")], [(b"j" * 100, b"3")], [(b"z", b"")])
    for _ in range(3):
        run(log, limits=Limits(2**26, 1))
    assert [offset for offset, _, _ in held(log)] == [1, 2, 3]


def test_a_pass_that_is_no_longer_wanted_changes_nothing_more() -> None:
    log = log_of(*[[(b"a", b"%d" % n)] for n in range(10)])
    before = log.fetch(0, ALL)
    run(log, wanted=lambda: False)
    assert log.fetch(0, ALL) == before
    assert log.cleaning.end_offset == 0


def test_a_pass_takes_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP_RECORDS", 5)
    steps = 0

    def between() -> None:
        nonlocal steps
        steps += 1

    run(log_of([(b"%d" % n, b"") for n in range(100)], [(b"a", b"")] * 100, [(b"z", b"")]), between=between)
    assert steps >= 4 * 200 / 5


def test_what_is_appended_while_a_pass_is_under_way_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP_RECORDS", 1)
    log = log_of(*[[(b"a", b"%d" % n)] for n in range(10)])
    appended = 0

    def between() -> None:
        nonlocal appended
        if appended < 50:
            log.append(keyed_batch((b"a", b"new")))
            appended += 1

    run(log, between=between)
    assert [offset for offset, _, _ in held(log)] == list(range(9, 60))


def test_what_retention_drops_while_a_pass_is_under_way_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP_RECORDS", 1)
    for drops_after in range(60):
        budget = MemoryBudget(2**40)
        log = PartitionLog(budget)
        for number in range(10):
            log.append(keyed_batch((b"%d" % (number % 2), b"x"), (b"%d" % number, b"y")))
        steps = 0

        def between(log: PartitionLog = log, drops_after: int = drops_after) -> None:
            nonlocal steps
            steps += 1
            if steps >= drops_after and log.batch_count:
                log.drop_head()

        run(log, between=between)
        assert budget.used == sum(map(cost_of, log.fetch(log.log_start_offset, ALL)))


def test_a_log_is_due_when_more_of_it_is_dirty_than_the_ratio_says() -> None:
    """Kafka cleans when the ratio is passed, not when it is met; the last batch counts for neither side."""
    log = log_of(*[[(b"%d" % n, b"")] for n in range(5)])
    assert compaction.is_due(log, COMPACT, NOW_MS)
    run(log)  # four batches are clean
    for number in range(5, 10):
        assert not compaction.is_due(log, COMPACT, NOW_MS), number
        log.append(keyed_batch((b"%d" % (number % 10), b"")))
    assert compaction.is_due(log, COMPACT, NOW_MS)  # five are dirty
    assert not compaction.is_due(log, TopicConfig(min_cleanable_dirty_ratio=5 / 9), NOW_MS)


def test_a_log_of_one_batch_is_never_due() -> None:
    config = TopicConfig(min_cleanable_dirty_ratio=0)
    assert not compaction.is_due(log_of(), config, NOW_MS)
    assert not compaction.is_due(log_of([(b"a", b"1"), (b"a", b"2")]), config, NOW_MS)


def test_what_may_not_be_cleaned_yet_makes_a_log_due_later() -> None:
    config = TopicConfig(min_compaction_lag_ms=1000)
    log = log_of([(b"a", b"1")], [(b"a", b"2")])
    assert [compaction.is_due(log, config, now_ms) for now_ms in (999, 1000)] == [False, True]


def test_the_oldest_dirty_batch_makes_a_log_due_when_it_has_waited_long_enough() -> None:
    config = TopicConfig(min_cleanable_dirty_ratio=1, max_compaction_lag_ms=1000)
    log = log_of([(b"a", b"1")], [(b"b", b"2")])
    assert [compaction.is_due(log, config, now_ms) for now_ms in (1000, 1001)] == [False, True]
    run(log, config)
    assert not compaction.is_due(log, config, 2**60)


def test_a_tombstone_whose_time_is_over_makes_a_log_due() -> None:
    """Kafka waits for more dirty records; a log that nobody writes to any more keeps its tombstones there."""
    log = log_of([(b"b", b"1")], [(b"a", None)], [(b"z", b"")])
    run(log)
    assert not compaction.is_settled(log)
    assert [compaction.is_due(log, COMPACT, NOW_MS + DAY_MS + more) for more in (-1, 0)] == [False, True]
    run(log, now_ms=NOW_MS + DAY_MS)
    assert not compaction.is_due(log, COMPACT, 2**60)
    assert compaction.is_settled(log)


def test_a_log_is_settled_when_only_its_last_batch_is_dirty() -> None:
    log = log_of([(b"a", b"1")])
    assert compaction.is_settled(log)
    log.append(keyed_batch((b"b", b"1")))
    assert not compaction.is_settled(log)
    run(log)
    assert compaction.is_settled(log)
