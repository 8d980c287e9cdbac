"""Appending: a later run shuts an earlier one out, and a target that numbers nothing is known as such."""

import pytest

from mini_kafka.copying.appender import Appender
from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.records import encode
from tests.support.copying import TOPIC, FakeLog, FakeSide, record

BODY = encode([record(0)], 10_000)[0]


def appender(target: FakeSide, epoch: int) -> Appender:
    made = Appender(target, TOPIC, target.topic_id, epoch)
    made.fence()
    return made


def test_a_request_of_an_earlier_run_that_comes_late_is_refused() -> None:
    target = FakeSide("b", FakeLog())
    earlier = appender(target, 1)
    appender(target, 2)

    with pytest.raises(CopyFailed, match="another run began to copy t to http://b after this one"):
        earlier.append(BODY)
    assert target.logs[0].records == []


def test_the_same_request_again_appends_nothing_and_the_next_one_does() -> None:
    target = FakeSide("b", FakeLog())
    target.fate = ["lost"]
    one = appender(target, 1)

    offsets = [target.patiently(lambda: one.append(BODY)) for _ in range(2)]

    assert offsets == [[0], [1]]


@pytest.mark.parametrize("is_numbered", [True, False])
def test_it_is_known_before_the_first_record_whether_requests_are_numbered(is_numbered: bool) -> None:
    target = FakeSide("b", FakeLog(), is_numbered=is_numbered)

    one = appender(target, 1)

    assert one.is_numbered is is_numbered
    assert one.append(BODY) == [0]
