"""What the broker measures about itself: requests by listener, and how late the event loop is.

Counts only; what they look like to Prometheus is `http_api.exposition`'s. A listener has one `Traffic`, which
`bootstrap` puts among the `Measures`. A label is never what a client may choose, such as a path: each value costs
memory for good.

These are our own few lines and not `prometheus_client`'s metrics, because every request pays for them: 0.3 µs against
3.4 µs for a labelled histogram and counter, beside the 55 µs of a produce. They also cost no import at the start.
"""

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field

REQUEST_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10, 30)
"""From what a produce takes to the longest long poll, in seconds."""
LAG_BOUNDS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
"""The loop's timers count whole milliseconds, so that less than 2 ms are none."""
LAG_INTERVAL_S = 0.1


class Durations:
    """A histogram of durations: how many ended within each bound, the last for all others, and their sum in seconds."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds

    def copy(self) -> "Durations":
        """Keep what was counted until now, for whoever reads it on another thread."""
        copied = Durations(self.bounds)
        copied.counts, copied.total_s = self.counts.copy(), self.total_s
        return copied


class Requests:
    """The requests of one kind: how long each took, and how many ended with each status."""

    __slots__ = ("durations", "statuses")

    def __init__(self) -> None:
        self.durations = Durations(REQUEST_BOUNDS_S)
        self.statuses: Counter[str | int] = Counter()


class Traffic:
    """What one listener has to do: its open connections, and its requests by kind.

    Args:
        listener: the listener's name, which becomes part of its metrics' names: `mini_kafka_<listener>_requests_total`.
        labels: the names of what tells one kind of request from another.
    """

    def __init__(self, listener: str, labels: tuple[str, ...]) -> None:
        self.listener = listener
        self.labels = labels
        self.connections: Sized = ()
        self.requests: dict[tuple[str, ...], Requests] = {}

    def count(self, kind: tuple[str, ...], status: str | int, seconds: float) -> None:
        """Count a request that is answered now, `seconds` after it began; `kind` has a value for each label."""
        requests = self.requests.get(kind)
        if requests is None:
            requests = self.requests[kind] = Requests()
        requests.durations.observe(seconds)
        requests.statuses[status] += 1


class LoopLag:
    """How late the event loop runs what is due: a timer ten times a second finds out."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.durations = Durations(LAG_BOUNDS_S)
        self._now = now
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._due = self._now() + LAG_INTERVAL_S
        self._timer = asyncio.get_running_loop().call_later(LAG_INTERVAL_S, self.due)

    def due(self) -> None:
        """Count how late this call is, and arrange the next one."""
        self.durations.observe(max(0.0, self._now() - self._due))
        self.start()

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()


@dataclass(frozen=True, slots=True)
class Measures:
    """All that is measured beside the engine, for those who show it."""

    listeners: Sequence[Traffic]
    loop_lag: Durations = field(default_factory=lambda: Durations(LAG_BOUNDS_S))
