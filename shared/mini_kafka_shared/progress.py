"""A progress bar for a terminal: the last line of standard error, drawn over itself, and taken away for any other line.

Knows how far the work is only as a part of the whole. Whether there is a whole, and a terminal, its owner asks first.
"""

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

DRAW_EVERY_S = 0.1
BAR_CHARACTERS = 30
USUAL_COLUMNS = 80
ERASE = "\r\x1b[K"


class ProgressBar:
    """One line that says how much is done, how much that is, and how long the rest may take.

    Args:
        stream: a terminal.
        clock: seconds that never go back.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._began_at = clock()
        self._drawn_at = float("-inf")
        self._line = ""
        self._is_drawn = False

    @classmethod
    def on_a_terminal(cls) -> Self | None:
        """Make a bar where standard error is a terminal; what logging writes there then takes the bar away first."""
        if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return None
        bar = cls(sys.stderr)
        for handler in logging.getLogger().handlers:
            handler.addFilter(bar.hide_for)
        return bar

    def begin(self) -> None:
        """Count the time from now on, for a whole that begins."""
        self._began_at = self._clock()

    def show(self, part: float, done: str) -> None:
        """Draw that a part of the whole, from 0 to 1, is done, in words `done`; not oftener than eyes can follow."""
        now = self._clock()
        if self._is_drawn and now - self._drawn_at < DRAW_EVERY_S:
            return
        self._drawn_at = now
        left_s = (now - self._began_at) * (1 - part) / part if part else None
        left = f", {left_s:.0f} s left" if left_s is not None else ""
        bar = "#" * round(part * BAR_CHARACTERS)
        self._line = f"{int(part * 100):3d} % [{bar:.<{BAR_CHARACTERS}}] {done}{left}"
        self._draw()

    def hide(self) -> None:
        """Take the bar away, until it is shown again."""
        if self._is_drawn:
            self._is_drawn = False
            self._write(ERASE)

    def above(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """Make a `say` whose lines on the same terminal stand above the bar."""

        def say_above(text: str) -> None:
            was_drawn = self._is_drawn
            self.hide()
            say(text)
            if was_drawn:
                self._draw()

        return say_above

    def hide_for(self, record: logging.LogRecord) -> bool:
        """Take the bar away before a log line; as a filter of a log handler."""
        del record
        self.hide()
        return True

    def _draw(self) -> None:
        self._is_drawn = True
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns or USUAL_COLUMNS  # 0: nobody has said
        except OSError:
            columns = USUAL_COLUMNS
        self._write(ERASE + self._line[: columns - 1])

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal is gone, and with it whoever wanted to see this
            self._stream.write(text)
            self._stream.flush()
