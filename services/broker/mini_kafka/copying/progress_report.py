"""How far a copy is: a line of the log as each piece of work begins, then a bar on a terminal, else more lines."""

import logging
import time
from collections.abc import Callable

from mini_kafka_shared.progress import DRAW_EVERY_S, ProgressBar

LOG_EVERY_S = 5.0

logger = logging.getLogger(__name__)


class ProgressReport:
    """Shows one piece of work after the other.

    Args:
        bar: where to draw, if there is a terminal.
        clock: seconds that never go back.
    """

    def __init__(self, bar: ProgressBar | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar, self._clock = bar, clock
        self._begin("", 0)

    def begin(self, what: str, whole: int) -> None:
        """Begin a piece of work of so many records."""
        logger.info("%s: %d records", what, whole)
        self._begin(what, whole)
        if self._bar:
            self._bar.begin()

    def _begin(self, what: str, whole: int) -> None:
        self._what, self._whole, self._done = what, whole, 0
        self._began_at = self._clock()
        self._due_at = self._began_at if self._bar else self._began_at + LOG_EVERY_S

    def took(self, records: int) -> None:
        """Count records that are done."""
        self._done += records
        now = self._clock()
        if now < self._due_at:  # a record is often done in a microsecond
            return
        rate = self._done / (now - self._began_at) if now > self._began_at else 0.0
        part = min(self._done / self._whole, 1.0) if self._whole else 1.0
        if self._bar:
            self._due_at = now + DRAW_EVERY_S
            self._bar.show(part, f"{self._done} records, {rate:.0f}/s")
        else:
            self._due_at = now + LOG_EVERY_S
            logger.info("%s: %d of %d records, %d %%, %.0f/s", self._what, self._done, self._whole, part * 100, rate)

    def end(self) -> float:
        """Take the bar away, and give the seconds that it took."""
        if self._bar:
            self._bar.hide()
        return self._clock() - self._began_at
