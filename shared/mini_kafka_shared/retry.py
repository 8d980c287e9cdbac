"""How a service waits for its broker, and how a signal ends that wait and every other.

A broker that is not there yet, went away or is overloaded is asked again until a deadline; a refusal is the
caller's affair and never asked again. Nothing here knows what a call does: a caller that must not do
something twice decides that itself.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, wait_exponential_jitter

from mini_kafka_shared.client import BrokerUnavailable, Overloaded

GRACE_S = 1.3
"""How long after a signal a call may still block: longer than a poll's slice of 1 s, and under the 2 s in which
a service ends."""

SHORTEST_WAIT_S = 0.1
"""However soon an overloaded broker (or what stands in front of it) wants to be asked again."""

_LAST_WORDS_S = 0.4
_BACKOFF = wait_exponential_jitter(multiplier=0.2, max=5.0, jitter=0.2)

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Stopped(Exception):
    """A signal asked the program to end while it waited for the broker."""


class GraceOver(BaseException):
    """A signal asked the program to end, and what it did at the time took longer than `GRACE_S`."""


def keep_trying(
    operation: Callable[[], T],
    *,
    deadline_s: float,
    stop: threading.Event,
    sleep: Callable[[float], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Call `operation` until the broker answers it, and return what it returns.

    Waits exponentially longer, with jitter, or as long as an overloaded broker asks for; one log line a try.

    Args:
        operation: what to call; whatever it did before it raised is done again.
        deadline_s: seconds after which the last error is raised.
        stop: ends the wait when set.
        sleep: how to wait; by default until `stop` is set.
        clock: seconds that never go back.

    Raises:
        BrokerUnavailable, Overloaded: the broker still does not take the call at the deadline.
        Stopped: `stop` was set before the broker answered.
        Refused: at once, as every other error of `operation`.
    """
    ends_at = clock() + deadline_s

    def attempt() -> T:
        if stop.is_set():
            raise Stopped("asked to end before the broker answered")
        return operation()

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        seconds = max(SHORTEST_WAIT_S, error.retry_after_s) if isinstance(error, Overloaded) else _BACKOFF(state)
        return min(seconds, max(0.0, ends_at - clock()))  # the last try is at the deadline, not past it

    retrying = Retrying(
        retry=retry_if_exception_type((BrokerUnavailable, Overloaded)),
        stop=lambda _: clock() >= ends_at,
        wait=wait,
        sleep=sleep or sleep_using_event(stop),
        before_sleep=_log_try,
        reraise=True,
    )
    result = retrying(attempt)
    if retrying.statistics["attempt_number"] > 1:
        logger.info("the broker answers")
    return result


def _log_try(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("%s; try %d, next in %.1f s", error, state.attempt_number, state.upcoming_sleep)


@contextmanager
def end_on_signals(stop: threading.Event) -> Iterator[None]:
    """Make SIGTERM and SIGINT set `stop`, and raise `GraceOver` in what still blocks `GRACE_S` later.

    A program that even then does not leave the context, because nobody reads its output, is ended without
    further words.
    """

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            return
        # Setting it here would deadlock if the signal came while this thread holds the event's lock.
        threading.Thread(target=stop.set, name="stop", daemon=True).start()
        signal.setitimer(signal.ITIMER_REAL, GRACE_S, _LAST_WORDS_S)

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        raise GraceOver

    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    except GraceOver:
        logger.debug("cut short")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
