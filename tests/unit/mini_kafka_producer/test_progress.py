"""The producer's progress: its part of what is known to come."""

import io
import logging
import sys

import pytest

from mini_kafka_producer.command import progress_bar
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_shared.progress import ProgressBar
from tests.support.producer_run import FakeBroker, FakeSource, Run, lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ShownBar(ProgressBar):
    """Remembers what it was to show."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.shown: list[tuple[float, str]] = []
        self.hidden = False

    def show(self, part: float, done: str) -> None:
        self.shown.append((part, done))

    def hide(self) -> None:
        self.hidden = True


def test_a_run_shows_its_part_of_the_count() -> None:
    bar = ShownBar()

    assert Run(FakeBroker(), FakeSource(lines("a", "b", "c", "d")), count=4, batch=2, bar=bar)() == 0
    assert bar.shown == [(0.5, "2 sent"), (1.0, "4 sent")]
    assert bar.hidden


def test_a_run_shows_its_part_of_the_file() -> None:
    class File(FakeSource):
        size = 10

        @property
        def position(self) -> int:  # type: ignore[override]
            return 5 * (3 - len(self.batches))

    bar = ShownBar()

    assert Run(FakeBroker(), File(lines("abcd"), lines("efgh"), lines("came later")), bar=bar)() == 0
    assert bar.shown == [(0.5, "1 sent"), (1.0, "2 sent"), (1.0, "3 sent")]


def test_a_run_without_a_known_end_shows_nothing() -> None:
    bar = ShownBar()

    assert Run(FakeBroker(), FakeSource(lines("a")), bar=bar)() == 0
    assert bar.shown == []


@pytest.mark.parametrize(
    ("stream", "term", "count", "size", "is_there"),
    [
        (Terminal(), "xterm", 3, None, True),
        (Terminal(), "xterm", 0, 100, True),
        (Terminal(), "xterm", 0, None, False),
        (Terminal(), "xterm", 0, 0, False),
        (Terminal(), "dumb", 3, None, False),
        (io.StringIO(), "xterm", 3, None, False),
        (None, "xterm", 3, None, False),
    ],
)
def test_there_is_a_bar_only_on_a_terminal_and_for_work_that_ends(
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO | None,
    term: str,
    count: int,
    size: int | None,
    is_there: bool,
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    source = FakeSource()
    source.size = size

    assert (progress_bar(ProducerSettings(count=count), source) is not None) == is_there
