"""Retention comes when its time comes, in slices, and forgets no log, whatever happens between two slices."""

from uuid import uuid4

import pytest

from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.retention_sweeper import (
    BATCHES_PER_STEP,
    MIN_INTERVAL_MS,
    STEPS_PER_SLICE,
    RetentionSweeper,
)
from tests.support.batches import new_batch
from tests.support.clock import ManualClock

RETENTION_MS = 60_000
BY_AGE = TopicConfig(retention_ms=RETENTION_MS)
FOREVER = TopicConfig(retention_ms=-1)
SIZE = len(new_batch())


class House:
    """A sweeper with its topics, filled as an engine does it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.budget = MemoryBudget(2**40)
        self.topics = Topics(self.budget)
        self.sweeper = RetentionSweeper(clock, self.topics)

    def create(self, name: str, config: TopicConfig, partitions: int = 1) -> Topic:
        return self.topics.create(name, uuid4(), config, partitions)

    def append(self, topic: Topic, partition: int = 0, *, times: int = 1, timestamp_ms: int | None = None) -> None:
        now_ms = self.clock.now_ms() if timestamp_ms is None else timestamp_ms
        for _ in range(times):
            topic.log(partition).append(new_batch(timestamp_ms=now_ms))
            self.sweeper.appended(topic.log(partition), topic.config)

    def delete(self, topic: Topic) -> None:
        self.sweeper.drain(self.topics.delete(topic.name).logs)


@pytest.fixture
def house(clock: ManualClock) -> House:
    return House(clock)


def held(log: PartitionLog) -> int:
    return log.batch_count


def test_an_append_drops_for_the_size_and_leaves_what_is_too_old_to_a_pass(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", TopicConfig(retention_ms=0, retention_bytes=10 * SIZE))
    began_ms = clock.now_ms()
    house.append(topic)
    clock.advance(1)
    house.append(topic, times=2, timestamp_ms=began_ms)  # too old when they come, and no more so than the first
    assert held(topic.log(0)) == 3
    clock.advance(MIN_INTERVAL_MS)
    assert held(topic.log(0)) == 0


def test_a_record_goes_when_its_time_comes_and_not_before(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", BY_AGE)
    house.append(topic)
    clock.advance(RETENTION_MS)
    assert held(topic.log(0)) == 1
    clock.advance(MIN_INTERVAL_MS)
    assert held(topic.log(0)) == 0


def test_every_record_goes_in_its_turn(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", BY_AGE)
    left = []
    for _ in range(5):
        house.append(topic)
        clock.advance(10_000)
    for _ in range(5):
        clock.advance(10_000 + MIN_INTERVAL_MS)
        left.append(held(topic.log(0)))
    assert left == [4, 3, 2, 1, 0]


def test_nothing_is_arranged_where_nothing_expires(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", FOREVER)
    house.append(topic, times=3)
    assert clock.timers == 0
    assert held(topic.log(0)) == 3


def test_one_timer_serves_all_logs(house: House, clock: ManualClock) -> None:
    for number in range(5):
        house.append(house.create(f"topic{number}", BY_AGE, partitions=3), partition=number % 3)
    assert clock.timers == 1


def test_an_earlier_deadline_moves_the_timer_forward(house: House, clock: ManualClock) -> None:
    late, early = house.create("late", BY_AGE), house.create("early", TopicConfig(retention_ms=5_000))
    house.append(late)
    house.append(early)
    assert clock.timers == 1
    clock.advance(5_000 + MIN_INTERVAL_MS)
    assert (held(late.log(0)), held(early.log(0))) == (1, 0)
    clock.advance(RETENTION_MS)
    assert held(late.log(0)) == 0


def test_when_all_is_gone_the_timer_is_gone_and_comes_back_with_the_next_record(
    house: House, clock: ManualClock
) -> None:
    topic = house.create("orders", BY_AGE)
    house.append(topic)
    clock.advance(2 * RETENTION_MS)
    assert clock.timers == 0
    house.append(topic)
    assert clock.timers == 1
    clock.advance(2 * RETENTION_MS)
    assert held(topic.log(0)) == 0


def test_passes_keep_their_distance(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", TopicConfig(retention_ms=0))
    house.append(topic)
    clock.advance(MIN_INTERVAL_MS - 1)
    assert held(topic.log(0)) == 1
    clock.advance(1)
    assert held(topic.log(0)) == 0


def test_a_record_that_just_missed_a_pass_waits_for_the_next(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", BY_AGE)
    house.append(topic)
    clock.advance(500)
    house.append(topic)
    clock.advance(RETENTION_MS - 500 + 1)  # the first pass
    assert held(topic.log(0)) == 1
    clock.advance(MIN_INTERVAL_MS - 1)
    assert held(topic.log(0)) == 1
    clock.advance(1)
    assert held(topic.log(0)) == 0


def test_size_decides_at_once(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", TopicConfig(retention_ms=-1, retention_bytes=3 * SIZE))
    house.append(topic, times=10)
    assert held(topic.log(0)) == 3
    assert (topic.log(0).log_start_offset, topic.log(0).log_end_offset) == (7, 10)


def test_what_size_uncovers_still_ages(house: House, clock: ManualClock) -> None:
    """The head came from the future; behind it, when size has dropped it, is an ordinary record."""
    topic = house.create("orders", TopicConfig(retention_ms=RETENTION_MS, retention_bytes=2 * SIZE))
    house.append(topic, timestamp_ms=clock.now_ms() + 100 * RETENTION_MS)
    house.append(topic, times=2)
    assert held(topic.log(0)) == 2
    clock.advance(RETENTION_MS + MIN_INTERVAL_MS)
    assert held(topic.log(0)) == 0


def test_a_long_backlog_goes_in_slices(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", BY_AGE)
    slice_batches = BATCHES_PER_STEP * STEPS_PER_SLICE
    house.append(topic, times=2 * slice_batches + 1)
    left = []
    while held(topic.log(0)):
        clock.run_next()
        left.append(held(topic.log(0)))
    assert left == [slice_batches + 1, 1, 0]
    assert clock.now_ms() < 1_700_000_000_000 + RETENTION_MS + 2 * MIN_INTERVAL_MS


def test_a_deleted_topic_gives_its_memory_back_in_slices(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", FOREVER, partitions=2)
    slice_batches = BATCHES_PER_STEP * STEPS_PER_SLICE
    house.append(topic, 0, times=slice_batches)
    house.append(topic, 1, times=slice_batches)
    used = house.budget.used
    house.delete(topic)
    assert house.budget.used == used
    clock.run_next()
    assert 0 < house.budget.used < used
    clock.advance(0)
    assert house.budget.used == 0


def many_logs(house: House) -> Topic:
    """Make a topic with more partitions than a slice serves; the last one alone has a record."""
    topic = house.create("wide", BY_AGE, partitions=3 * STEPS_PER_SLICE)
    house.append(topic, len(topic.logs) - 1)
    return topic


def test_a_record_that_comes_between_two_slices_still_expires(house: House, clock: ManualClock) -> None:
    topic = many_logs(house)
    clock.run_next()  # the first slice has passed partition 0, which is empty
    assert held(topic.log(-1 % len(topic.logs))) == 1
    house.append(topic, 0)
    clock.advance(RETENTION_MS + 2 * MIN_INTERVAL_MS)
    assert sum(map(held, topic.logs)) == 0
    assert clock.timers == 0


def test_a_topic_that_is_deleted_between_two_slices_still_gives_its_memory_back(
    house: House, clock: ManualClock
) -> None:
    many_logs(house)
    doomed = house.create("doomed", FOREVER)
    house.append(doomed)
    clock.run_next()
    house.delete(doomed)
    clock.advance(0)
    assert house.budget.used == 0


def test_a_topic_that_is_made_between_two_slices_is_served(house: House, clock: ManualClock) -> None:
    many_logs(house)
    clock.run_next()
    topic = house.create("late", BY_AGE)
    house.append(topic)
    clock.advance(RETENTION_MS + 2 * MIN_INTERVAL_MS)
    assert held(topic.log(0)) == 0


def test_a_clock_that_is_set_back_postpones_nothing_for_good(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", BY_AGE)
    house.append(topic, timestamp_ms=clock.now_ms() + 3_600_000)  # written before the clock was set back
    house.append(topic)
    clock.advance(3_600_000 + RETENTION_MS + MIN_INTERVAL_MS)
    assert held(topic.log(0)) == 0


def test_after_closing_nothing_is_swept_or_arranged(house: House, clock: ManualClock) -> None:
    topic = house.create("orders", BY_AGE)
    house.append(topic)
    house.sweeper.close()
    house.delete(house.create("other", FOREVER))
    assert clock.timers == 0
    clock.advance(2 * RETENTION_MS)
    assert held(topic.log(0)) == 1
