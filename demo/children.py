"""The demo's processes: starting them, reading what they say, and never leaving one behind.

Each has a thread that reads its output into one bounded queue, so no pipe fills up and no file is too big. Each
is in a session of its own: Ctrl-C reaches the demo alone, which then ends them in order.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

QUEUED_LINES = 1000
_OWN_SETTINGS = ("MINI_KAFKA_", "PRODUCER_", "CONSUMER_", "BROKER_URL")


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a process's output, or None in its place: the process closed its output."""

    name: str
    line: str | None


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out settings that are meant for other brokers and services, and let Python speak UTF-8."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_OWN_SETTINGS)}
    return kept | {"PYTHONIOENCODING": "utf-8"}


class Children:
    """The processes of one demo."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._said: queue.Queue[Said] = queue.Queue(QUEUED_LINES)
        self._closing = False

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start `python -m module` under a name."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(os.environ),
            start_new_session=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._processes[name] = process
        threading.Thread(target=self._read, args=(name, process), daemon=True).start()

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with process.stdout as lines:
            for line in lines:
                if not self._closing:
                    self._said.put(Said(name, line.rstrip("\n")))
        if not self._closing:
            self._said.put(Said(name, None))

    def next_said(self, timeout_s: float) -> Said | None:
        """Wait for the next line of any process; None if there is none in time."""
        try:
            return self._said.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def exit_code(self, name: str) -> int:
        """Wait for a process that closed its output, and return its exit code."""
        return self._processes[name].wait()

    def stop(self, grace_s: float) -> None:
        """End every process: ask, the youngest first, and after `grace_s` seconds insist."""
        self._closing = True
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
        ends_at = time.monotonic() + grace_s
        for process in self._processes.values():
            self._drain()
            try:
                process.wait(max(0.0, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End every process at once, from a signal handler."""
        for process in self._processes.values():
            process.kill()

    def _drain(self) -> None:
        """Make room for threads that still hold a line: nobody shows it any more."""
        while self.next_said(0) is not None:
            pass
