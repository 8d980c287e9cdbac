"""One partition: nothing is lost and nothing is there twice, whatever becomes of the requests and of the run."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.copying.appender import Appender
from mini_kafka.copying.errors import CopyDiffers, CopyFailed
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.partition_copy import PartitionCopy
from mini_kafka.copying.records import CopiedRecord
from tests.support.copying import TOPIC, FakeLog, FakeSide, Killed, record


def values(records: Sequence[CopiedRecord]) -> list[object]:
    return [each.value for each in records]


def copy(source: FakeSide, target: FakeSide, offsets: OffsetMap, *, epoch: int = 1) -> list[int]:
    """Copy the one partition from where the map is, and give what was reported."""
    appender = Appender(target, TOPIC, source.topic_id, epoch)
    appender.fence()
    part = PartitionCopy(target, TOPIC, 0, offsets, appender, with_timestamps=True)
    part.look(target.logs[0].high_watermark, max(0, source.logs[0].log_start - offsets.next_source))
    took: list[int] = []
    for records in source.read(TOPIC, 0, offsets.next_source, source.logs[0].high_watermark):
        part.take(records, took.append)
    part.finish()
    return took


holey = st.sets(st.integers(0, 30), max_size=25).map(sorted)
fates = st.lists(st.sampled_from(["ok", "away", "lost", "half", "late", "kill"]), max_size=12)


@given(holey, fates, st.booleans(), st.integers(1, 8), st.integers(0, 10), st.booleans())
def test_no_record_is_lost_or_there_twice_however_requests_and_runs_end(
    offsets: list[int], fate: list[str], is_numbered: bool, page: int, target_start: int, keeps_state: bool
) -> None:
    source = FakeSide("a", FakeLog(map(record, offsets), high_watermark=31), page=page)
    target = FakeSide("b", FakeLog(log_start=target_start), is_numbered=is_numbered)
    target.fate = list(fate)
    kept = OffsetMap(0, target_start)

    for epoch in range(len(fate) + 1):
        done = OffsetMap(kept.next_source, kept.next_target, kept.runs)
        try:
            copy(source, target, done, epoch=epoch)
            break
        except Killed:
            if keeps_state:  # what was saved may be any moment before
                kept = OffsetMap(done.next_source, done.next_target, done.runs)

    assert values(target.logs[0].records) == values(source.logs[0].records)
    assert [done.target_of(offset) for offset in offsets] == [each.offset for each in target.logs[0].records]


def test_what_the_target_has_lost_since_is_not_copied_again() -> None:
    source, target = FakeSide("a", FakeLog(map(record, range(10)))), FakeSide("b", FakeLog())
    target.logs[0].append([record(offset) for offset in range(8)])
    target.logs[0].drop_head(5)
    kept = OffsetMap(0, 0)
    kept.append(range(3))

    assert sum(copy(source, target, kept)) == 7
    assert [each.offset for each in target.logs[0].records] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("log_start", [2, 4, 5, 7])
def test_what_the_source_has_lost_since_may_be_at_the_target_beyond_what_is_known(log_start: int) -> None:
    source, target = FakeSide("a", FakeLog(map(record, range(8)))), FakeSide("b", FakeLog())
    target.logs[0].append([record(offset) for offset in range(5)])  # by a run that was killed before it could note it
    kept = OffsetMap(0, 0)
    kept.append([0])
    source.logs[0].drop_head(log_start)

    copy(source, target, kept)

    found = [*range(5), *range(max(5, log_start), 8)]
    assert values(target.logs[0].records) == [f"v{offset}" for offset in found]
    assert [kept.target_of(offset) for offset in found] == list(range(len(found)))


def test_more_than_the_source_can_have_lost_is_no_copy() -> None:
    source, target = FakeSide("a", FakeLog(map(record, range(3)))), FakeSide("b", FakeLog())
    target.logs[0].append([record(offset, "mine") for offset in range(3)])
    source.logs[0].drop_head(2)

    with pytest.raises(CopyDiffers, match="has another record at offset 2 than the source at offset 2"):
        copy(source, target, OffsetMap(0, 0))


def test_a_target_with_another_record_is_refused_and_left_alone() -> None:
    source = FakeSide("a", FakeLog([record(4), record(5), record(6)]))
    target = FakeSide("b", FakeLog([record(0, "v4"), record(1, "mine")]))
    target.logs[0].records[0].timestamp = 4

    with pytest.raises(CopyDiffers, match="t-0 at http://b has another record at offset 1 than the source at offset 5"):
        copy(source, target, OffsetMap(4, 0))
    assert target.logs[0].high_watermark == 2


def test_a_target_with_more_records_than_the_source_is_refused() -> None:
    source, target = FakeSide("a", FakeLog([record(0)])), FakeSide("b", FakeLog([record(0), record(1)]))

    with pytest.raises(CopyDiffers, match="has records from offset 1 on that the source has not"):
        copy(source, target, OffsetMap(0, 0))


def test_a_target_that_has_lost_what_was_copied_is_refused() -> None:
    source, target = FakeSide("a", FakeLog([record(0)])), FakeSide("b", FakeLog())

    with pytest.raises(CopyFailed, match="ends at 0, and was copied up to 1: it has lost records"):
        copy(source, target, OffsetMap(1, 1))


@pytest.mark.parametrize("is_numbered", [True, False])
def test_somebody_else_who_writes_meanwhile_is_found_out(is_numbered: bool) -> None:
    source = FakeSide("a", FakeLog(map(record, range(6))))
    target = FakeSide("b", FakeLog(), is_numbered=is_numbered)
    pages = source.read(TOPIC, 0, 0, 6)
    appender = Appender(target, TOPIC, source.topic_id, 1)
    appender.fence()
    part = PartitionCopy(target, TOPIC, 0, OffsetMap(0, 0), appender, with_timestamps=True)
    part.take(next(pages), lambda _count: None)
    target.logs[0].append([record(0, "mine")])

    with pytest.raises(CopyFailed, match="gave offset 4 to the record that was to have 3: something else writes"):
        part.take(next(pages), lambda _count: None)


def test_without_an_appender_what_is_missing_is_left_and_known() -> None:
    source, target = FakeSide("a", FakeLog(map(record, [0, 3, 4]), high_watermark=9)), FakeSide("b", FakeLog())
    target.logs[0].append([record(0)])
    part = PartitionCopy(target, TOPIC, 0, OffsetMap(0, 0), None, with_timestamps=True)
    part.look(target.logs[0].high_watermark)

    part.take(source.logs[0].records[:1], lambda _count: None)
    assert part.missing_from is None
    part.take(source.logs[0].records[1:], lambda _count: None)
    part.finish()

    assert part.missing_from == 3
    assert target.logs[0].high_watermark == 1


@pytest.mark.parametrize("page", [2, 20])
def test_a_request_has_no_more_records_and_bytes_than_the_target_takes(page: int) -> None:
    source = FakeSide("a", FakeLog(record(offset, "x" * 300) for offset in range(20)), page=20)
    target = FakeSide("b", FakeLog(), page=page, max_body_bytes=1000)  # which refuses more

    assert sum(copy(source, target, OffsetMap(0, 0))) == 20
    assert values(target.logs[0].records) == values(source.logs[0].records)
