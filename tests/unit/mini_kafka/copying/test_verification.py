"""Verification: what differs is named by its offsets, and what only retention or compaction took is counted."""

from collections.abc import Callable

import pytest

from mini_kafka.copying.errors import CopyDiffers
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.records import CopiedRecord
from mini_kafka.copying.verification import Alike, Verification
from tests.support.copying import record

NEVER: Callable[[int], bool] = lambda _offset: False  # noqa: E731


def sides() -> tuple[list[CopiedRecord], list[CopiedRecord], OffsetMap]:
    """Give records 10, 12, 13, 15 and their copies 0 to 3."""
    offsets = OffsetMap(10, 0)
    source = [record(10), record(12), record(13), record(15)]
    offsets.append([each.offset for each in source])
    target = [CopiedRecord(0, number, each.timestamp, value=each.value) for number, each in enumerate(source)]
    return source, target, offsets


def verify(
    source: list[CopiedRecord],
    target: list[CopiedRecord],
    offsets: OffsetMap,
    *,
    source_may_lack: Callable[[int], bool] = NEVER,
    target_may_lack: Callable[[int], bool] = NEVER,
    with_timestamps: bool = True,
) -> Alike:
    verification = Verification(
        "t-0",
        offsets,
        source_may_lack=source_may_lack,
        target_may_lack=target_may_lack,
        with_timestamps=with_timestamps,
    )
    return verification.compare(0, source, target, lambda _count: None)


def test_what_was_copied_is_alike_at_other_offsets() -> None:
    alike = verify(*sides())

    assert (alike.partition, alike.records, alike.gone) == (0, 4, 0)
    assert len(alike.checksum) == 16


def test_a_difference_anywhere_is_named_by_both_offsets() -> None:
    source, target, offsets = sides()
    target[2].key = ""

    with pytest.raises(CopyDiffers, match="t-0: the source's record at offset 13 and the target's at 2 differ"):
        verify(source, target, offsets)


def test_two_records_in_the_wrong_order_differ() -> None:
    source, target, offsets = sides()
    target[1].value, target[2].value = target[2].value, target[1].value

    with pytest.raises(CopyDiffers, match="offset 12"):
        verify(source, target, offsets)


@pytest.mark.parametrize("index", range(4))
def test_a_record_that_the_target_lacks_is_named_unless_it_may_be_gone(index: int) -> None:
    source, target, offsets = sides()
    del target[index]

    with pytest.raises(CopyDiffers, match=f"the target lacks at offset {index} the source's record at"):
        verify(source, target, offsets)
    alike = verify(source, target, offsets, target_may_lack=lambda offset: offset == index)
    assert (alike.records, alike.gone) == (3, 1)


@pytest.mark.parametrize(("index", "offset"), [(0, 10), (1, 12), (2, 13), (3, 15)])
def test_a_record_that_the_source_lacks_is_named_unless_it_may_be_gone(index: int, offset: int) -> None:
    source, target, offsets = sides()
    del source[index]

    with pytest.raises(CopyDiffers, match=f"has at offset {index} a record that the source lacks at {offset}"):
        verify(source, target, offsets)
    alike = verify(source, target, offsets, source_may_lack=lambda lost: lost == offset)
    assert (alike.records, alike.gone) == (3, 1)


def test_a_record_that_is_no_copy_is_named_whatever_may_be_gone() -> None:
    source, target, offsets = sides()
    target.append(record(4))

    with pytest.raises(CopyDiffers, match="the target's record at offset 4 is no copy"):
        verify(source, target, offsets, source_may_lack=lambda _offset: True)


def test_a_record_that_was_not_copied_is_named() -> None:
    source, target, offsets = sides()
    source.insert(1, record(11))

    with pytest.raises(CopyDiffers, match="the source's record at offset 11 was not copied"):
        verify(source, target, offsets)


def test_times_count_only_where_they_are_kept() -> None:
    source, target, offsets = sides()
    target[3].timestamp += 1

    with pytest.raises(CopyDiffers, match="offset 15"):
        verify(source, target, offsets)
    assert verify(source, target, offsets, with_timestamps=False).records == 4
