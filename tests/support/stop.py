"""The stop event of a service's run in a test, which is its clock as well."""

import threading


class Stop(threading.Event):
    """A stop event that nobody waits on for long: a wait takes no time, moves the clock, and gives up at last."""

    now = 0.0
    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        self.waits += 1
        if self.waits > 100:
            self.set()
        return self.is_set()

    def clock(self) -> float:
        return self.now
