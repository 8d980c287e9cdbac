"""Log lines: one a record, readable, flushed, and no traceback when the reader goes away."""

import io
import logging
import os
import re
from collections.abc import Iterator

import pytest

from mini_kafka_shared.logging_setup import one_line, quiet_exit, set_up_logging


@pytest.fixture(autouse=True)
def restored_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Flushed(io.StringIO):
    """Remembers what a reader has seen: what was written before the last flush."""

    seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


def test_a_line_is_time_level_and_text_and_seen_at_once() -> None:
    stream = Flushed()
    set_up_logging("info", stream)

    logging.getLogger("any").info("the broker answers")
    logging.getLogger("any").warning("%d of %s", 3, "x")

    lines = stream.seen.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO  the broker answers", lines[0])
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARN  3 of x", lines[1])


def test_only_the_level_and_above_is_shown() -> None:
    stream = io.StringIO()
    set_up_logging("warning", stream)

    logging.getLogger("any").info("no")

    assert stream.getvalue() == ""


def test_setting_up_twice_shows_each_line_once() -> None:
    stream = io.StringIO()
    set_up_logging("info", stream)
    set_up_logging("info", stream)

    logging.getLogger("any").info("once")

    assert stream.getvalue().count("once") == 1


def test_a_record_stays_one_line_whatever_is_in_it() -> None:
    stream = io.StringIO()
    set_up_logging("info", stream)

    logging.getLogger("any").info("a\nb\rc\x1b[31m\u2028d")

    assert len(stream.getvalue().splitlines()) == 1
    assert r"a\nb\rc\x1b[31m\u2028d" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 東京 🐳", "plain ünïcode 東京 🐳"),
        ("tab\tnul\x00", r"tab\tnul\x00"),
        ("\u202eright to left", r"\u202eright to left"),
        ("half \ud800", r"half \ud800"),
        ("c1 \x9b", r"c1 \x9b"),
    ],
)
def test_text_that_does_not_fit_on_a_line_is_escaped(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert one_line("x" * 10, 10) == "x" * 10
    assert one_line("x" * 11, 10) == "x" * 9 + "…"


class Closed(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_log_line_that_nobody_reads_reaches_the_program_as_a_broken_pipe() -> None:
    set_up_logging("info", Closed())

    with pytest.raises(BrokenPipeError):
        logging.getLogger("any").info("hello?")


def test_a_program_whose_reader_went_away_ends_with_1_and_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    saved = os.dup(1)

    def main() -> int:
        raise BrokenPipeError

    try:
        assert quiet_exit(main) == 1
    finally:
        os.dup2(saved, 1)
        os.close(saved)
    assert capfd.readouterr().err == ""


def test_another_program_ends_with_its_own_code() -> None:
    assert quiet_exit(lambda: 7) == 7
