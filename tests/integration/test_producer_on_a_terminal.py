"""The producer on a terminal: a progress bar under its lines, and nothing of it in a file or a pipe."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.programs import BIN, Program

BAR = re.compile(r"\d % \[[#.]+\] \d+ sent")
ERASE = "\r\x1b[K"


def run_on_a_terminal(*flags: str, broker: str, with_stdout: bool) -> tuple[str, str]:
    """Run the producer with a terminal as its standard error, and perhaps output; return terminal's and pipe's text."""
    mine, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    command = [str(BIN / "mini-kafka-producer"), "--broker", broker, *flags]
    stdout = its if with_stdout else subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=its, env=environment) as process:
        os.close(its)
        pieces = []
        while True:
            try:
                piece = os.read(mine, 65536)
            except OSError:  # how Linux says that nobody has the other end open any more
                piece = b""
            if not piece:
                break
            pieces.append(piece)
        piped = process.stdout.read().decode() if process.stdout else ""
        assert process.wait(timeout=10) == 0
    os.close(mine)
    return b"".join(pieces).decode().replace("\r\n", "\n"), piped


def screen(text: str) -> list[str]:
    """Give the lines that a person sees in the end."""
    return [line.rpartition(ERASE)[2] for line in text.removesuffix("\n").split("\n")]


@pytest.mark.parametrize("flags", [("--count", "20", "--rate", "100"), ("--input", "lines.txt", "--batch", "7")])
def test_the_bar_stands_under_the_lines_and_is_gone_at_the_end(
    broker: str, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "lines.txt").write_text("".join(f"hello {number}\n" for number in range(1, 21)))
    flags = tuple(str(tmp_path / flag) if flag == "lines.txt" else flag for flag in flags)

    text, _ = run_on_a_terminal("--topic", "t", *flags, broker=broker, with_stdout=True)

    assert BAR.search(text)
    lines = screen(text)
    assert [line for line in lines if line.startswith("sent  ")] == [
        f"sent  t@{number - 1}  hello {number}" for number in range(1, 21)
    ]
    assert lines[-1].startswith("sent 20 messages to t in ")
    assert not [line for line in lines if BAR.search(line)]


def test_a_pipe_gets_the_lines_and_the_terminal_the_bar(broker: str) -> None:
    text, piped = run_on_a_terminal("--topic", "t", "--count", "20", "--rate", "100", broker=broker, with_stdout=False)

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
