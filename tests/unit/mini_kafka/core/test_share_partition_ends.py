"""What ends a lock but its holder: time, the last delivery, the log's start, a reset, a member that goes."""

import pytest

from mini_kafka.core.in_flight_ranges import BLOCK, Reason, State
from mini_kafka.core.share_partition import Acknowledged, InFlightLimit, Lock, SharePartition
from tests.support.shares import ALL, LOCK_MS, again, each, new, only

# Time


def test_a_lock_runs_out_when_its_time_has_come_and_not_before(share: SharePartition) -> None:
    new(share, 1, now_ms=7)
    assert share.next_deadline_ms == 7 + LOCK_MS
    share.expire(7 + LOCK_MS - 1, ALL)
    assert share.count(State.AVAILABLE) == 0
    share.expire(7 + LOCK_MS, ALL)
    assert share.count(State.AVAILABLE) == 1
    assert share.next_deadline_ms is None


def test_a_lock_whose_time_is_over_is_late_even_before_anybody_expired_it(share: SharePartition) -> None:
    lock = new(share, 2)
    assert share.accept(LOCK_MS - 1, [only(lock, 0)]) == Acknowledged(1, [])
    assert share.accept(LOCK_MS, [only(lock, 1)]) == Acknowledged(0, [only(lock, 1)])
    assert share.renew(LOCK_MS, [only(lock, 1)], LOCK_MS) == Acknowledged(0, [only(lock, 1)])
    share.expire(LOCK_MS, ALL)
    assert again(share, now_ms=LOCK_MS) == [(1, 2)]


def test_expiring_goes_in_slices_and_says_whether_there_is_more(share: SharePartition) -> None:
    for _ in range(3):
        new(share, 2)
    assert share.expire(LOCK_MS, 2)
    assert share.count(State.AVAILABLE) == 4
    assert not share.expire(LOCK_MS, 2)
    assert share.count(State.AVAILABLE) == 6


def test_the_next_deadline_is_that_of_what_is_still_held(share: SharePartition) -> None:
    first, second = new(share, 1, now_ms=0), new(share, 1, now_ms=5)
    share.accept(5, [first])
    assert share.next_deadline_ms == 5 + LOCK_MS
    share.accept(5, [second])
    assert share.next_deadline_ms is None


# Condemned


@pytest.mark.parametrize("how", ["release", "release with a delay", "expire", "release the member"])
def test_a_record_that_comes_back_for_the_last_time_is_condemned(share: SharePartition, how: str) -> None:
    new(share, 1, member="m")
    now_ms = 0
    for delivery in (1, 2, 3):
        assert share.condemned(ALL) == []
        if delivery > 1:
            (acquired,) = share.acquire_available(now_ms, ALL, LOCK_MS, "m")
            assert acquired.delivery_count == delivery
        if how == "expire":
            now_ms += LOCK_MS
        elif how == "release the member":
            share.release_member("m", ALL)
        else:
            share.release(now_ms, [Lock(0, 1, delivery)], delay_ms=5 if "delay" in how else 0)
            now_ms += 5
        share.expire(now_ms, ALL)
    ((lock, delivery_count, reason),) = share.condemned(ALL)
    assert (lock, delivery_count, reason) == (Lock(0, 1, 3), 3, Reason.DELIVERED_TOO_OFTEN)
    assert again(share, now_ms=now_ms) == []
    assert share.next_deadline_ms is None


def test_condemned_records_stay_and_are_not_done_until_they_are_confirmed(
    share: SharePartition, limit: InFlightLimit
) -> None:
    lock = new(share, 2)
    share.reject(0, [only(lock, 0)])
    share.accept(0, [only(lock, 1)])
    for _ in range(2):  # the owner could not write them the first time
        assert [condemned.lock for condemned in share.condemned(ALL)] == [only(lock, 0)]
        assert (share.committed_offset, limit.in_flight) == (0, 1)
    assert share.confirm([only(lock, 0)]) == 1
    assert share.condemned(ALL) == []
    assert (share.committed_offset, limit.in_flight) == (2, 0)


def test_condemned_records_are_given_in_the_order_in_which_they_were_condemned(share: SharePartition) -> None:
    lock = new(share, 5)
    for offset in (3, 0, 4):
        share.reject(0, [only(lock, offset)])
    assert [condemned.lock.base_offset for condemned in share.condemned(2)] == [3, 0]
    share.confirm([only(lock, 3)])
    assert [condemned.lock.base_offset for condemned in share.condemned(2)] == [0, 4]


def test_only_a_condemned_record_is_confirmed(share: SharePartition) -> None:
    lock = new(share, 2)
    assert share.confirm([lock]) == 0
    share.reject(0, [lock])
    (old,) = share.condemned(ALL)
    share.reset(0)
    share.reject(0, [new(share, 2)])
    assert share.confirm([old.lock]) == 0
    assert share.count(State.CONDEMNED) == 2


def test_a_condemned_record_cannot_be_accepted_by_its_old_lock(share: SharePartition) -> None:
    lock = new(share, 1)
    share.reject(0, [lock])
    assert share.accept(0, [lock]) == Acknowledged(0, [lock])


# Log start, reset, members


def test_what_the_log_dropped_is_done_and_its_locks_are_late(share: SharePartition, limit: InFlightLimit) -> None:
    lock = new(share, 6)
    share.release(0, [only(lock, 0)])
    share.reject(0, [only(lock, 1)])
    share.accept(0, [only(lock, 2)])
    assert share.advance_log_start(4) == 3
    assert (share.committed_offset, limit.in_flight) == (4, 2)
    assert (again(share), share.condemned(ALL)) == ([], [])
    assert share.accept(0, [lock]) == Acknowledged(2, each(lock)[:4])
    assert share.committed_offset == 6


def test_a_log_start_beyond_the_next_offset_moves_it(share: SharePartition) -> None:
    new(share, 2)
    assert share.advance_log_start(9) == 2
    assert (share.committed_offset, share.next_offset) == (9, 9)
    assert new(share, 1) == Lock(9, 10, 2)


def test_a_log_start_before_the_committed_offset_changes_nothing(share: SharePartition) -> None:
    share.accept(0, [new(share, 3)])
    assert share.advance_log_start(2) == 0
    assert share.committed_offset == 3


def test_the_rest_of_an_available_range_whose_head_was_dropped_is_still_available(share: SharePartition) -> None:
    share.release(0, [new(share, 5)])
    share.advance_log_start(3)
    assert again(share) == [(3, 2), (4, 2)]


def test_a_reset_forgets_everything_and_goes_on_at_its_offset(share: SharePartition, limit: InFlightLimit) -> None:
    lock = new(share, 6, member="m")
    share.release(0, [only(lock, 0)])
    share.release(0, [only(lock, 1)], delay_ms=5)
    share.reject(0, [only(lock, 2)])
    share.accept(0, [only(lock, 3)])
    share.reset(2)
    assert (share.committed_offset, share.next_offset, limit.in_flight) == (2, 2, 0)
    assert [share.count(state) for state in State] == [0] * len(State)
    assert (share.next_deadline_ms, share.held_by_member(), share.condemned(ALL)) == (None, {}, [])
    assert new(share, 4).base_offset == 2
    assert share.accept(0, [lock]) == Acknowledged(0, each(lock))


def test_a_member_is_released_as_a_whole_and_nobody_else(share: SharePartition) -> None:
    new(share, 2, member="m")
    new(share, 3, member="n")
    new(share, 1, member="m")
    new(share, 1)
    assert share.held_by_member() == {"m": 3, "n": 3, None: 1}
    assert not share.release_member("m", ALL)
    assert share.held_by_member() == {"n": 3, None: 1}
    assert again(share) == [(0, 2), (1, 2), (5, 2)]


def test_releasing_a_member_goes_in_slices_and_says_whether_there_is_more(share: SharePartition) -> None:
    for _ in range(3):
        new(share, 1, member="m")
    assert share.release_member("m", 2)
    assert share.held_by_member() == {"m": 1}
    assert not share.release_member("m", 1)
    assert not share.release_member("nobody", 1)


def test_every_record_in_flight_is_counted_in_one_state(share: SharePartition) -> None:
    lock = new(share, 7)
    share.release(0, [only(lock, 0)])
    share.release(0, [Lock(1, 3, lock.acquisition)], delay_ms=5)
    share.reject(0, [only(lock, 3)])
    share.accept(0, [only(lock, 4)])
    counts = {state: share.count(state) for state in State}
    assert counts == {State.AVAILABLE: 1, State.DELAYED: 2, State.ACQUIRED: 2, State.CONDEMNED: 1}


def test_a_lock_may_cross_the_blocks_in_which_ranges_are_kept(share: SharePartition) -> None:
    share.reset(BLOCK - 2)
    lock = new(share, 2 * BLOCK)
    assert lock == Lock(BLOCK - 2, 3 * BLOCK - 2, 1)
    share.release(0, [Lock(BLOCK - 1, BLOCK + 1, 1)])
    assert again(share) == [(BLOCK - 1, 2), (BLOCK, 2)]
    assert share.accept(0, [lock]) == Acknowledged(2 * BLOCK - 2, [only(lock, BLOCK - 1), only(lock, BLOCK)])
    assert share.committed_offset == BLOCK - 1
