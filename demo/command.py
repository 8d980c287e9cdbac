"""The demo's command line: which file, what a signal does, and the exit code."""

import argparse
import os
import signal
import stat
import sys
import tempfile
from pathlib import Path
from types import FrameType

from demo.children import Children
from demo.run import BrokerFailedError, Demo, InterruptedDemoError
from mini_kafka_shared.logging_setup import quiet_exit, reason_of, say, set_up_logging

STORY = Path(__file__).with_name("a-record-travels.txt")
INTERRUPTED = 130
STOP_GRACE_S = 1.2
LAST_RESORT_S = 1.7
"""Ctrl-C ends everything within 2 s: the processes get `STOP_GRACE_S`, and the demo itself, should it hang on a
screen that nobody reads, `LAST_RESORT_S`."""


def problem_with(path: Path) -> str | None:
    """Say why a file's lines cannot be sent; None if they can."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for whoever writes into it
            return "is not a regular file"
        with path.open("rb") as file:
            return None if file.read(1) else "is empty: there is no line to send"
    except OSError as error:
        return f"cannot be read: {reason_of(error)}"


def demonstrate(path: Path) -> int:
    """Run one demo, and return its exit code: 0 if every line arrived, in order, once, at both consumers."""
    children = Children()
    interrupted = False

    def last_resort(_number: int, _frame: FrameType | None) -> None:
        children.kill()
        os._exit(INTERRUPTED)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            signal.setitimer(signal.ITIMER_REAL, LAST_RESORT_S)

    signal.signal(signal.SIGALRM, last_resort)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    with tempfile.TemporaryDirectory(prefix="mini-kafka-demo-") as directory:
        try:
            demo = Demo(path, Path(directory), children, interrupted=lambda: interrupted)
            return 0 if demo.run() else 1
        except InterruptedDemoError:
            say("interrupted: ending broker, producer and consumers")
            return INTERRUPTED
        except BrokerFailedError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        finally:
            children.stop(STOP_GRACE_S)


def main() -> int:
    """Read the command line, run the demo and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Watch a file's lines travel through a broker to two consumers."
    )
    parser.add_argument("--input", type=Path, default=STORY, metavar="PATH", help="the file whose lines to send")
    path: Path = parser.parse_args().input
    set_up_logging("warning")
    if problem := problem_with(path):
        print(f"demo: {path} {problem}", file=sys.stderr)
        return 2
    return quiet_exit(lambda: demonstrate(path))
