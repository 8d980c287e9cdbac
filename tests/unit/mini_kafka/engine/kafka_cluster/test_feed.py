"""A window of a partition: records come in at the end, leave once, and it says when it is full."""

import pytest

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import Record
from mini_kafka.engine.kafka_cluster.feed import MAX_RECORDS, Feed
from mini_kafka.engine.kafka_cluster.feed_reader import NEAR, spans

PLACE = TopicPartition("t", 0)


def records(*offsets: int, size: int = 10) -> list[Record]:
    return [Record(offset, 0, None, b"x" * size) for offset in offsets]


@pytest.fixture
def feed() -> Feed:
    return Feed(PLACE, 5, 9)


def test_records_leave_once_and_in_their_order(feed: Feed) -> None:
    feed.add(records(5, 6, 7))
    taken, end, _ = feed.take(5, 2, 10**6)
    assert ([one.offset for one in taken], end) == ([5, 6], 7)
    taken, end, _ = feed.take(7, 9, 10**6)
    assert ([one.offset for one in taken], end) == ([7], 8)
    assert feed.take(8, 9, 10**6) == ([], 8, 0)


def test_what_lies_between_records_is_passed_over_with_the_record_before_it(feed: Feed) -> None:
    feed.add(records(6, 9))
    feed.reach(12)
    taken, end, _ = feed.take(5, 1, 10**6)
    assert ([one.offset for one in taken], end) == ([6], 9)
    taken, end, _ = feed.take(9, 9, 10**6)
    assert ([one.offset for one in taken], end, feed.high_watermark) == ([9], 12, 12)


def test_at_least_one_record_is_taken_and_no_more_than_the_bytes(feed: Feed) -> None:
    feed.add(records(5, 6, 7, size=1000))
    assert len(feed.take(5, 9, 1)[0]) == 1
    assert len(feed.take(6, 9, 1500)[0]) == 2


def test_records_below_the_offset_are_dropped(feed: Feed) -> None:
    feed.add(records(5, 6, 7))
    assert [one.offset for one in feed.take(7, 9, 10**6)[0]] == [7]
    assert len(feed) == 0


@pytest.mark.parametrize(("count", "size"), [(MAX_RECORDS, 1), (3, 400_000)])
def test_a_window_is_full_by_records_or_by_bytes_and_low_when_half_has_left(feed: Feed, count: int, size: int) -> None:
    feed.add(records(*range(5, 5 + count), size=size))
    assert (feed.is_full, feed.is_low) == (True, False)
    feed.take(5, count // 2 + 1, 2**40)
    assert (feed.is_full, feed.is_low) == (False, True)


def test_a_window_has_begun_with_its_first_record_or_where_there_was_none(feed: Feed) -> None:
    assert not feed.has_begun
    feed.add(records(5))
    feed.take(5, 1, 1)
    assert feed.has_begun
    assert Feed(PLACE, 5, 5).has_begun


def test_ranges_that_lie_near_are_read_together() -> None:
    assert list(spans([])) == []
    assert list(spans([(3, 5), (5, 6), (6 + NEAR, 9 + NEAR), (500, 501)])) == [(3, 9 + NEAR), (500, 501)]
