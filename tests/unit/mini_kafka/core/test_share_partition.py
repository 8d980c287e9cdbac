"""A share group on one partition: a record is held by one consumer at a time, and done when it is accepted."""

from itertools import count

from mini_kafka.core.in_flight_ranges import Reason, State
from mini_kafka.core.share_partition import Acknowledged, Acquired, InFlightLimit, Lock, SharePartition, Stretch
from tests.support.shares import ALL, LOCK_MS, again, each, new, only

# Acquire


def test_new_records_are_acquired_in_order_as_their_first_delivery(share: SharePartition) -> None:
    acquired = share.acquire_new(100, Stretch(0, 5, range(5)), 3, LOCK_MS)
    assert acquired == [Acquired(Lock(0, 3, 1), delivery_count=1, deadline_ms=100 + LOCK_MS)]
    assert share.next_offset == 3


def test_two_consumers_never_get_the_same_record(share: SharePartition) -> None:
    stretch = Stretch(0, 6, range(6))
    first = share.acquire_new(0, stretch, 4, LOCK_MS, "m")
    second = share.acquire_new(0, stretch, 4, LOCK_MS, "n")
    assert [part.lock for part in first + second] == [Lock(0, 4, 1), Lock(4, 6, 2)]
    assert again(share) == []


def test_offsets_without_a_record_are_done_without_a_delivery(share: SharePartition, limit: InFlightLimit) -> None:
    acquired = share.acquire_new(0, Stretch(0, 9, [2, 3, 6]), ALL, LOCK_MS)
    assert [part.lock for part in acquired] == [Lock(2, 4, 1), Lock(6, 7, 1)]
    assert (share.committed_offset, share.next_offset, limit.in_flight) == (2, 9, 3)
    share.accept(0, [Lock(2, 4, 1)])
    assert share.committed_offset == 6
    share.accept(0, [Lock(6, 7, 1)])
    assert share.committed_offset == 9


def test_each_run_of_offsets_without_a_hole_is_one_lock(share: SharePartition) -> None:
    acquired = share.acquire_new(0, Stretch(0, 12, [1, 2, 4, 5, 8, 9, 10]), ALL, LOCK_MS)
    assert [part.lock for part in acquired] == [Lock(1, 3, 1), Lock(4, 6, 1), Lock(8, 11, 1)]


def test_a_stretch_without_any_record_is_passed_over(share: SharePartition) -> None:
    assert share.acquire_new(0, Stretch(0, 1_000_000, []), 1, LOCK_MS) == []
    assert (share.committed_offset, share.next_offset) == (1_000_000, 1_000_000)


def test_holes_behind_the_last_record_that_was_acquired_are_looked_at_again(share: SharePartition) -> None:
    share.acquire_new(0, Stretch(0, 9, [0, 5]), 1, LOCK_MS)
    assert share.next_offset == 1


def test_a_stretch_that_was_read_before_a_reset_gives_nothing(share: SharePartition) -> None:
    new(share, 10)
    stretch = Stretch(10, 12, range(10, 12))
    share.reset(0)
    assert share.acquire_new(0, stretch, ALL, LOCK_MS) == []
    assert share.next_offset == 0
    share.reset(20)
    assert share.acquire_new(0, stretch, ALL, LOCK_MS) == []
    assert share.next_offset == 20


def test_records_that_came_back_are_acquired_in_the_order_of_their_offsets(share: SharePartition) -> None:
    first, second = new(share, 3), new(share, 3)
    share.release(0, [only(second, 5), only(second, 3)])
    share.release(0, [only(first, 1)])
    assert again(share) == [(1, 2), (3, 2), (5, 2)]


def test_no_more_records_come_back_than_were_asked_for(share: SharePartition) -> None:
    share.release(0, [new(share, 10)])
    assert again(share, max_records=0) == []
    assert again(share, max_records=3) == [(0, 2), (1, 2), (2, 2)]
    assert again(share, max_records=3) == [(3, 2), (4, 2), (5, 2)]
    assert (share.count(State.ACQUIRED), share.count(State.AVAILABLE)) == (6, 4)


def test_neighbours_that_were_delivered_equally_often_come_back_as_one_lock(share: SharePartition) -> None:
    lock = new(share, 6)
    for offset in (2, 0, 1, 4):
        share.release(0, [only(lock, offset)])
    acquired = share.acquire_available(0, ALL, LOCK_MS)
    assert [part.lock for part in acquired] == [Lock(0, 3, 2), Lock(4, 5, 2)]
    share.release(0, [Lock(0, 2, 2), only(lock, 3)])
    assert [part.lock for part in share.acquire_available(0, ALL, LOCK_MS)] == [Lock(0, 2, 3), Lock(3, 4, 3)]


def test_neighbours_of_unequal_delivery_counts_keep_them(share: SharePartition) -> None:
    lock = new(share, 2)
    share.release(0, [only(lock, 0)])
    assert again(share) == [(0, 2)]
    share.release(0, [Lock(0, 1, 2), only(lock, 1)])
    assert again(share) == [(0, 3), (1, 2)]


def test_a_group_has_no_more_in_flight_than_its_limit_over_all_partitions() -> None:
    limit, numbers = InFlightLimit(5), count(1)
    one, other = (SharePartition(0, 5, limit, numbers) for _ in range(2))
    assert new(one, 3) == Lock(0, 3, 1)
    (acquired,) = other.acquire_new(0, Stretch(0, 9, range(9)), 9, LOCK_MS)
    assert acquired.lock == Lock(0, 2, 2)
    assert other.next_offset == 2
    assert limit.room == 0
    assert one.acquire_new(0, Stretch(3, 9, range(3, 9)), 9, LOCK_MS) == []
    assert one.next_offset == 3
    other.accept(0, [Lock(0, 1, 2)])
    assert limit.room == 1


def test_a_full_group_still_gets_what_came_back() -> None:
    limit = InFlightLimit(2)
    share = SharePartition(0, 5, limit, count(1))
    share.release(0, [new(share, 2)])
    assert again(share) == [(0, 2), (1, 2)]


def test_what_is_delayed_or_condemned_counts_against_the_limit(share: SharePartition, limit: InFlightLimit) -> None:
    lock = new(share, 3)
    share.release(0, [only(lock, 0)], delay_ms=5)
    share.reject(0, [only(lock, 1)])
    assert limit.in_flight == 3


def test_a_limit_that_was_lowered_leaves_no_room_until_enough_is_done(
    share: SharePartition, limit: InFlightLimit
) -> None:
    lock = new(share, 5)
    limit.limit = 3
    assert limit.room == 0
    share.accept(0, [Lock(0, 3, lock.acquisition)])
    assert limit.room == 1


# Acknowledge


def test_accepted_records_are_done_and_the_first_that_is_not_is_the_committed_offset(share: SharePartition) -> None:
    lock = new(share, 5)
    assert share.accept(0, [only(lock, 1), only(lock, 3)]) == Acknowledged(2, [])
    assert share.committed_offset == 0
    share.accept(0, [only(lock, 0)])
    assert share.committed_offset == 2
    share.accept(0, [only(lock, 4), only(lock, 2)])
    assert share.committed_offset == share.next_offset == 5


def test_one_record_of_a_lock_is_acknowledged_without_the_others(share: SharePartition) -> None:
    lock = new(share, 5, member="m")
    share.release(0, [only(lock, 2)])
    assert again(share) == [(2, 2)]
    assert share.held_by_member() == {"m": 4, None: 1}
    assert share.accept(0, [Lock(0, 2, lock.acquisition), Lock(3, 5, lock.acquisition)]) == Acknowledged(4, [])
    assert share.committed_offset == 2


def test_a_lock_is_late_once_it_was_acknowledged(share: SharePartition) -> None:
    lock = new(share, 2)
    assert share.accept(0, [*each(lock), only(lock, 0)]) == Acknowledged(2, [only(lock, 0)])
    assert share.reject(0, [lock]) == Acknowledged(0, each(lock))
    assert share.count(State.CONDEMNED) == 0


def test_a_late_lock_does_not_reach_the_record_that_somebody_else_acquired(share: SharePartition) -> None:
    old = new(share, 1)
    share.expire(LOCK_MS, ALL)
    (taken,) = share.acquire_available(LOCK_MS, ALL, LOCK_MS)
    assert share.accept(LOCK_MS, [old]) == Acknowledged(0, [old])
    assert share.committed_offset == 0
    assert share.accept(LOCK_MS, [taken.lock]) == Acknowledged(1, [])


def test_a_lock_that_was_never_given_is_late(share: SharePartition) -> None:
    lock = new(share, 1)
    strangers = [Lock(0, 1, 77), Lock(1, 2, lock.acquisition), Lock(-3, -2, 1), Lock(10**15, 10**15 + 1, 1)]
    assert share.accept(0, strangers) == Acknowledged(0, strangers)
    assert share.count(State.ACQUIRED) == 1


def test_records_of_two_acquisitions_are_acknowledged_in_one_call(share: SharePartition) -> None:
    first, second = new(share, 2), new(share, 2)
    assert share.accept(0, [*each(first), *each(second)]) == Acknowledged(4, [])
    assert share.committed_offset == 4


def test_a_released_record_is_available_at_once(share: SharePartition) -> None:
    lock = new(share, 1)
    assert share.release(0, [lock]) == Acknowledged(1, [])
    assert share.next_deadline_ms is None
    assert again(share) == [(0, 2)]


def test_a_record_released_with_a_delay_is_not_available_before_it_has_passed(share: SharePartition) -> None:
    share.release(10, [new(share, 1)], delay_ms=20)
    assert (share.count(State.DELAYED), share.next_deadline_ms) == (1, 30)
    share.expire(29, ALL)
    assert again(share, now_ms=29) == []
    share.expire(30, ALL)
    assert share.next_deadline_ms is None
    assert again(share, now_ms=30) == [(0, 2)]


def test_a_lock_that_was_released_with_a_delay_is_late(share: SharePartition) -> None:
    lock = new(share, 1)
    share.release(0, [lock], delay_ms=20)
    assert share.accept(0, [lock]) == Acknowledged(0, [lock])
    assert share.count(State.DELAYED) == 1


def test_a_rejected_record_is_condemned_at_once(share: SharePartition) -> None:
    lock = new(share, 3)
    assert share.reject(0, [only(lock, 1)]) == Acknowledged(1, [])
    ((condemned, delivery_count, reason),) = share.condemned(ALL)
    assert (condemned, delivery_count, reason) == (only(lock, 1), 1, Reason.REJECTED)
    assert again(share) == []


def test_a_renewed_lock_starts_again_from_now(share: SharePartition) -> None:
    lock = new(share, 2)
    assert share.renew(100, [only(lock, 0)], LOCK_MS) == Acknowledged(1, [])
    share.expire(LOCK_MS, ALL)
    assert (share.count(State.ACQUIRED), share.count(State.AVAILABLE)) == (1, 1)
    assert share.next_deadline_ms == 100 + LOCK_MS
    assert share.accept(LOCK_MS, [only(lock, 0)]) == Acknowledged(1, [])


def test_a_lock_may_be_renewed_for_a_shorter_time(share: SharePartition) -> None:
    lock = new(share, 1)
    share.renew(0, [lock], 5)
    assert share.next_deadline_ms == 5
    share.expire(5, ALL)
    assert share.count(State.AVAILABLE) == 1


def test_a_lock_is_held_whole_or_not(share: SharePartition) -> None:
    lock = new(share, 2000)  # more than one block of ranges
    assert share.holds(0, lock)
    assert share.holds(LOCK_MS - 1, lock)
    assert not share.holds(LOCK_MS, lock)
    assert not share.holds(0, Lock(0, 2000, lock.acquisition + 1))
    share.accept(0, [only(lock, 1999)])
    assert not share.holds(0, lock)
    assert share.holds(0, Lock(0, 1999, lock.acquisition))
    share.release(0, [only(lock, 5)])
    assert not share.holds(0, only(lock, 5))
