"""A call costs as much with 2,000 records in flight as with 10: counted in steps of the interpreter, not in time."""

import sys
from collections.abc import Callable
from itertools import count
from types import FrameType
from typing import Any

import pytest

from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.share_partition import InFlightLimit, Lock, SharePartition, Stretch
from tests.support.shares import LOCK_MS, new, only

FEW, MANY = 10, 2_000
ROUNDS = 30


def steps_of(call: Callable[[], object]) -> int:
    """Count the bytecode instructions that a call executes, in all functions that it calls.

    What C code does in one instruction counts as one; here that is heaps, which are logarithmic, dictionaries, and
    the lists of the blocks, whose length another test bounds.
    """
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return steps


def in_flight(records: int) -> SharePartition:
    """Make a share partition with so many ranges of one record in flight, some in each state.

    Each even offset is in flight and each odd one is done, so no two ranges can be kept as one.
    """
    share = SharePartition(0, 5, InFlightLimit(10**6), count(1))
    members = ["m", "n"]
    locks: list[Lock] = []
    for index in range(records):
        base = 2 * index
        (acquired,) = share.acquire_new(0, Stretch(base, base + 2, [base]), 1, LOCK_MS + index, members[index % 2])
        locks.append(acquired.lock)
    share.reject(0, locks[0::10])
    share.release(0, locks[1::10], delay_ms=LOCK_MS)
    share.release(0, locks[2::10])
    assert sum(share.count(state) for state in State) == records
    return share


def repeat(call: Callable[[SharePartition], None], share: SharePartition, rounds: int) -> None:
    for _ in range(rounds):
        call(share)


def acquire_new_and_accept(share: SharePartition) -> None:
    lock = new(share, 5)
    share.accept(0, [only(lock, lock.base_offset + 2), only(lock, lock.base_offset)])


def acquire_again_and_release(share: SharePartition) -> None:
    (acquired,) = share.acquire_available(0, 1, LOCK_MS)
    share.renew(0, [acquired.lock], 2 * LOCK_MS)
    share.release(0, [acquired.lock])
    share.max_delivery_count += 1  # or it would be condemned


def reject_and_confirm(share: SharePartition) -> None:
    share.reject(0, [new(share, 1)])
    share.confirm([share.condemned(1)[0].lock])


def delay_and_expire(share: SharePartition) -> None:
    share.release(0, [new(share, 1)], delay_ms=1)
    share.expire(1, 100)
    assert share.next_deadline_ms is not None


def release_a_member(share: SharePartition) -> None:
    base = share.next_offset
    share.acquire_new(0, Stretch(base, base + 1, [base]), 1, LOCK_MS, "gone")
    share.release_member("gone", 100)


def acknowledge_late(share: SharePartition) -> None:
    share.accept(0, [Lock(9, 10, 10**6), Lock(10**9, 10**9 + 1, 1)])


def ask(share: SharePartition) -> None:
    share.held_by_member()
    assert share.count(State.ACQUIRED)
    assert share.committed_offset is not None


def drop_the_first(share: SharePartition) -> None:
    share.advance_log_start(share.committed_offset + 1)
    new(share, 1)


@pytest.mark.parametrize(
    "call",
    [
        acquire_new_and_accept,
        acquire_again_and_release,
        reject_and_confirm,
        delay_and_expire,
        release_a_member,
        acknowledge_late,
        ask,
    ],
)
def test_a_call_costs_no_more_with_many_records_in_flight(call: Callable[[SharePartition], None]) -> None:
    few, many = in_flight(FEW), in_flight(MANY)
    few_steps = steps_of(lambda: repeat(call, few, ROUNDS))
    many_steps = steps_of(lambda: repeat(call, many, ROUNDS))
    assert many_steps < 2 * few_steps


def test_dropping_the_logs_head_costs_what_is_dropped() -> None:
    few, many = in_flight(FEW), in_flight(MANY)
    few_steps = steps_of(lambda: repeat(drop_the_first, few, FEW))
    many_steps = steps_of(lambda: repeat(drop_the_first, many, FEW))
    assert many_steps < 2 * few_steps


def test_records_acknowledged_one_by_one_in_one_call_cost_one_range() -> None:
    def accepted(records: int) -> int:
        share = SharePartition(0, 5, InFlightLimit(10**6), count(1))
        lock = new(share, records)
        locks = [only(lock, offset) for offset in range(records)]
        return steps_of(lambda: share.accept(0, locks))

    a_record = (accepted(1000) - accepted(100)) / 900
    assert a_record < accepted(1) / 4


def test_mending_the_heap_is_paid_for_by_the_calls_before_it() -> None:
    """Over many calls, also the seldom dear ones, a call costs what it costs in an empty group."""
    few, many = in_flight(FEW), in_flight(200)
    rounds = 600  # the heap of the many is made anew several times
    few_steps = steps_of(lambda: repeat(acquire_new_and_accept, few, rounds))
    many_steps = steps_of(lambda: repeat(acquire_new_and_accept, many, rounds))
    assert many_steps < 2 * few_steps
