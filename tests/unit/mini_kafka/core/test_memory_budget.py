"""What the budget refuses, and that it counts at least what the batches really cost."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from mini_kafka.core.errors import MemoryLimitReached
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.partition_log import PartitionLog
from tests.support.batches import new_batch

PLACES_BYTES = 8 * 1024
"""What a log may hold beside the accounted: itself, and the places of dropped batches in its first runs."""


def test_what_fits_exactly_is_not_refused() -> None:
    budget = MemoryBudget(1000)
    budget.charge(400)
    budget.check(600)
    with pytest.raises(MemoryLimitReached):
        budget.check(601)


def test_a_refusal_says_what_is_used_and_what_the_limit_is_and_changes_nothing() -> None:
    budget = MemoryBudget(1000)
    budget.charge(400)
    with pytest.raises(MemoryLimitReached, match=r"holds 400 bytes, and 601 more would pass .* \(1000\)"):
        budget.check(601)
    assert budget.used == 400


def test_released_bytes_can_be_used_again() -> None:
    budget = MemoryBudget(1000)
    budget.charge(1000)
    budget.release(300)
    budget.check(300)
    assert budget.used == 700


@pytest.fixture
def traced() -> Iterator[None]:
    """Count what Python allocates from here on."""
    gc.collect()
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


def allocated() -> int:
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("value_bytes", [1, 100])
def test_a_full_log_costs_no_more_than_is_accounted(value_bytes: int) -> None:
    batch = new_batch(bytes(value_bytes))
    before = allocated()
    budget = MemoryBudget(2**40)
    log = PartitionLog(budget)
    for _ in range(10_000):
        log.append(batch)
    assert budget.used == 10_000 * cost_of(batch)
    assert budget.used * 0.7 < allocated() - before <= budget.used


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(("held", "appended"), [(1, 6_000), (300, 6_000), (10_000, 14_000)])
def test_a_log_that_drops_its_head_costs_no_more_than_is_accounted(held: int, appended: int) -> None:
    batch = new_batch(b"v")
    before = allocated()
    budget = MemoryBudget(2**40)
    log = PartitionLog(budget)
    for number in range(appended):
        log.append(batch)
        if log.batch_count > held:
            log.drop_head()
        if number % 100 == 0:
            assert allocated() - before <= budget.used + PLACES_BYTES
