"""How far a copy is: a line of the log as each piece of work begins, then a bar on a terminal, else more lines."""

import logging
import time
from collections.abc import Callable

from mini_kafka_shared.progress import ProgressBar

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
        self._began_at = self._logged_at = self._clock()

    def took(self, records: int) -> None:
        """Count records that are done."""
        self._done += records
        if self._bar:
            self._bar.show(self._part, f"{self._done} records, {self._rate:.0f}/s")
        elif self._clock() - self._logged_at >= LOG_EVERY_S:
            self._logged_at = self._clock()
            logger.info(
                "%s: %d of %d records, %d %%, %.0f/s",
                self._what, self._done, self._whole, self._part * 100, self._rate,
            )  # fmt: skip

    def end(self) -> float:
        """Take the bar away, and give the seconds that it took."""
        if self._bar:
            self._bar.hide()
        return self._clock() - self._began_at

    @property
    def _part(self) -> float:
        return min(self._done / self._whole, 1.0) if self._whole else 1.0

    @property
    def _rate(self) -> float:
        seconds = self._clock() - self._began_at
        return self._done / seconds if seconds else 0.0
