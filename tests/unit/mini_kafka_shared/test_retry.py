"""Waiting for the broker: longer each time, until a deadline, and never for what was refused."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mini_kafka_shared.client import BrokerUnavailable, NotRegistered, Overloaded, Refused
from mini_kafka_shared.retry import GRACE_S, SHORTEST_WAIT_S, GraceOver, Stopped, end_on_signals, keep_trying


class Waiting:
    """A clock that moves only when somebody sleeps, and remembers for how long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Broker:
    """Raises what it is given, one error a call, and answers after the last."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def away(times: int) -> list[Exception]:
    return [BrokerUnavailable("connection refused") for _ in range(times)]


def wait_for(broker: Broker, waiting: Waiting, *, deadline_s: float = 60.0, stop: threading.Event | None = None) -> str:
    return keep_trying(
        broker,
        deadline_s=deadline_s,
        stop=stop or threading.Event(),
        sleep=waiting.sleep,
        clock=lambda: waiting.now,
    )


def test_a_broker_that_answers_is_asked_once() -> None:
    broker, waiting = Broker(), Waiting()

    assert wait_for(broker, waiting) == "answer"
    assert (broker.calls, waiting.slept) == (1, [])


def test_a_broker_that_is_away_is_asked_until_it_answers() -> None:
    broker, waiting = Broker(*away(5)), Waiting()

    assert wait_for(broker, waiting) == "answer"
    assert broker.calls == 6


def test_the_waits_grow_exponentially_to_a_limit() -> None:
    waiting = Waiting()

    wait_for(Broker(*away(8)), waiting)

    for seconds, base in zip(waiting.slept, [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0], strict=True):
        assert base <= seconds <= min(base + 0.2, 5.0)


def test_two_services_do_not_wait_in_step() -> None:
    waits = []
    for _ in range(20):
        waiting = Waiting()
        wait_for(Broker(*away(1)), waiting)
        waits += waiting.slept

    assert len(set(waits)) > 1


def test_a_broker_that_stays_away_is_given_up_at_the_deadline_and_not_later() -> None:
    broker, waiting = Broker(*away(1000)), Waiting()

    with pytest.raises(BrokerUnavailable, match="connection refused"):
        wait_for(broker, waiting, deadline_s=20)

    assert waiting.now == 1000 + 20
    assert broker.calls == len(waiting.slept) + 1


def test_an_overloaded_broker_is_asked_again_after_retry_after() -> None:
    waiting = Waiting()

    assert wait_for(Broker(Overloaded("full", 7.0), Overloaded("full", 3.0)), waiting) == "answer"
    assert waiting.slept == [7.0, 3.0]


def test_an_overloaded_broker_that_names_no_wait_is_not_hurried() -> None:
    waiting = Waiting()

    assert wait_for(Broker(Overloaded("full", 0.0)), waiting) == "answer"
    assert waiting.slept == [SHORTEST_WAIT_S]


def test_a_broker_that_stays_overloaded_is_given_up_at_the_deadline() -> None:
    waiting = Waiting()

    with pytest.raises(Overloaded):
        wait_for(Broker(*[Overloaded("full", 7.0) for _ in range(10)]), waiting, deadline_s=10)

    assert waiting.slept == [7.0, 3.0]


@pytest.mark.parametrize("refusal", [Refused(422, "", "no"), NotRegistered(404, "", "no"), ValueError("a bug")])
def test_a_refusal_is_not_asked_again(refusal: Exception) -> None:
    broker, waiting = Broker(refusal), Waiting()

    with pytest.raises(type(refusal)):
        wait_for(broker, waiting)

    assert (broker.calls, waiting.slept) == (1, [])


def test_each_try_is_one_log_line_and_the_answer_another(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    wait_for(Broker(*away(3)), Waiting())

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    assert all(line.startswith(f"connection refused; try {n}, next in ") for n, line in enumerate(lines[:3], 1))
    assert lines[3] == "the broker answers"


def test_a_call_that_succeeds_at_once_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    wait_for(Broker(), Waiting())

    assert caplog.records == []


def test_a_stop_during_a_wait_ends_it_without_another_try() -> None:
    stop, broker, waiting = threading.Event(), Broker(*away(1000)), Waiting()

    def sleep(seconds: float) -> None:
        waiting.sleep(seconds)
        if broker.calls == 3:
            stop.set()

    with pytest.raises(Stopped):
        keep_trying(broker, deadline_s=60, stop=stop, sleep=sleep, clock=lambda: waiting.now)

    assert broker.calls == 3


def test_the_default_wait_is_on_the_stop_event() -> None:
    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout
            self.set()
            return True

    broker = Broker(*away(1000))

    with pytest.raises(Stopped):
        keep_trying(broker, deadline_s=60, stop=Stop())

    assert broker.calls == 1


@pytest.fixture
def restored_signals() -> Iterator[None]:
    numbers = signal.SIGTERM, signal.SIGINT, signal.SIGALRM
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("restored_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_stop(number: signal.Signals) -> None:
    stop = threading.Event()

    with end_on_signals(stop):
        os.kill(os.getpid(), number)
        assert stop.wait(10)


@pytest.mark.usefixtures("restored_signals")
def test_what_blocks_after_a_signal_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mini_kafka_shared.retry.GRACE_S", 0.01)
    monkeypatch.setattr("mini_kafka_shared.retry._LAST_WORDS_S", 0.0)
    cut_short = False

    with end_on_signals(threading.Event()):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            threading.Event().wait(10)  # stands for a call to a broker that hangs
        except GraceOver:
            cut_short = True

    assert cut_short


@pytest.mark.usefixtures("restored_signals")
def test_after_the_context_nothing_is_cut_short() -> None:
    stop = threading.Event()

    with end_on_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.usefixtures("restored_signals")
def test_after_a_signal_a_poll_may_end_and_the_program_ends_within_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    armed: list[tuple[float, ...]] = []
    monkeypatch.setattr("mini_kafka_shared.retry.signal.setitimer", lambda _which, *times: armed.append(times))
    stop = threading.Event()

    with end_on_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)

    [(grace_s, last_words_s), disarmed] = armed
    assert grace_s == GRACE_S
    assert grace_s > 1.0, "a poll's slice"
    assert grace_s + last_words_s < 2.0
    assert disarmed == (0,)


STUCK = """
import os, signal, threading
from mini_kafka_shared import retry
retry.GRACE_S, retry._LAST_WORDS_S = 0.05, 0.05
with retry.end_on_signals(threading.Event()):
    os.kill(os.getpid(), signal.SIGTERM)
    while True:
        try:
            threading.Event().wait()
        except retry.GraceOver:
            print("cut short", flush=True)
"""


def test_a_program_that_does_not_even_end_when_it_is_cut_short_is_ended_with_1() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stdout, done.stderr) == (1, "cut short\n", "")


def test_grace_over_passes_through_an_except_exception() -> None:
    assert not issubclass(GraceOver, Exception)
