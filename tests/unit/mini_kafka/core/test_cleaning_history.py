"""A tombstone's time begins with the first pass that reached its place, and is never cut short."""

from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.cleaning_history import MAX_PASSES, NEVER_CLEANED, CleaningHistory


def history(*passes: tuple[int, int]) -> CleaningHistory:
    known = NEVER_CLEANED
    for end_offset, at_ms in passes:
        known = known.with_pass(end_offset, at_ms, None)
    return known


def test_a_log_that_was_never_cleaned_is_dirty_from_the_start() -> None:
    assert NEVER_CLEANED.end_offset == 0
    assert NEVER_CLEANED.expired_before(2**62, 0) == 0


def test_a_place_expires_its_time_after_the_pass_that_first_reached_it() -> None:
    known = history((10, 1000), (20, 2000), (30, 3000))
    assert known.end_offset == 30
    assert [known.expired_before(now_ms, 500) for now_ms in (1499, 1500, 2499, 2500, 9999)] == [0, 10, 10, 20, 30]


def test_a_pass_that_comes_no_further_does_not_begin_the_time_again() -> None:
    assert history((10, 1000), (10, 5000)).expired_before(1500, 500) == 10


def test_a_clock_that_is_set_back_brings_no_time_forward() -> None:
    known = history((10, 5000), (20, 1000))
    assert [known.expired_before(now_ms, 500) for now_ms in (1500, 5499, 5500)] == [0, 0, 20]


def test_the_first_tombstone_is_that_of_the_last_pass() -> None:
    assert NEVER_CLEANED.with_pass(10, 1000, 7).with_pass(10, 2000, None).first_tombstone is None


def test_the_last_pass_is_never_forgotten() -> None:
    known = NEVER_CLEANED
    for number in range(1, 5 * MAX_PASSES):
        known = known.with_pass(number, number, None)
        assert (known.end_offset, known.expired_before(number, 0)) == (number, number)
        assert len(known.passes) <= MAX_PASSES


@given(
    steps=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), min_size=1, max_size=300),
    retention=st.integers(0, 99),
)
def test_many_passes_take_little_room_and_no_tombstone_expires_early(
    steps: list[tuple[int, int]], retention: int
) -> None:
    known, passes, end_offset, now_ms = NEVER_CLEANED, [], 0, 0
    for more, later in steps:
        end_offset, now_ms = end_offset + more, now_ms + later
        passes.append((end_offset, now_ms))
        known = known.with_pass(end_offset, now_ms, None)
        allowed = [end for end, at_ms in passes if at_ms + retention <= now_ms]
        assert known.expired_before(now_ms, retention) <= max(allowed, default=0)
    assert known.end_offset == end_offset
    assert len(known.passes) <= MAX_PASSES
    assert known.expired_before(now_ms + retention, retention) == end_offset
