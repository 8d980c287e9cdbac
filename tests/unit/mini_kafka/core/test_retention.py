"""What a log may forget and when: Kafka's rules, with a batch where Kafka has a segment.

The rules are UnifiedLog's of Apache Kafka 4.3.1: deleteRetentionMsBreachedSegments drops while `now - largest
timestamp > retention.ms`, deleteRetentionSizeBreachedSegments while `size - retention.bytes >= the segment's size`.
"""

import pytest

from mini_kafka.core import retention
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic_config import TopicConfig
from tests.support.batches import new_batch

NO_LIMIT = TopicConfig(retention_ms=-1, retention_bytes=-1)
SIZE = len(new_batch(b"v" * 100))


def log_of(*timestamps_ms: int) -> PartitionLog:
    """Make a log of batches with one record of one size each."""
    log = PartitionLog(MemoryBudget(2**40))
    for timestamp_ms in timestamps_ms:
        log.append(new_batch(b"v" * 100, timestamp_ms=timestamp_ms))
    return log


def kept_after(log: PartitionLog, config: TopicConfig, now_ms: int = 0) -> list[int]:
    assert not retention.enforce(log, config, now_ms, max_batches=1000)
    return list(range(log.log_start_offset, log.log_end_offset))


def test_without_limits_nothing_is_ever_dropped() -> None:
    assert kept_after(log_of(0, 0, 0), NO_LIMIT, now_ms=2**62) == [0, 1, 2]


@pytest.mark.parametrize(
    ("now_ms", "kept"), [(1100, [0, 1, 2]), (1101, [1, 2]), (1200, [1, 2]), (1201, [2]), (1301, [])]
)
def test_a_batch_is_dropped_when_it_is_older_than_retention_ms(now_ms: int, kept: list[int]) -> None:
    config = TopicConfig(retention_ms=1000)
    assert kept_after(log_of(100, 200, 300), config, now_ms) == kept


def test_retention_ms_zero_keeps_a_batch_for_the_millisecond_of_its_timestamp() -> None:
    config = TopicConfig(retention_ms=0)
    assert kept_after(log_of(500), config, now_ms=500) == [0]
    assert kept_after(log_of(500), config, now_ms=501) == []


def test_a_batch_that_must_stay_protects_the_older_ones_behind_it() -> None:
    assert kept_after(log_of(100, 900, 100, 100), TopicConfig(retention_ms=1000), now_ms=1500) == [1, 2, 3]


def test_a_timestamp_in_the_future_stays() -> None:
    assert kept_after(log_of(10_000, 100), TopicConfig(retention_ms=0), now_ms=9_999) == [0, 1]


@pytest.mark.parametrize(
    ("retention_bytes", "kept"),
    [
        (0, 0),
        (1, 1),
        (SIZE, 1),
        (SIZE + 1, 2),
        (2 * SIZE, 2),
        (3 * SIZE - 1, 3),
        (3 * SIZE, 3),
        (4 * SIZE, 4),
        (2**62, 4),
    ],
)
def test_a_log_never_falls_below_retention_bytes(retention_bytes: int, kept: int) -> None:
    log = log_of(0, 0, 0, 0)
    config = TopicConfig(retention_ms=-1, retention_bytes=retention_bytes)
    assert len(kept_after(log, config)) == kept
    assert log.size_bytes >= min(retention_bytes, 4 * SIZE)


def test_a_large_batch_that_must_stay_protects_the_small_ones_behind_it() -> None:
    log = PartitionLog(MemoryBudget(2**40))
    for size in (5000, 10, 10):
        log.append(new_batch(b"v" * size))
    config = TopicConfig(retention_ms=-1, retention_bytes=1000)
    assert kept_after(log, config) == [0, 1, 2]


def test_size_and_age_each_drop_what_the_other_would_keep() -> None:
    old_but_small = log_of(100, 100, 900)
    assert kept_after(old_but_small, TopicConfig(retention_ms=500, retention_bytes=2**40), now_ms=1000) == [2]
    young_but_large = log_of(900, 900, 900)
    assert kept_after(young_but_large, TopicConfig(retention_ms=500, retention_bytes=SIZE), now_ms=1000) == [2]


def test_a_call_drops_no_more_batches_than_it_may_and_says_that_there_are_more() -> None:
    log = log_of(*[0] * 5)
    config = TopicConfig(retention_ms=10)
    assert retention.enforce(log, config, now_ms=100, max_batches=2)
    assert log.log_start_offset == 2
    assert not retention.enforce(log, config, now_ms=100, max_batches=3)
    assert log.batch_count == 0


def test_draining_drops_everything_in_portions_whatever_the_configs_say() -> None:
    log = log_of(*[2**60] * 5)
    assert retention.drain(log, max_batches=3)
    assert log.batch_count == 2
    assert not retention.drain(log, max_batches=3)
    assert log.batch_count == 0


def test_the_deadline_is_the_first_millisecond_in_which_the_head_may_be_dropped() -> None:
    config = TopicConfig(retention_ms=1000)
    deadline_ms = retention.next_deadline_ms(log_of(100, 50), config)
    assert deadline_ms == 1101
    assert kept_after(log_of(100, 50), config, deadline_ms - 1) == [0, 1]
    assert kept_after(log_of(100, 50), config, deadline_ms) == []


def test_there_is_no_deadline_without_records_or_without_an_age_limit() -> None:
    assert retention.next_deadline_ms(log_of(), TopicConfig()) is None
    assert retention.next_deadline_ms(log_of(100), NO_LIMIT) is None


@pytest.mark.parametrize("policy", ["compact", ""])
def test_a_log_whose_policy_does_not_delete_forgets_nothing_by_age_or_size(policy: str) -> None:
    """Kafka's UnifiedLog.deleteOldSegments asks `config.delete` before it looks at either."""
    config = TopicConfig(retention_ms=0, retention_bytes=0, cleanup_policy=policy)
    assert kept_after(log_of(1, 2, 3), config, now_ms=10) == [0, 1, 2]
    assert retention.next_deadline_ms(log_of(1), config) is None


def test_a_log_that_is_compacted_and_deleted_forgets_by_age_and_size() -> None:
    config = TopicConfig(retention_ms=5, cleanup_policy="compact,delete")
    assert kept_after(log_of(1, 2, 8), config, now_ms=10) == [2]
    assert retention.next_deadline_ms(log_of(1), config) == 7


@pytest.mark.parametrize("policy", ["delete", "compact", "compact,delete", ""])
def test_what_lies_below_the_log_start_offset_goes_whatever_the_policy(policy: str) -> None:
    log = log_of(0, 0, 0)
    log.start_at(2)
    assert retention.enforce(log, TopicConfig(retention_ms=-1, cleanup_policy=policy), 0, max_batches=1)
    assert not retention.enforce(log, TopicConfig(retention_ms=-1, cleanup_policy=policy), 0, max_batches=1)
    assert (log.batch_count, log.log_start_offset, log.log_end_offset) == (1, 2, 3)


def test_a_log_that_begins_with_what_is_too_old_keeps_it_for_five_minutes() -> None:
    config = TopicConfig(retention_ms=1000)
    log = log_of(1)
    retention.begin(log, config, now_ms=5000)
    assert kept_after(log, config, now_ms=5000 + retention.GRACE_MS - 1) == [0]
    assert retention.next_deadline_ms(log, config) == 5000 + retention.GRACE_MS
    assert kept_after(log, config, now_ms=5000 + retention.GRACE_MS) == []


def test_a_log_that_begins_with_what_is_young_keeps_it_no_longer_than_retention_ms() -> None:
    config = TopicConfig(retention_ms=1000)
    log = log_of(4500)
    retention.begin(log, config, now_ms=5000)
    assert retention.next_deadline_ms(log, config) == 5501
    assert kept_after(log, config, now_ms=5501) == []
