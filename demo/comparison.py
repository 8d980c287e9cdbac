"""Whether what arrived is what was sent: every line, in order, once. Knows no process and prints nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from pydantic import ValidationError

from mini_kafka_shared.logging_setup import one_line
from mini_kafka_shared.schemas import Message

KEY_PREFIX = "line-"
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one consumer got of the file's `lines`, and the first `difference`, if there is one."""

    lines: int
    messages: int
    difference: str | None


class _End:
    """What stands in the place of a line or a message when there is none left."""


_END = _End()


def read_lines(path: Path) -> Iterator[str | None]:
    r"""Read a file's lines without their `\n` or `\r\n`; None is a line that is not UTF-8."""
    with path.open("rb") as file:
        for raw in file:
            line = raw.removesuffix(b"\n").removesuffix(b"\r") if raw.endswith(b"\n") else raw
            try:
                yield line.decode()
            except UnicodeDecodeError:
                yield None


def read_messages(path: Path) -> Iterator[Message]:
    """Read what a consumer wrote; the half line of one that was killed is no message."""
    with path.open("rb") as file:
        for raw in file:
            try:
                yield Message.model_validate_json(raw)
            except ValidationError:
                return


def compare(lines: Iterable[str | None], messages: Iterable[Message]) -> Verdict:
    """Compare a file's lines with the messages of one consumer, both read once and never held."""
    line_count = message_count = 0
    difference: str | None = None
    for number, (line, message) in enumerate(zip_longest(lines, messages, fillvalue=_END), start=1):
        line_count += not isinstance(line, _End)
        message_count += not isinstance(message, _End)
        difference = difference or _difference(number, line, message)
    return Verdict(line_count, message_count, difference)


def _difference(number: int, line: str | _End | None, message: Message | _End) -> str | None:
    """Say how the message at the place of line `number` is not that line; None if it is."""
    if line is None:
        return f"line {number} is not UTF-8 and was not sent"
    if isinstance(message, _End):
        return f"line {number}, {_shown(line)}, did not arrive"
    place = f"{message.topic}@{message.offset}"
    if message.key != f"{KEY_PREFIX}{number}":
        other = (message.key or "").removeprefix(KEY_PREFIX)
        if not other.isdigit():
            return f"{place} with key {message.key!r} is none of the file's lines"
        if int(other) < number:
            return f"line {other} arrived again, as {place}"
        return f"line {number}, {_shown(line)}, did not arrive in its place: line {other} did, as {place}"
    if message.value != line:
        return f"line {number}, {_shown(line)}, arrived as {_shown(message.value)}"
    if message.offset != number - 1:
        return f"line {number}, {_shown(line)}, arrived at offset {message.offset}, not {number - 1}"
    return None


def _shown(text: str | _End) -> str:
    return f"“{one_line(text, SHOWN_CHARACTERS)}”" if isinstance(text, str) else "the end of the file"
