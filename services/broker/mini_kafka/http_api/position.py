"""Where a reader wants to begin: a word, an offset, a number from the end, a duration, a time, or a token.

Translates `from=` into an offset for each partition, which the engine looks up where it has to. A token of another
life of the log, or of a topic that was deleted and made again, is refused: its offsets would be other records.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from mini_kafka.core.errors import UnknownPartition
from mini_kafka.engine.port import LATEST, Caller, Engine, TopicDescription
from mini_kafka.http_api.error_table import INVALID_REQUEST, OFFSET_NOT_AVAILABLE, TOKEN_OF_ANOTHER_LOG
from mini_kafka.http_api.errors import RequestRefused
from mini_kafka.http_api.resume_token import PREFIX, parse

MAX_NUMBER = 2**63 - 1

_NUMBER = re.compile(r"-?[0-9]{1,19}")
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
TIMES = "earliest, latest, an ISO time, 10m for ten minutes ago, or milliseconds since 1970"
FORMS = "earliest, latest, an offset, -10 for the last ten, 10m for ten minutes ago, an ISO time, or a token"


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin in each partition (at the log start where nothing is said), and the one partition to read."""

    positions: dict[int, int]
    partition: int | None


async def start_of(engine: Engine, caller: Caller, topic: TopicDescription, text: str, partition: int | None) -> Start:
    """Find out where `from=` is.

    Raises:
        RequestRefused: 422 for what is none of the forms, 410 for a token of another log, 404 for an offset to come.
        UnknownPartition: the topic has no such partition.
    """
    start = await _start_of(engine, caller, topic, text, partition)
    if start.partition is not None and start.partition >= len(topic.partitions):
        raise UnknownPartition(topic.name, start.partition, len(topic.partitions))
    return start


async def _start_of(engine: Engine, caller: Caller, topic: TopicDescription, text: str, partition: int | None) -> Start:
    if text.startswith(PREFIX):
        start, topic_id = of_token(engine.epoch, text, partition)
        if topic_id != topic.topic_id:
            raise another_log()
        return start
    if text == "earliest":
        return Start({}, partition)
    if _NUMBER.fullmatch(text):
        number = int(text)
        return _from_the_end(topic, number, partition) if text[0] == "-" else at_offset(topic, number, partition)
    at = LATEST if text == "latest" else time_of(text, engine.now_ms(), forms=FORMS)
    offsets = await engine.offsets_at(caller, topic.name, at)
    return Start(dict(enumerate(offsets)), partition)


def time_of(text: str, now_ms: int, *, forms: str = TIMES) -> int:
    """Read a time: ISO 8601 (UTC unless it says otherwise), milliseconds since 1970, or how long ago.

    Raises:
        RequestRefused: 422, it is none of these.
    """
    duration = _DURATION.fullmatch(text)
    if duration:
        return max(0, now_ms - int(duration[1]) * _UNIT_MS[duration[2]])
    if _NUMBER.fullmatch(text) and 0 <= int(text) <= MAX_NUMBER:
        return int(text)
    try:
        # A plus sign that was not percent-encoded is a space by the time that it comes here.
        time = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text))
    except ValueError:
        raise RequestRefused(INVALID_REQUEST, f"{text[:80]!r} is no place in a topic: give {forms}") from None
    since_1970 = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    return max(0, since_1970 // timedelta(milliseconds=1))  # exact, as a float's seconds are not


def at_offset(topic: TopicDescription, offset: int, partition: int | None) -> Start:
    """Begin at an offset of one partition.

    Raises:
        RequestRefused: 422 where it is not clear which partition is meant, 404 for an offset to come.
    """
    if partition is None:
        if len(topic.partitions) > 1:
            raise RequestRefused(
                INVALID_REQUEST,
                f"from={offset} is an offset, and topic {topic.name!r} has {len(topic.partitions)} partitions:"
                " say which with partition=",
            )
        number = 0
    else:
        number = partition
    if 0 <= number < len(topic.partitions) and offset > topic.partitions[number].high_watermark:
        raise RequestRefused(
            OFFSET_NOT_AVAILABLE,
            f"offset {offset} of partition {number} is not there yet: the next record gets"
            f" {topic.partitions[number].high_watermark}",
        )
    return Start({number: offset}, partition)


def _from_the_end(topic: TopicDescription, number: int, partition: int | None) -> Start:
    positions = {
        bounds.partition: max(bounds.log_start_offset, bounds.high_watermark + number) for bounds in topic.partitions
    }
    return Start(positions, partition)


def of_token(epoch: str, text: str, partition: int | None) -> tuple[Start, UUID]:
    """Go on where a token says, in the topic of this id.

    Raises:
        RequestRefused: 422 for what is no token, or for another partition than it has; 410 for one of another log.
    """
    token = parse(text)
    if token.epoch != epoch:
        raise another_log("the broker was started again")
    if token.partition is not None and partition not in {None, token.partition}:
        raise RequestRefused(
            INVALID_REQUEST,
            f"this token goes on in partition {token.partition}, and partition={partition} was asked for: leave it out",
        )
    return Start(dict(token.positions), token.partition if partition is None else partition), token.topic_id


def another_log(what: str = "the topic was deleted and made again") -> RequestRefused:
    """Make the refusal of a token of another log."""
    return RequestRefused(
        TOKEN_OF_ANOTHER_LOG,
        f"this token belongs to another log: {what} since; begin anew with from=earliest or from=latest",
    )
