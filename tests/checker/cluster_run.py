"""A run of workers against gateways to a cluster, while one fault after the other befalls gateways and nodes.

The faults are the caller's: it knows processes and containers. What they may excuse is `History.moves`, and nothing
else: no fault excuses a lost acknowledgement, or a commit that was taken back.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.checker.history import History
from tests.checker.http_clients import Answer, Ask, Lost
from tests.checker.live_run import FINISH_SECONDS, LiveRun

ROLES = (*["producer"] * 4, *["member"] * 3, "reader:orders", "reader:table", "follower:jobs", "consumer:orders")
JOIN_S = 5.0
"""How long the gateways' members may take to part the partitions among them at first."""
MOVE_S = 15.0
"""How long after a fault partitions may still move: Kafka misses a member after 10 s, and gives the others its part."""
REST_S = 0.3


class Fault(NamedTuple):
    """What goes wrong as long as `trouble` is entered, and for how long."""

    name: str
    trouble: Callable[[], AbstractContextManager[None]]
    seconds: float


@dataclass
class ClusterRun(LiveRun):
    """Gateways at `NAME=HOST:PORT,…`, and their faults, with `calm_s` of ordinary work before each and at the end."""

    faults: Sequence[Fault] = ()
    calm_s: float = 5.0
    began_ns: int = 0
    times: dict[str, tuple[int, int]] = field(default_factory=dict)
    """When each fault began and was over, by its name and number."""

    def __call__(self, seconds: float = 0, journal_bytes: int = 0, role_bytes: int = 0) -> History:
        """Let the workers work through all faults, finish what they leave, read everything, and give the history."""
        history = super().__call__(seconds, journal_bytes, role_bytes)
        after_ns = round(MOVE_S * 1e9)
        joining = (0, self.began_ns + round(JOIN_S * 1e9))
        return replace(history, moves=(joining, *((begin, end + after_ns) for begin, end in self.times.values())))

    @property
    def _roles(self) -> tuple[str, ...]:
        return ROLES

    def _let_work(self, seconds: float, journal_bytes: int, role_bytes: int) -> None:
        with self._at_work():
            self.began_ns = time.monotonic_ns()
            self._work(JOIN_S + seconds)
            for number, (name, trouble, lasts_s) in enumerate(self.faults):
                self._work(self.calm_s)
                begin = time.monotonic_ns()
                with trouble():
                    self._work(lasts_s)
                self.times[f"{name} {number}"] = begin, time.monotonic_ns()
            self._work(self.calm_s)
            assert self._is_enough(journal_bytes, role_bytes), f"the workers have only written {self._bytes_by_role()}"

    def _work(self, seconds: float) -> None:
        """Let the workers work, and kill one now and then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(REST_S, seconds))
            self._check_workers()
            if self.rng.random() < REST_S / 3:
                number = self.rng.randrange(len(self._workers))
                if self._workers[number].is_at_work:
                    self._replace(number)

    def _patient(self, ask: Ask) -> Ask:
        def patiently(method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
            until = time.monotonic() + FINISH_SECONDS
            while True:
                try:
                    return ask(method, path, body, **fields)
                except Lost:
                    if method == "POST" or time.monotonic() > until:
                        raise

        return patiently
