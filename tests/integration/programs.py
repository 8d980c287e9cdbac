"""The project's commands as processes: started, read line by line, signalled, and never left behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.integration.deadlines import wait_until

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FREE_PORTS = ("--http-port", "0", "--kafka-port", "0")
"""Let a broker listen where nobody else does."""


def make(target: str) -> str:
    """Run `make TARGET` in the repository and return what it printed.

    Raises:
        AssertionError: with everything that it said, where it did not end with 0.
    """
    done = subprocess.run(["make", target], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"make {target} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


class Program:
    """One process in a process group of its own, as a shell would start it; a context manager that ends it."""

    def __init__(
        self,
        *command: str | Path,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start `command`; `env` replaces the whole environment."""
        self.command = " ".join(map(str, command))
        self.process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=env,
            start_new_session=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.signal_group(signal.SIGTERM)  # first, so that it can end its own children
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
            self.signal_group(signal.SIGKILL)
            self.process.wait()
        for reader in self._readers:
            reader.join()
        if error is not None:
            error.add_note(self.report())

    def line(self, pattern: str, *, seconds: float = 20) -> re.Match[str]:
        """Wait for a line on either stream that matches, and return the match."""

        def find() -> re.Match[str] | None:
            matches = (re.search(pattern, line) for line in [*self.out, *self.err])
            return next((match for match in matches if match), None)

        match = wait_until(find, f"{self.command} prints {pattern!r}", seconds=seconds)
        assert match
        return match

    def end(self, *, seconds: float = 30) -> int:
        """Wait until the process has ended by itself and its output is read; return the exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        code = self.process.wait(timeout=seconds)
        for reader in self._readers:
            reader.join()
        return code

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children, as a terminal does on Ctrl-C."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def report(self) -> str:
        """Describe what the process printed, for the report of a test that failed."""
        out, err = "\n".join(self.out[-60:]), "\n".join(self.err[-60:])
        return f"{self.command} (exit code {self.process.poll()}) printed:\n{out}\nand on standard error:\n{err}"


def _read(stream: IO[bytes] | None, lines: list[str]) -> None:
    assert stream is not None
    lines.extend(line.decode(errors="replace").rstrip("\n") for line in stream)
    stream.close()
