"""The progress bar: one line that is drawn over itself, and never in the way of another."""

import errno
import io
import logging
import os

import pytest

from mini_kafka_shared.progress import DRAW_EVERY_S, ERASE, ProgressBar


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
    bar.show(0.25, "1234 sent")

    assert terminal.screen == " 25 % [########......................] 1234 sent, 30 s left"


@pytest.mark.parametrize(("columns", "length"), [(20, 19), (0, 45)])
def test_it_stays_on_one_line(
    terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch, columns: int, length: int
) -> None:
    monkeypatch.setattr(terminal, "fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda _descriptor: os.terminal_size((columns, 24)))

    ProgressBar(terminal, clock).show(0.5, "1 sent")

    assert len(terminal.screen.removesuffix(", 0 s left")) == length


def test_it_is_whole_only_when_all_is_done(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    bar.show(0.999, "999 sent")
    assert terminal.screen.startswith(" 99 % [")

    clock.now += DRAW_EVERY_S
    bar.show(1.0, "1000 sent")
    assert terminal.screen.startswith("100 % [##############################] 1000 sent")


def test_nothing_done_yet_promises_no_end(terminal: Terminal, clock: Clock) -> None:
    ProgressBar(terminal, clock).show(0.0, "0 sent")

    assert terminal.screen.endswith("] 0 sent")


def test_it_is_drawn_no_oftener_than_eyes_can_follow(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    for step in range(1000):
        bar.show(step / 1000, f"{step} sent")

    assert terminal.getvalue().count("sent") == 1


def test_lines_on_the_same_terminal_stand_above_it(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    say = bar.above(lambda text: print(text, file=terminal))
    say("first")
    bar.show(0.5, "1 sent")
    say("second")
    say("third")

    *above, last = terminal.screen.split("\n")
    assert above == ["first", "second", "third"]
    assert last.startswith(" 50 % [")


def test_a_line_draws_no_bar_that_was_not_there(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    bar.show(0.5, "1 sent")
    bar.hide()
    bar.above(lambda text: print(text, file=terminal))("last words")

    assert terminal.screen == "last words\n"


def test_a_log_line_takes_its_place_until_there_is_news(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    handler = logging.StreamHandler(terminal)
    handler.addFilter(bar.hide_for)
    bar.show(0.5, "1 sent")

    handler.handle(logging.LogRecord("n", logging.WARNING, "", 0, "away", (), None))
    assert terminal.screen == "away\n"

    bar.show(0.6, "2 sent")
    assert terminal.screen.startswith("away\n 60 %")


def test_a_terminal_that_goes_away_ends_the_bar_and_not_the_work(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    said: list[str] = []
    bar.show(0.5, "1 sent")
    terminal.is_gone = True
    clock.now += 1.0

    bar.show(0.6, "2 sent")
    bar.above(said.append)("sent")
    bar.hide()

    assert said == ["sent"]


def test_hidden_it_leaves_nothing(terminal: Terminal, clock: Clock) -> None:
    bar = ProgressBar(terminal, clock)
    bar.show(0.5, "1 sent")
    bar.hide()

    assert terminal.screen == ""
