"""The time of a listener's call, which all that it asks of an engine shares.

A listener begins a call; its time runs from the first question on, because a body may be long in coming before it.
Whoever begins none, such as a test, has the whole time for each question. How much time that is, an engine decides.
"""

from contextvars import ContextVar


class _Call:
    __slots__ = ("begun_s",)

    def __init__(self) -> None:
        self.begun_s: float | None = None


_call: ContextVar[_Call | None] = ContextVar("call", default=None)


def begin() -> None:
    """Begin a call: what this task asks from now on is part of it. A stream begins one for each of its pieces."""
    _call.set(_Call())


def begun_s(now_s: float) -> float:
    """Say when the first question of the call was asked, in seconds of the loop's clock: now, if this is it."""
    call = _call.get()
    if call is None:
        return now_s
    if call.begun_s is None:
        call.begun_s = now_s
    return call.begun_s
