"""The producer on a terminal: a progress bar under its lines, and nothing of it in a file or a pipe."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.programs import BIN, Program
from tests.integration.terminal import ERASE, run_on_a_terminal, screen

PRODUCER = "mini-kafka-producer"
BAR = re.compile(r"\d % \[[#.]+\] \d+ sent")


@pytest.mark.parametrize("flags", [("--count", "20", "--rate", "100"), ("--input", "lines.txt", "--batch", "7")])
def test_the_bar_stands_under_the_lines_and_is_gone_at_the_end(
    broker: str, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "lines.txt").write_text("".join(f"hello {number}\n" for number in range(1, 21)))
    flags = tuple(str(tmp_path / flag) if flag == "lines.txt" else flag for flag in flags)

    text, _ = run_on_a_terminal(PRODUCER, "--broker", broker, "--topic", "t", *flags, with_stdout=True)

    assert BAR.search(text)
    lines = screen(text)
    assert [line for line in lines if line.startswith("sent  ")] == [
        f"sent  t@{number - 1}  hello {number}" for number in range(1, 21)
    ]
    assert lines[-1].startswith("sent 20 messages to t in ")
    assert not [line for line in lines if BAR.search(line)]


def test_a_pipe_gets_the_lines_and_the_terminal_the_bar(broker: str) -> None:
    text, piped = run_on_a_terminal(
        PRODUCER, "--broker", broker, "--topic", "t", "--count", "20", "--rate", "100", with_stdout=False
    )

    assert BAR.search(text)
    assert len(piped.splitlines()) == 21
    assert ERASE not in piped


def test_a_log_line_does_not_run_into_the_bar(broker: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(b"1\n2\n\xff\n4\n5\n")

    process = subprocess.run(
        ["bash", "-c", f"script -qefc '{BIN}/mini-kafka-producer --broker {broker} --input {path}' /dev/null"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip

    assert [line for line in screen(process.stdout) if "is not sent" in line and BAR.search(line)] == []
    assert any("line 3 of" in line for line in screen(process.stdout))


def test_where_there_is_no_terminal_there_is_no_bar(broker: str) -> None:
    with Program(BIN / "mini-kafka-producer", "--broker", broker, "--count", "3", "--rate", "0") as program:
        assert program.end() == 0
        assert not [line for line in [*program.out, *program.err] if BAR.search(line) or "\x1b" in line]
