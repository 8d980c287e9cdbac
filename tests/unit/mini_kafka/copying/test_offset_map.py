"""Which offset is which: every record that was copied is found, in both directions, whatever the source has lost."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.copying.offset_map import OffsetMap

gaps = st.lists(st.integers(1, 4), min_size=1, max_size=40)


def copied(gaps: list[int], source_start: int, target_start: int, page: int) -> tuple[OffsetMap, dict[int, int]]:
    """Append the offsets that are so far apart, in pages, to a map and to a plain table."""
    sources = [source_start + gap - 1 for gap in accumulate(gaps)]
    offsets = OffsetMap(source_start, target_start)
    for first in range(0, len(sources), page):
        offsets.append(sources[first : first + page])
    return offsets, {source: target_start + number for number, source in enumerate(sources)}


@given(gaps, st.integers(0, 10), st.integers(0, 10), st.integers(1, 7))
def test_a_committed_offset_stands_before_the_first_copied_record_at_or_after_it(
    gaps: list[int], source_start: int, target_start: int, page: int
) -> None:
    offsets, table = copied(gaps, source_start, target_start, page)
    end = target_start + len(table)

    for committed in range(max(table) + 5):
        assert offsets.translate(committed) == min((t for s, t in table.items() if s >= committed), default=end)


@given(gaps, st.integers(0, 10), st.integers(0, 10), st.integers(1, 7))
def test_a_record_is_found_from_either_side_and_a_hole_from_none(
    gaps: list[int], source_start: int, target_start: int, page: int
) -> None:
    offsets, table = copied(gaps, source_start, target_start, page)
    back = {target: source for source, target in table.items()}

    assert {offset: offsets.target_of(offset) for offset in range(max(table) + 3)} == {
        offset: table.get(offset) for offset in range(max(table) + 3)
    }
    assert {offset: offsets.source_of(offset) for offset in range(max(back) + 3)} == {
        offset: back.get(offset) for offset in range(max(back) + 3)
    }


@given(gaps, st.integers(1, 7))
def test_a_map_that_was_kept_goes_on_where_it_was(gaps: list[int], page: int) -> None:
    offsets, table = copied(gaps, 0, 0, page)
    kept = OffsetMap(offsets.next_source, offsets.next_target, offsets.runs)

    kept.append([offsets.next_source, offsets.next_source + 5])

    assert [kept.target_of(source) for source in table] == list(table.values())
    assert (kept.translate(offsets.next_source + 1), kept.next_target) == (len(table) + 1, len(table) + 2)


def test_records_without_a_hole_are_one_run() -> None:
    offsets = OffsetMap(5, 0)
    for first in range(5, 100_005, 1000):
        offsets.append(range(first, first + 1000))

    assert offsets.runs == [(5, 0)]
    assert (offsets.next_source, offsets.next_target) == (100_005, 100_000)


def test_nothing_copied_yet_is_the_start_of_the_target() -> None:
    offsets = OffsetMap(7, 3)

    assert (offsets.translate(0), offsets.translate(99), offsets.target_of(7), offsets.source_of(3)) == (
        3,
        3,
        None,
        None,
    )
