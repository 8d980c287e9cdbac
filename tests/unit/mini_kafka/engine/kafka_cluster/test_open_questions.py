"""A question that stays open is noticed between one look and the next, and questions that are answered are not."""

from concurrent.futures import Future
from typing import Any

import pytest

from mini_kafka.engine.kafka_cluster.open_questions import OpenQuestions
from tests.support.clock import ManualClock

LOOK_S = 10.0
LOOK_MS = 10_000


class Asked:
    """Questions of a client, and how often it was given up."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.given_up = 0
        self.open = OpenQuestions(self.clock, LOOK_S, self.give_up)

    def give_up(self) -> None:
        self.given_up += 1

    def ask(self) -> "Future[Any]":
        future: Future[Any] = Future()
        self.open.add(future)
        return future


@pytest.fixture
def asked() -> Asked:
    """Give a client that was asked nothing yet."""
    return Asked()


def test_a_client_with_a_question_that_is_open_for_two_looks_is_given_up_once(asked: Asked) -> None:
    asked.ask()
    asked.clock.advance(LOOK_MS)
    assert (asked.given_up, len(asked.open)) == (0, 1)
    asked.clock.advance(LOOK_MS)
    assert (asked.given_up, len(asked.open)) == (1, 0)
    asked.clock.advance(10 * LOOK_MS)
    assert (asked.given_up, asked.clock.timers) == (1, 0)


def test_questions_that_are_answered_before_the_next_look_give_no_client_up(asked: Asked) -> None:
    for _ in range(10):
        question = asked.ask()
        asked.clock.advance(LOOK_MS)
        question.set_result(None)
    assert (asked.given_up, len(asked.open)) == (0, 0)


def test_the_questions_to_the_next_client_are_watched_anew(asked: Asked) -> None:
    for times in (1, 2, 3):
        asked.ask()
        asked.clock.advance(2 * LOOK_MS)
        assert asked.given_up == times
