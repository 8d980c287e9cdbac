"""The progress bar: one line that is drawn over itself, and never in the way of another."""

import errno
import io
import logging
import os
import sys

import pytest

from mini_kafka_producer.command import progress_bar
from mini_kafka_producer.progress import DRAW_EVERY_S, ERASE, ProgressBar
from mini_kafka_producer.settings import ProducerSettings
from tests.support.producer_run import FakeBroker, FakeSource, Run, lines


class Terminal(io.StringIO):
    """What was written, as a person sees it in the end: lines, each without what was erased."""

    is_gone = False

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        if self.is_gone:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    @property
    def screen(self) -> str:
        return "\n".join(line.rpartition(ERASE)[2] for line in self.getvalue().split("\n"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_shows_the_part_the_count_and_the_rest(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    clock.now = 10.0
    bar.show(0.25, 1234)

    assert terminal.screen == " 25 % [########......................] 1234 sent, 30 s left"


@pytest.mark.parametrize(("columns", "length"), [(20, 19), (0, 45)])
def test_it_stays_on_one_line(
    terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch, columns: int, length: int
) -> None:
    monkeypatch.setattr(terminal, "fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda _descriptor: os.terminal_size((columns, 24)))

    ProgressBar(terminal, clock).show(0.5, 1)

    assert len(terminal.screen.removesuffix(", 0 s left")) == length


def test_it_is_whole_only_when_all_is_done(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    bar.show(0.999, 999)
    assert terminal.screen.startswith(" 99 % [")

    clock.now += DRAW_EVERY_S
    bar.show(1.0, 1000)
    assert terminal.screen.startswith("100 % [##############################] 1000 sent")


def test_nothing_done_yet_promises_no_end(terminal: Terminal, clock: Clock) -> None:
    ProgressBar(terminal, clock).show(0.0, 0)

    assert terminal.screen.endswith("] 0 sent")


def test_it_is_drawn_no_oftener_than_eyes_can_follow(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    for step in range(1000):
        bar.show(step / 1000, step)

    assert terminal.getvalue().count("sent") == 1


def test_lines_on_the_same_terminal_stand_above_it(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    say = bar.above(lambda text: print(text, file=terminal))
    say("first")
    bar.show(0.5, 1)
    say("second")
    say("third")

    *above, last = terminal.screen.split("\n")
    assert above == ["first", "second", "third"]
    assert last.startswith(" 50 % [")


def test_a_line_draws_no_bar_that_was_not_there(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    bar.show(0.5, 1)
    bar.hide()
    bar.above(lambda text: print(text, file=terminal))("last words")

    assert terminal.screen == "last words\n"


def test_a_log_line_takes_its_place_until_there_is_news(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    handler = logging.StreamHandler(terminal)
    handler.addFilter(bar.hide_for)
    bar.show(0.5, 1)

    handler.handle(logging.LogRecord("n", logging.WARNING, "", 0, "away", (), None))
    assert terminal.screen == "away\n"

    bar.show(0.6, 2)
    assert terminal.screen.startswith("away\n 60 %")


def test_a_terminal_that_goes_away_ends_the_bar_and_not_the_work(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    said: list[str] = []
    bar.show(0.5, 1)
    terminal.is_gone = True
    clock.now += 1.0

    bar.show(0.6, 2)
    bar.above(said.append)("sent")
    bar.hide()

    assert said == ["sent"]


def test_hidden_it_leaves_nothing(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    bar.show(0.5, 1)
    bar.hide()

    assert terminal.screen == ""


class ShownBar(ProgressBar):
    """Remembers what it was to show."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.shown: list[tuple[float, int]] = []
        self.hidden = False

    def show(self, part: float, done: int) -> None:
        self.shown.append((part, done))

    def hide(self) -> None:
        self.hidden = True


def test_a_run_shows_its_part_of_the_count() -> None:
    bar = ShownBar()

    assert Run(FakeBroker(), FakeSource(lines("a", "b", "c", "d")), count=4, batch=2, bar=bar)() == 0
    assert bar.shown == [(0.5, 2), (1.0, 4)]
    assert bar.hidden


def test_a_run_shows_its_part_of_the_file() -> None:
    class File(FakeSource):
        size = 10

        @property
        def position(self) -> int:  # type: ignore[override]
            return 5 * (3 - len(self.batches))

    bar = ShownBar()

    assert Run(FakeBroker(), File(lines("abcd"), lines("efgh"), lines("came later")), bar=bar)() == 0
    assert bar.shown == [(0.5, 1), (1.0, 2), (1.0, 3)]


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
