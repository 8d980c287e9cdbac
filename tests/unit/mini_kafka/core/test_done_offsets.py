"""Done offsets are merged by range, and the first one that is not done is known."""

import random

import pytest

from mini_kafka.core.done_offsets import DoneOffsets


@pytest.fixture
def done() -> DoneOffsets:
    return DoneOffsets(10)


def test_what_begins_at_the_first_open_offset_moves_it(done: DoneOffsets) -> None:
    done.add(10, 12)
    assert (done.first_open, len(done)) == (12, 0)


def test_what_lies_ahead_waits_until_the_gap_is_closed(done: DoneOffsets) -> None:
    done.add(12, 15)
    assert (done.first_open, len(done)) == (10, 1)
    done.add(10, 12)
    assert (done.first_open, len(done)) == (15, 0)


def test_neighbours_become_one_range(done: DoneOffsets) -> None:
    done.add(12, 13)
    done.add(14, 15)
    assert len(done) == 2
    done.add(13, 14)
    assert len(done) == 1
    done.add(15, 16)
    done.add(11, 12)
    assert (done.first_open, len(done)) == (10, 1)
    done.add(10, 11)
    assert (done.first_open, len(done)) == (16, 0)


def test_an_empty_range_changes_nothing(done: DoneOffsets) -> None:
    done.add(10, 10)
    done.add(12, 12)
    assert (done.first_open, len(done)) == (10, 0)


def test_the_order_in_which_offsets_are_done_does_not_matter() -> None:
    for seed in range(20):
        done = DoneOffsets(0)
        offsets = list(range(50))
        random.Random(seed).shuffle(offsets)
        marked: set[int] = set()
        for offset in offsets:
            done.add(offset, offset + 1)
            marked.add(offset)
            assert done.first_open == next(one for one in range(51) if one not in marked)
        assert (done._end_by_base, done._base_by_end) == ({}, {})
