"""Reading a side: from one offset until another, over what retention takes meanwhile."""

import threading
from itertools import count

import pytest

from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.sides import SETTLE_LOOKS, SETTLE_S, Side
from mini_kafka_shared.retry import Stopped
from tests.support.copying import TOPIC, FakeLog, FakeSide, record


def read(side: FakeSide, start: int, end: int) -> list[int]:
    return [each.offset for page in side.read(TOPIC, 0, start, end) for each in page]


@pytest.mark.parametrize("page", [1, 2, 3, 10])
@pytest.mark.parametrize("end", [0, 1, 4, 5, 8])
def test_what_lies_before_the_end_is_read_and_no_record_more(page: int, end: int) -> None:
    side = FakeSide("a", FakeLog(map(record, [0, 1, 3, 4, 7])), page=page)

    assert read(side, 0, end) == [offset for offset in [0, 1, 3, 4, 7] if offset < end]


def test_a_hole_at_the_end_ends_the_reading() -> None:
    side = FakeSide("a", FakeLog([record(0)], high_watermark=9))

    assert read(side, 0, 9) == [0]


def test_reading_goes_on_at_the_log_start_where_retention_was_faster() -> None:
    side = FakeSide("a", FakeLog(map(record, range(10))), page=2)
    pages = side.read(TOPIC, 0, 0, 9)

    first = next(pages)
    side.logs[0].drop_head(6)
    rest = [each.offset for page in pages for each in page]

    assert ([each.offset for each in first], rest) == ([0, 1], [6, 7, 8])


def test_a_record_that_cannot_be_read_is_named() -> None:
    side = FakeSide("a", FakeLog([record(0), record(1, decode_error="the batch is damaged")]))

    with pytest.raises(CopyFailed, match=r"offset 1 of t-0 at http://a cannot be read \(the batch is damaged\)"):
        read(side, 0, 2)


class Stop(threading.Event):
    """An event that is set after some waits."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return len(self.waits) > self._left


def test_a_side_has_settled_when_two_looks_show_the_same() -> None:
    stop = Stop(waits=100)
    looks = iter([1, 2, 2, 3])

    assert Side("http://a", patience_s=1, stop=stop).settled(lambda: next(looks)) == 2
    assert stop.waits == [SETTLE_S] * 2


def test_a_side_that_never_settles_is_not_waited_for_without_end() -> None:
    stop = Stop(waits=100)
    looks = count()

    assert Side("http://a", patience_s=1, stop=stop).settled(lambda: next(looks)) == SETTLE_LOOKS
    assert len(stop.waits) == SETTLE_LOOKS


def test_a_program_that_is_asked_to_end_does_not_wait_until_a_side_has_settled() -> None:
    with pytest.raises(Stopped):
        Side("http://a", patience_s=1, stop=Stop(waits=0)).settled(lambda: 1)
