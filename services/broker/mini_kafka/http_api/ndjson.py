"""Lines of JSON as they arrive: each checked and appended on its own, however many there are.

A line that is wrong does not stop the others. Lines that came together are appended together; no more of the
body is kept than one line. What becomes of each line is told to whoever wants to know, in the order of the lines.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from starlette.types import Receive

from mini_kafka.core.errors import BrokerError, InvalidRecord, InvalidTimestamp, RecordTooLarge
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Appended
from mini_kafka.http_api.aside import INLINE_BODY_BYTES, aside
from mini_kafka.http_api.call import Call, ClientGone
from mini_kafka.http_api.record_input import InvalidInput, from_line

LINES_AT_ONCE = 500
"""Lines that are appended together: enough to be fast, few enough that others get their turn."""
SHOWN_ERRORS = 100
"""How many lines that were refused the summary names."""


@dataclass(frozen=True, slots=True)
class LineDone:
    """What became of a line, counted from 1: its record's place, or why there is none."""

    line: int
    place: Appended | None = None
    reason: str = ""


@dataclass(slots=True)
class Extent:
    """What was appended to one partition."""

    first_offset: int
    last_offset: int
    count: int = 0


@dataclass(slots=True)
class Summary:
    """What became of all lines."""

    appended: int = 0
    refused: int = 0
    partitions: dict[int, Extent] = field(default_factory=dict)
    errors: list[LineDone] = field(default_factory=list)

    def add(self, done: LineDone) -> None:
        """Count a line."""
        if done.place is None:
            self.refused += 1
            if len(self.errors) < SHOWN_ERRORS:
                self.errors.append(done)
            return
        self.appended += 1
        partition, offset, _ = done.place
        extent = self.partitions.setdefault(partition, Extent(offset, offset))
        extent.last_offset = offset
        extent.count += 1


class Interrupted(Exception):
    """The broker took no more: the cause is why, `line` is the first line that it did not take."""

    def __init__(self, line: int, refused: Sequence[LineDone]) -> None:
        super().__init__(line)
        self.line = line
        self.refused = refused


async def append_lines(call: Call, topic: str, ended: Callable[[], Exception | None]) -> AsyncIterator[LineDone]:
    """Append the lines of a body as they come, and tell what became of each; `ended` says why no more is waited for.

    Raises:
        Interrupted: the broker refuses or awaits no more (its cause says why); what was told before is appended.
        ClientGone: the connection ended before the body did; what was told before is appended.
    """
    async for batch in _batches(call.receive, call.bounds.limits.body_bytes, ended):
        try:
            finished = await _append(call, topic, batch)
        except Interrupted as interrupted:
            for done in interrupted.refused:
                yield done
            raise
        for done in finished:
            yield done


async def _append(call: Call, topic: str, batch: Sequence[tuple[int, bytes | None]]) -> list[LineDone]:
    done: dict[int, LineDone] = {}
    good: list[tuple[int, NewRecord]] = []
    for line, text in batch:
        if text is None:
            limit = call.bounds.limits.body_bytes
            done[line] = LineDone(line, reason=f"the line is over {limit} bytes (MINI_KAFKA_MAX_BODY_BYTES)")
            continue
        try:
            good.append((line, await aside(len(text) > INLINE_BODY_BYTES, from_line, text)))
        except InvalidInput as error:
            done[line] = LineDone(line, reason=f"the line {error}")
    while good:
        try:
            places = await call.engine.produce(call.caller, topic, [record for _, record in good], create=True)
        except (InvalidRecord, InvalidTimestamp, RecordTooLarge) as error:
            line, _ = good.pop(error.index)  # the others may be good all the same
            done[line] = LineDone(line, reason=_of_a_line(error))
        except BrokerError as error:
            first = good[0][0]
            raise Interrupted(first, [done[line] for line in sorted(done) if line < first]) from error
        else:
            done |= {line: LineDone(line, place) for (line, _), place in zip(good, places, strict=True)}
            break
    return [done[line] for line, _ in batch]


def _of_a_line(error: InvalidRecord | InvalidTimestamp | RecordTooLarge) -> str:
    """Say it of the line: its index in the batch means nothing to whoever sent it."""
    return f"the record {str(error).removeprefix(f'record {error.index} ')}"


async def _batches(
    receive: Receive, max_line_bytes: int, ended: Callable[[], Exception | None]
) -> AsyncIterator[list[tuple[int, bytes | None]]]:
    """Cut a body into numbered lines, those of each piece together; None stands for a line that is too long."""
    number = 0
    rest = bytearray()
    is_too_long = False
    async for piece in _pieces(receive):
        reason = ended()
        if reason is not None:
            raise Interrupted(number + 1, ()) from reason
        lines: list[tuple[int, bytes | None]] = []
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            rest += piece[start:end]
            number += 1
            if is_too_long or len(rest) > max_line_bytes:
                lines.append((number, None))
            elif rest.strip():
                lines.append((number, bytes(rest)))
            rest.clear()
            is_too_long = False
            start = end + 1
            if len(lines) >= LINES_AT_ONCE:
                yield lines
                lines = []
        rest += piece[start:]
        if len(rest) > max_line_bytes:
            is_too_long = True
            rest.clear()
        if lines:
            yield lines
    if is_too_long or rest.strip():
        yield [(number + 1, None if is_too_long else bytes(rest))]


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
