"""Log lines: one a record, readable, flushed, and no traceback when the reader goes away."""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mini_kafka.settings import BrokerSettings
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_shared.logging_setup import one_line, quiet_exit, reason_of, set_up_logging
from mini_kafka_shared.settings import Settings, environment_name, load


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


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "no space left on device"),
        (OSError("Odd"), "odd"),
        (TimeoutError(), "timeouterror"),
    ],
)
def test_the_system_s_reason_ends_a_sentence(error: OSError, reason: str) -> None:
    assert reason_of(error) == reason


def test_json_is_an_object_a_line_with_time_level_logger_and_message() -> None:
    stream = Flushed()
    set_up_logging("info", stream, log_format="json")

    logging.getLogger("any.where").warning("%d of %s", 3, "x")

    line = json.loads(stream.seen)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is UTC
    assert line == {"level": "warning", "logger": "any.where", "message": "3 of x"}


def test_json_has_what_the_code_gave_as_extra_and_a_traceback() -> None:
    stream = io.StringIO()
    set_up_logging("info", stream, log_format="json")

    extra = {"request_id": "till-7", "status": 500, "odd": {1}}
    logging.getLogger("any").error("broken", extra=extra, exc_info=RuntimeError("a bug"))

    line = json.loads(stream.getvalue())
    assert (line["request_id"], line["status"], line["odd"]) == ("till-7", 500, "{1}")
    assert line["traceback"] == "RuntimeError: a bug"


def test_json_stays_one_line_of_ascii_whatever_is_in_it() -> None:
    stream = io.StringIO()
    set_up_logging("info", stream, log_format="json")
    text = "a\nb\r\x1b[31m\u2028\u202e東\ud800"

    logging.getLogger("any").info(text)

    assert len(stream.getvalue().splitlines()) == 1
    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue())["message"] == text


@pytest.mark.parametrize("settings_class", [BrokerSettings, ProducerSettings, ConsumerSettings])
@pytest.mark.parametrize(("given", "taken"), [("pretty", "pretty"), ("JSON", "json")])
def test_every_program_takes_the_form_of_its_log(settings_class: type[Settings], given: str, taken: str) -> None:
    environ = {environment_name(settings_class, "log_format"): given}
    settings = load(settings_class, [], prog="any", description="", environ=environ).settings
    assert vars(settings)["log_format"] == taken


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, which only Linux has")
@pytest.mark.parametrize(
    ("call", "unbuffered"), [("say('hello')", ""), ("say('hello')", "1"), ("sys.stdout.write('hello') * 0", "")]
)
def test_a_program_whose_output_cannot_be_written_ends_with_1_and_a_sentence(call: str, unbuffered: str) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    code = (
        "import sys; from mini_kafka_shared.logging_setup import quiet_exit, say; "
        f"sys.exit(quiet_exit(lambda: {call} or 0))"
    )
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, env=env)

    assert (done.returncode, done.stderr) == (1, "the output cannot be written: no space left on device\n")


def test_a_program_without_standard_output_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)

    assert quiet_exit(lambda: 7) == 7


def test_an_error_that_is_not_of_standard_output_is_a_bug() -> None:
    def main() -> int:
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(FileNotFoundError):
        quiet_exit(main)


def test_standard_output_shows_each_line_at_once_and_escapes_what_it_cannot_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    set_up_logging("info", io.StringIO())

    print("caf\u00e9")

    assert raw.getvalue() == b"caf\\xe9\n"


def test_another_program_ends_with_its_own_code() -> None:
    assert quiet_exit(lambda: 7) == 7


class Unflushed(io.StringIO):
    """Takes every text, and fails when it is to be seen."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BrokenPipeError(), ""),
        (OSError(28, "No space left on device"), "the output cannot be written: no space left on device\n"),
    ],
)
def test_what_is_lost_in_the_last_flush_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, words: str
) -> None:
    monkeypatch.setattr("sys.stdout", Unflushed(error))

    assert quiet_exit(lambda: 0) == 1
    assert capsys.readouterr().err == words


def test_a_last_flush_that_works_leaves_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Flushed()
    monkeypatch.setattr("sys.stdout", stream)

    assert quiet_exit(lambda: stream.write("last words") - 7) == 3
    assert stream.seen == "last words"
