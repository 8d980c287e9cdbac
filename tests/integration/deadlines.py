"""Waiting in tests: for a condition, with a deadline, and never for a time."""

from collections.abc import Callable
from typing import TypeVar

import requests
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = 30) -> T:
    """Ask again and again until the answer is true, and return it; a refused connection counts as no.

    Args:
        condition: what to ask.
        what: the condition in words, for the message of a test that fails.
        seconds: how long to go on asking.

    Raises:
        AssertionError: the answer was never true.
    """
    retrying = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.05),
        retry=retry_if_result(lambda answer: not answer) | retry_if_exception_type(requests.ConnectionError),
    )
    try:
        return retrying(condition)
    except RetryError as error:
        raise AssertionError(f"not within {seconds:g} s: {what}; last: {error.last_attempt}") from None
