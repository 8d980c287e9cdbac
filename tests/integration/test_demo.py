"""`python -m demo`, which is what `make demo` runs: its verdict, and how Ctrl-C ends it."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.integration.deadlines import wait_until
from tests.integration.programs import ROOT, Program

STORY = ROOT / "demo" / "a-record-travels.txt"


def children_of(process: int) -> list[int]:
    """Find the processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it has just ended
            continue
        if int(text.rpartition(")")[2].split()[1]) == process:
            found.append(int(stat.parent.name))
    return found


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_demo_shows_each_line_leave_and_arrive_at_both_consumers_and_ends_with_0() -> None:
    with Program(sys.executable, "-m", "demo") as demo:
        assert demo.end() == 0

    said = [" ".join(line.split()) for line in demo.out]
    for offset, line in enumerate(STORY.read_text().splitlines()):
        shown = " ".join([f"lines@{offset}", f"key=line-{offset + 1}", *line.split()])
        assert said.count(f"producer sent {shown}") == 1
        assert said.count(f"consumer-1 got {shown}") == 1
        assert said.count(f"consumer-2 got {shown}") == 1
    assert "every line arrived, in order, once" in demo.out
    assert demo.err == []


def test_the_demo_of_a_file_with_a_line_that_cannot_be_sent_ends_with_1_and_names_the_line(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(b"one\n\xff\xfe\nthree\n")
    with Program(sys.executable, "-m", "demo", "--input", text) as demo:
        assert demo.end() == 1
    assert "not every line arrived, in order, once" in demo.out
    assert "  consumer-1: line 2 is not UTF-8 and was not sent" in demo.out


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the demo's processes in /proc, as on Linux")
def test_ctrl_c_ends_the_demo_and_all_that_it_started_within_2_s(tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    text.write_text("".join(f"line {number}\n" for number in range(100)))
    with Program(sys.executable, "-m", "demo", "--input", text) as demo:
        demo.line("consumer-2 +got")
        started = children_of(demo.process.pid)
        assert len(started) == 4
        pressed = time.monotonic()

        demo.signal_group(signal.SIGINT)

        assert demo.end() == 130
        assert time.monotonic() - pressed < 2
        wait_until(lambda: not any(is_alive(process) for process in started), "all processes are gone")
        assert not [line for line in [*demo.out, *demo.err] if "Traceback" in line]


def test_make_demo_takes_any_file_name_and_refuses_what_is_no_file(tmp_path: Path) -> None:
    text = tmp_path / 'it\'s $HOME "quoted".txt'
    text.write_text("one\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Program("make", "demo", f"INPUT={text}".replace("$", "$$")) as demo:
        assert demo.end() == 0
    assert any("key=line-1  one" in line for line in demo.out)
    with Program(sys.executable, "-m", "demo", "--input", pipe) as demo:
        assert demo.end() == 2
    assert demo.err == [f"demo: {pipe} is not a regular file"]
