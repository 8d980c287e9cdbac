"""Ranges in flight are found by any of their offsets, and what is kept about them stays in step and bounded."""

import pytest

from mini_kafka.core.in_flight_ranges import BLOCK, SLACK, InFlightRange, InFlightRanges, State


@pytest.fixture
def ranges() -> InFlightRanges:
    return InFlightRanges()


def held(base_offset: int, end_offset: int, deadline_ms: int = 30, member: str | None = "m") -> InFlightRange:
    return InFlightRange(base_offset, end_offset, State.ACQUIRED, 1, 1, member, deadline_ms)


def available(base_offset: int, end_offset: int) -> InFlightRange:
    return InFlightRange(base_offset, end_offset, State.AVAILABLE, 1, 1)


def test_a_range_is_found_by_each_of_its_offsets_and_no_other(ranges: InFlightRanges) -> None:
    one, other = held(5, 8), held(10, 11)
    ranges.add(other)
    ranges.add(one)
    found = {offset: ranges.at(offset) for offset in (4, 5, 7, 8, 9, 10, 11)}
    assert found == {4: None, 5: one, 7: one, 8: None, 9: None, 10: other, 11: None}


def test_a_range_is_cut_at_the_borders_of_the_blocks(ranges: InFlightRanges) -> None:
    ranges.add(held(BLOCK - 1, 2 * BLOCK + 3))
    assert len(ranges) == 3
    assert ranges.at(BLOCK - 1) == held(BLOCK - 1, BLOCK)
    assert ranges.at(2 * BLOCK - 1) == held(BLOCK, 2 * BLOCK)
    assert ranges.at(2 * BLOCK + 2) == held(2 * BLOCK, 2 * BLOCK + 3)
    assert ranges.counts[State.ACQUIRED] == BLOCK + 4


def test_cutting_a_part_out_leaves_the_rest_as_it_was(ranges: InFlightRanges) -> None:
    ranges.add(held(0, 10))
    assert ranges.cut_out(held(0, 10), 3, 5) == held(3, 5)
    assert [ranges.at(offset) for offset in (2, 3, 4, 5)] == [held(0, 3), None, None, held(5, 10)]
    assert ranges.held == {"m": 8}


def test_what_was_removed_leaves_nothing_behind(ranges: InFlightRanges) -> None:
    for one in (held(0, 2), available(2, 4), InFlightRange(4, 6, State.CONDEMNED, 1, 1)):
        ranges.add(one)
        ranges.remove(one)
    assert (len(ranges), sum(ranges.counts), ranges.held, ranges.condemned(9)) == (0, 0, {}, [])
    assert (ranges.next_deadline_ms, ranges.take_available(9), ranges.take_held("m")) == (None, None, None)
    assert (ranges._blocks, ranges._held_bases) == ({}, {})


def test_the_first_available_offset_comes_first(ranges: InFlightRanges) -> None:
    for base_offset in (40, 20, 30):
        ranges.add(available(base_offset, base_offset + 5))
    assert ranges.take_available(2) == available(20, 22)
    assert ranges.take_available(9) == available(22, 25)
    assert ranges.take_available(9) == available(30, 35)


def test_what_is_due_comes_in_the_order_of_its_deadlines(ranges: InFlightRanges) -> None:
    for base_offset, deadline_ms in ((0, 30), (5, 10), (9, 20)):
        ranges.add(held(base_offset, base_offset + 1, deadline_ms))
    assert ranges.take_due(9) is None
    assert [ranges.take_due(20) for _ in range(3)] == [held(5, 6, 10), held(9, 10, 20), None]
    assert ranges.next_deadline_ms == 30


def test_stale_deadlines_do_not_pile_up(ranges: InFlightRanges) -> None:
    first = held(0, 1, deadline_ms=10)  # it keeps the ones behind it in the heap
    ranges.add(first)
    for offset in range(1, 5000):
        ranges.add(held(offset, offset + 1))
        ranges.remove(held(offset, offset + 1))
    assert len(ranges._deadlines) <= 2 * len(ranges) + SLACK
    assert ranges.next_deadline_ms == 10


def test_deadlines_keep_their_order_when_the_stale_ones_are_thrown_away(ranges: InFlightRanges) -> None:
    deadlines = [7, 3, 9, 1, 8, 2]
    for offset, deadline_ms in enumerate(deadlines):
        ranges.add(held(offset, offset + 1, deadline_ms))
    for _ in range(10 * SLACK):
        ranges.add(held(99, 100, 5))
        ranges.remove(held(99, 100, 5))
    due = [ranges.take_due(100) for _ in deadlines]
    assert [one.deadline_ms for one in due if one is not None] == sorted(deadlines)


def test_a_deadline_that_is_moved_often_keeps_few_entries(ranges: InFlightRanges) -> None:
    ranges.add(held(0, 1, deadline_ms=10))
    for deadline_ms in range(10, 5000):
        ranges.remove(held(0, 1, deadline_ms))
        ranges.add(held(0, 1, deadline_ms + 1))
    assert len(ranges._deadlines) <= 2 + SLACK
    assert ranges.next_deadline_ms == 5000


def test_available_entries_are_as_many_as_available_ranges(ranges: InFlightRanges) -> None:
    ranges.add(available(0, 10))
    for _ in range(100):
        taken = ranges.take_available(3)
        assert taken is not None
        ranges.add(taken)
    assert len(ranges._available) == len(ranges) == 2


def test_no_list_is_longer_than_a_block(ranges: InFlightRanges) -> None:
    for offset in range(0, 8 * BLOCK, 2):
        ranges.add(held(offset, offset + 1))
    assert max(map(len, ranges._blocks.values())) <= BLOCK // 2
