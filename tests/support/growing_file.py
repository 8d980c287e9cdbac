"""Files that change while they are read."""

import threading
from collections.abc import Callable
from pathlib import Path


class Steps(threading.Event):
    """A stop event whose every wait does the next step instead, and which is set after the last."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self._steps = list(steps)

    def wait(self, _timeout: float | None = None) -> bool:
        if self._steps:
            self._steps.pop(0)()
        else:
            self.set()
        return self.is_set()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
