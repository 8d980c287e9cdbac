"""The demo's verdict: it finds the first line that is missing, late, changed or there twice, and only then."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.comparison import compare, read_lines, read_messages
from mini_kafka_shared.schemas import Message


def message(number: int, value: str, offset: int | None = None) -> Message:
    return Message(topic="lines", offset=number - 1 if offset is None else offset, value=value, key=f"line-{number}")


def messages(*values: str) -> list[Message]:
    return [message(number, value) for number, value in enumerate(values, 1)]


LINES = ["a", "b", "b", ""]
ARRIVED = messages(*LINES)


def test_every_line_in_order_once_is_no_difference() -> None:
    verdict = compare(LINES, ARRIVED)

    assert (verdict.lines, verdict.messages, verdict.difference) == (4, 4, None)


@pytest.mark.parametrize(
    ("arrived", "difference"),
    [
        ([], "line 1, “a”, did not arrive"),
        (ARRIVED[:3], "line 4, “”, did not arrive"),
        (
            [ARRIVED[0], *ARRIVED[2:]],
            "line 2, “b”, did not arrive in its place: line 3 did, as lines@2",
        ),
        (
            [ARRIVED[1], ARRIVED[0], *ARRIVED[2:]],
            "line 1, “a”, did not arrive in its place: line 2 did, as lines@1",
        ),
        ([*ARRIVED[:2], ARRIVED[1], *ARRIVED[2:]], "line 2 arrived again, as lines@1"),
        ([*ARRIVED, ARRIVED[3]], "line 4 arrived again, as lines@3"),
        (
            [*ARRIVED, message(9, "z")],
            "line 5, the end of the file, did not arrive in its place: line 9 did, as lines@8",
        ),
        ([ARRIVED[0], message(2, "B"), *ARRIVED[2:]], "line 2, “b”, arrived as “B”"),
        ([ARRIVED[0], message(2, "b", offset=7), *ARRIVED[2:]], "line 2, “b”, arrived at offset 7, not 1"),
        (
            [Message(topic="lines", offset=0, value="a", key=None), *ARRIVED[1:]],
            "lines@0 with key None is none of the file's lines",
        ),
    ],
)
def test_the_first_difference_is_named(arrived: list[Message], difference: str) -> None:
    verdict = compare(LINES, arrived)

    assert verdict.difference == difference
    assert verdict.messages == len(arrived)
    assert verdict.lines == 4


def test_a_line_that_is_not_utf_8_cannot_have_arrived() -> None:
    verdict = compare(["a", None, "c"], [message(1, "a"), message(3, "c", offset=1)])

    assert verdict.difference == "line 2 is not UTF-8 and was not sent"


@given(st.lists(st.sampled_from("ab"), max_size=6), st.data())
def test_any_change_of_what_arrived_is_a_difference(lines: list[str], data: st.DataObject) -> None:
    arrived = data.draw(st.lists(st.sampled_from(messages(*lines)), max_size=8)) if lines else []

    assert (compare(lines, arrived).difference is None) == (arrived == messages(*lines))


def test_lines_are_read_as_the_producer_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"a\r\n\nb\rc\n\xff\nd\r")

    assert list(read_lines(path)) == ["a", "", "b\rc", None, "d\r"]


def test_half_a_line_of_a_killed_consumer_is_no_message(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    path.write_text(message(1, "a").model_dump_json() + "\n" + message(2, "b").model_dump_json()[:20])

    assert list(read_messages(path)) == [message(1, "a")]
