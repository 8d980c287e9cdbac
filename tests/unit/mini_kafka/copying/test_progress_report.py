"""Progress: a bar where there is a terminal, and otherwise lines that are not too many."""

import io
import logging

import pytest

from mini_kafka.copying.progress_report import LOG_EVERY_S, ProgressReport
from mini_kafka_shared.progress import ERASE, ProgressBar


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_a_line_comes_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    report = ProgressReport(clock=clock)
    report.begin("copying t", 200)
    for _ in range(20):
        clock.now += LOG_EVERY_S / 10
        report.took(5)

    assert [each.getMessage() for each in caplog.records] == [
        "copying t: 200 records",
        "copying t: 50 of 200 records, 25 %, 10/s",
        "copying t: 100 of 200 records, 50 %, 10/s",
    ]
    assert report.end() == 2 * LOG_EVERY_S


def test_on_a_terminal_there_is_a_bar_that_begins_anew_with_each_piece_of_work() -> None:
    terminal, clock = io.StringIO(), Clock()
    report = ProgressReport(ProgressBar(terminal, clock), clock)
    for _ in range(2):
        clock.now += 100
        report.begin("copying t", 200)
        clock.now += 4
        report.took(50)
        assert terminal.getvalue().endswith(" 25 % [########......................] 50 records, 12/s, 12 s left")
        report.end()

    assert terminal.getvalue().endswith(ERASE)


def test_more_records_than_were_to_come_are_no_more_than_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    report = ProgressReport(clock=clock)
    report.begin("copying t", 0)
    clock.now += LOG_EVERY_S
    report.took(5)

    assert caplog.records[-1].getMessage() == "copying t: 5 of 0 records, 100 %, 1/s"
