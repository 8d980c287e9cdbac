"""Which questions librdkafka has not answered yet, and that none of them gets as old as it may be.

librdkafka aborts the process where the time that a question was given is over and its group's coordinator is found
after that (issue 4605, seen with 2.16: `rd_kafka_admin_coord_request` lets go of what its caller still uses). So a
question is given `GIVEN_S`, the longest that librdkafka takes, and its caller is told much sooner; the client that it
was asked with is given up long before the question's time is over. A client that ends drops its questions unharmed.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from mini_kafka.engine.clock import Clock

GIVEN_S = 3600.0
LOOK_S = 60.0
"""How much later than its caller is told a question counts as too old, or up to twice that. What it was to change may
be changed until its client is given up, when the coordinator is back, as with every answer that is lost."""


class OpenQuestions:
    """Watches questions; `too_old` is told where one has been open from one look to the next, `look_s` later."""

    def __init__(self, clock: Clock, look_s: float, too_old: Callable[[], None]) -> None:
        self._clock = clock
        self._look_ms = round(look_s * 1000)
        self._too_old = too_old
        self._open: set[Future[Any]] = set()
        self._seen: set[Future[Any]] = set()
        """Those that were open at the last look."""
        self._is_watching = False

    def __len__(self) -> int:
        """Count those that are not answered."""
        return len(self._open)

    def add(self, future: "Future[Any]") -> None:
        """Watch a question until it is answered, or given up with all others."""
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        self._watch()

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self._clock.call_later(self._look_ms, self._look)

    def _look(self) -> None:
        self._is_watching = False
        if not self._seen.isdisjoint(self._open):
            self._open.clear()
            self._too_old()
        self._seen = set(self._open)
        if self._open:
            self._watch()
