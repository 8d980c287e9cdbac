"""What a log does with an idempotent producer's batches: once each, in order, and none of an older self."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.client_batch import ClientBatch
from mini_kafka.core.errors import OutOfOrderSequence, StaleProducerEpoch
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.producer_states import COST_BYTES, EXPIRATION_MS, ProducerStates

LAST = 2**31 - 1


class Producer:
    """Sends batches of given lengths, as `MemoryRawLog` appends them: the next offset is what was appended before."""

    def __init__(self, states: ProducerStates, log: PartitionLog) -> None:
        self.states = states
        self.log = log
        self.end = 0

    def send(self, sequence: int, count: int = 1, *, epoch: int = 0, producer_id: int = 1, now_ms: int = 0) -> int:
        batch = ClientBatch(memoryview(b""), count, 1000 + sequence, producer_id, epoch, sequence)
        known = self.states.repeated(self.log, batch, now_ms)
        if known is not None:
            return known.base_offset
        offset, self.end = self.end, self.end + count
        self.states.remember(self.log, batch, offset, now_ms)
        return offset


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget(2**30)


@pytest.fixture
def producer(budget: MemoryBudget) -> Producer:
    return Producer(ProducerStates(budget), PartitionLog(budget))


def test_a_batch_that_follows_is_appended_and_one_of_the_last_five_has_its_place(producer: Producer) -> None:
    places = [producer.send(number * 2, 2) for number in range(7)]
    assert places == [0, 2, 4, 6, 8, 10, 12]
    assert [producer.send(number * 2, 2) for number in range(2, 7)] == places[2:]
    assert producer.send(14) == 14


@pytest.mark.parametrize("sequence", [0, 1, 8, 5, 9])
def test_a_gap_and_a_repeat_that_is_too_old_are_refused(producer: Producer, sequence: int) -> None:
    for number in range(7):
        producer.send(number)
    with pytest.raises(OutOfOrderSequence):
        producer.send(sequence, 1 if sequence != 5 else 2)
    assert producer.send(7) == 7


def test_a_newer_epoch_begins_at_zero_and_fences_the_older_one(producer: Producer) -> None:
    producer.send(0)
    with pytest.raises(OutOfOrderSequence):
        producer.send(1, epoch=1)
    assert producer.send(0, epoch=1) == 1
    with pytest.raises(StaleProducerEpoch):
        producer.send(0)
    assert producer.send(0, epoch=1) == 1


def test_a_stranger_may_begin_anywhere(producer: Producer) -> None:
    assert producer.send(77, epoch=3) == 0
    assert producer.send(78, epoch=3) == 1


def test_after_the_last_sequence_comes_zero(producer: Producer) -> None:
    assert producer.send(LAST - 1, 3) == 0
    assert producer.send(1) == 3
    assert producer.send(LAST - 1, 3) == 0
    with pytest.raises(OutOfOrderSequence):
        producer.send(0)


def test_logs_and_producers_do_not_know_of_each_other(producer: Producer, budget: MemoryBudget) -> None:
    elsewhere = Producer(producer.states, PartitionLog(budget))
    assert producer.send(0) == 0
    assert producer.send(0, producer_id=2) == 1
    assert elsewhere.send(0) == 0
    assert [state.producer_id for state in producer.states.of_log(producer.log, 0)] == [1, 2]


def test_who_is_silent_for_a_day_is_forgotten(producer: Producer, budget: MemoryBudget) -> None:
    producer.send(0, now_ms=0)
    producer.send(0, producer_id=2, now_ms=5)
    with pytest.raises(OutOfOrderSequence):
        producer.send(7, now_ms=EXPIRATION_MS - 1)
    assert producer.send(7, now_ms=EXPIRATION_MS) == 2
    assert [it.producer_id for it in producer.states.of_log(producer.log, EXPIRATION_MS + 4)] == [2, 1]
    assert [it.producer_id for it in producer.states.of_log(producer.log, EXPIRATION_MS + 5)] == [1]
    assert budget.used == COST_BYTES


def test_with_too_many_producers_the_one_that_was_silent_the_longest_is_forgotten(budget: MemoryBudget) -> None:
    producer = Producer(ProducerStates(budget, max_producers=2), PartitionLog(budget))
    for producer_id, sequence in ((1, 0), (2, 0), (1, 1), (3, 0)):
        producer.send(sequence, producer_id=producer_id)
    assert [it.producer_id for it in producer.states.of_log(producer.log, 0)] == [1, 3]
    assert budget.used == 2 * COST_BYTES


def test_a_topic_that_is_gone_leaves_nothing_behind(producer: Producer, budget: MemoryBudget) -> None:
    producer.send(0)
    producer.states.forget([producer.log])
    assert len(producer.states) == budget.used == 0


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(1, 5))
def test_whatever_is_sent_again_is_appended_once(repeats: list[int], count: int) -> None:
    """The producer sends a new batch each time, and before it again one that is at most four batches back."""
    budget = MemoryBudget(2**30)
    producer = Producer(ProducerStates(budget), PartitionLog(budget))
    for number, back in enumerate(repeats):
        again = max(number - 1 - back, 0)
        if number:
            assert producer.send(again * count, count) == again * count
        assert producer.send(number * count, count) == number * count
    assert producer.end == len(repeats) * count
