"""The producer's work: take a line, or a batch of lines, publish it, say so; wait for the broker when it is away.

Loses nothing that it took from its source: a line is sent, refused with a reason, or named in the last line. What
was published without an answer is published again. A single line, by the guide's /produce, may then be there twice; a
batch carries this run's own id and a number, by which the broker knows it again and appends nothing a second time,
unless it is a gateway to a Kafka cluster, which takes no numbers. Where such a cluster took a part of a batch, only the
lines that it did not take are sent again; they come behind those that it took.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_producer.sources import FOR_EVER, Line, Source
from mini_kafka_shared.client import (
    BrokerClient,
    BrokerUnavailable,
    NotOnCluster,
    NotRegistered,
    Overloaded,
    PartlyAppended,
    Refused,
)
from mini_kafka_shared.logging_setup import OutputLost, one_line, reason_of, say
from mini_kafka_shared.progress import ProgressBar
from mini_kafka_shared.retry import GraceOver, Stopped, keep_trying
from mini_kafka_shared.schemas_v1 import RecordPlace, TextRecord

SHOWN_CHARACTERS = 80
MAX_BATCH_CHARACTERS = 1024 * 1024
"""What the values of a batch may have together, unless one line has more: as JSON, it is at most six times as long,
and the broker takes 8 MiB."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Pace:
    """Keeps a rate: waits before each message but the first, and does not catch up after a long pause."""

    def __init__(self, per_second: float, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._interval_s = min(1 / per_second, threading.TIMEOUT_MAX) if per_second else 0.0
        self._stop, self._clock = stop, clock
        self._next_at = clock()

    @property
    def delay_s(self) -> float:
        """How long it is until the next message is due; no time when the producer is told to end."""
        return 0.0 if self._stop.is_set() else max(0.0, self._next_at - self._clock())

    def wait(self) -> None:
        """Wait until the next message is due, or the producer is told to end."""
        if delay_s := self.delay_s:
            self._stop.wait(delay_s)
        self._next_at = max(self._next_at + self._interval_s, self._clock())


class Runner:
    """One run of the producer.

    Args:
        client: the way to the broker.
        settings: what to do.
        source: where the lines come from.
        stop: set by whoever wants the run to end: what was read is still sent, nothing more is read.
        say: takes each line of the result, for standard output.
        clock: seconds that never go back.
        bar: shows how far the work is, if there is a terminal and anybody knows.
    """

    def __init__(
        self,
        client: BrokerClient,
        settings: ProducerSettings,
        source: Source,
        stop: threading.Event,
        *,
        say: Callable[[str], None] = say,
        clock: Callable[[], float] = time.monotonic,
        bar: ProgressBar | None = None,
    ) -> None:
        self._client, self._settings, self._source, self._stop = client, settings, source, stop
        self._say, self._clock, self._bar = say, clock, bar
        self._producer_id = settings.producer_id
        # Not the producer's id, which other runs and other producers may bear: their numbers begin at 0 too.
        self._run_id = uuid.uuid4().hex
        self._sequence: int | None = 0
        """The next batch's number; None where the broker takes none."""
        self._sent = self._not_sent = 0
        self._trouble: str | None = None

    def run(self) -> int:
        """Publish until the source, the count or a signal ends it, and return the exit code."""
        started = self._clock()
        try:
            self._with_patience(self._register)
            self._publish_all()
        except Stopped:
            pass  # the last line names what is left
        except GraceOver:  # if it is standard output that hangs, there will be no last line
            logger.warning("cut short%s", self._left())
        except (BrokerUnavailable, Overloaded) as error:
            self._trouble = f"{error}; gave up after {self._settings.broker_wait:g} s"
        except Refused as error:
            self._trouble = f"the broker refuses this producer: {error}"
        except (BrokenPipeError, OutputLost):
            if left := self._left():
                logger.warning("standard output takes no more%s", left)
            raise
        finally:
            if self._bar:
                self._bar.hide()
        if self._trouble:
            logger.error("%s", self._trouble)
        self._say(self._summary(self._clock() - started))
        return 1 if self._trouble or self._not_sent else 0

    def _publish_all(self) -> None:
        ready = self._source.ready
        pace = Pace(self._settings.messages_per_second, self._stop, self._clock)
        while not self._reached_count() and self._read():
            if ready[0].fault is None:
                self._send(self._collect(pace))
            else:
                line = ready.popleft()
                self._report_not_sent(line, str(line.fault))
            self._show_progress()

    def _read(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
        """Have lines ready, or tell that there is none any more."""
        try:
            return len(self._source.ready) >= lines or self._source.fill(lines, wait_s)
        except OSError as error:
            self._trouble = f"{self._source.name} cannot be read: {reason_of(error)}"
            return False

    def _collect(self, pace: Pace) -> list[Line]:
        """Choose the ready lines for one request: the first, and those that are due within `--linger-ms` of it."""
        ready = self._source.ready
        pace.wait()
        lines, size = [ready[0]], len(ready[0].value)
        ends_at = self._clock() + self._settings.linger_ms / 1000
        while len(lines) < self._most_at_once():
            left_s = max(0.0, ends_at - self._clock())
            if pace.delay_s > left_s:
                break
            self._read(len(lines) + 1, left_s)
            if len(ready) <= len(lines) or ready[len(lines)].fault is not None:
                break
            size += len(ready[len(lines)].value)
            if size > MAX_BATCH_CHARACTERS:
                break
            pace.wait()
            lines.append(ready[len(lines)])
        return lines

    def _most_at_once(self) -> int:
        left = self._settings.count - self._sent if self._settings.count else self._settings.batch
        return min(self._settings.batch, left)

    def _send(self, lines: Sequence[Line]) -> None:
        """Publish the first ready lines, and only then take them from the source.

        A batch that is refused is halved until the line to blame is alone.
        """
        offsets: dict[int, int] = {}
        refusal = None
        try:
            self._with_patience(partial(self._publish, lines, offsets))
        except Refused as refused:
            refusal = refused
        finally:  # also where the rest of a batch that was taken in part is given up
            self._take(lines, offsets)
        left = [line for line in lines if line.number not in offsets]
        if len(left) > 1:
            middle = len(left) // 2
            self._send(left[:middle])
            self._send(left[middle:])
        elif left:
            self._report_not_sent(self._source.ready.popleft(), str(refusal))

    def _take(self, lines: Sequence[Line], offsets: Mapping[int, int]) -> None:
        """Take the lines that were sent from the source, whose first ones they are, and say so."""
        ready = self._source.ready
        for _ in lines:
            ready.popleft()
        ready.extendleft(reversed([line for line in lines if line.number not in offsets]))
        self._sent += len(offsets)
        for line in lines:
            if line.number in offsets:
                key = self._key(line)
                shown_key = f"  key={one_line(key, SHOWN_CHARACTERS)}" if key is not None else ""
                place = f"{self._settings.topic}@{offsets[line.number]}"
                self._say(f"sent  {place}{shown_key}  {one_line(line.value, SHOWN_CHARACTERS)}")

    def _publish(self, lines: Sequence[Line], offsets: dict[int, int]) -> None:
        try:
            self._append(lines, offsets)
        except NotRegistered:
            logger.warning("the broker forgot topic %s: registering again", self._settings.topic)
            self._register()
            self._append(lines, offsets)

    def _append(self, lines: Sequence[Line], offsets: dict[int, int]) -> None:
        """Ask the broker once to append the lines that have no offset yet, and note those of the lines that it took."""
        left = [line for line in lines if line.number not in offsets]
        if self._settings.batch == 1:
            for line in left:
                offsets[line.number] = self._client.publish(self._settings.topic, line.value, self._key(line)).offset
            return
        places: Sequence[RecordPlace | None] = ()
        try:
            places = self._produce([TextRecord(value=line.value, key=self._key(line)) for line in left])
        except PartlyAppended as partly:
            places = partly.places
            raise
        finally:
            pairs = zip(left, places, strict=False)  # none where there was no answer
            offsets.update({line.number: place.offset for line, place in pairs if place is not None})

    def _produce(self, records: Sequence[TextRecord]) -> list[RecordPlace]:
        """Ask the broker once to append a batch, with its number where the broker takes one."""
        produce = partial(self._client.produce, self._settings.topic, records, producer_id=self._run_id)
        try:
            places = produce(sequence=self._sequence)
        except NotOnCluster:
            logger.warning("the broker is a gateway to a Kafka cluster: a batch sent again may be there twice")
            self._sequence = None
            places = produce(sequence=None)
        if self._sequence is not None:
            self._sequence += 1
        return places

    def _key(self, line: Line) -> str | None:
        return self._settings.key and self._settings.key.replace("{n}", str(line.number))

    def _show_progress(self) -> None:
        if self._bar is None:
            return
        done, whole = self._sent, self._settings.count
        if not whole:
            done, whole = self._source.position, self._source.size or 0
        if whole:
            self._bar.show(min(done / whole, 1.0), f"{self._sent} sent")

    def _register(self) -> None:
        self._client.register_topic(self._settings.topic)
        answer = self._client.register_producer(self._settings.topic, self._producer_id)
        self._producer_id = answer.producer_id
        logger.info("producing to %s at %s as %s", self._settings.topic, self._client.url, self._producer_id)

    def _with_patience(self, operation: Callable[[], T]) -> T:
        """Wait for the broker while there is time; on the way out, try once."""
        if not self._stop.is_set():
            return keep_trying(operation, deadline_s=self._settings.broker_wait, stop=self._stop)
        try:
            return operation()
        except (BrokerUnavailable, Overloaded) as error:
            raise Stopped(str(error)) from error

    def _reached_count(self) -> bool:
        return 0 < self._settings.count <= self._sent

    def _report_not_sent(self, line: Line, reason: str) -> None:
        self._not_sent += 1
        logger.error("line %d of %s is not sent: %s", line.number, self._source.name, reason)

    def _summary(self, seconds: float) -> str:
        total = f"sent {self._sent} {'message' if self._sent == 1 else 'messages'} to {self._settings.topic}"
        bad = f"; {self._not_sent} could not be sent" if self._not_sent else ""
        return f"{total} in {seconds:.1f} s{bad}{self._left()}"

    def _left(self) -> str:
        """Name what was read and not sent, unless nobody wanted it: the count was reached."""
        if self._reached_count():
            return ""
        names = [f"line {line.number} ({one_line(line.value, SHOWN_CHARACTERS)!r})" for line in self._source.ready]
        if len(names) > 2:
            names = [f"{len(names)} lines from {names[0]} to {names[-1]}"]
        if rest := self._source.unfinished:
            shown = one_line(rest.decode(errors="backslashreplace"), SHOWN_CHARACTERS)
            names.append(f"an unfinished line ({shown!r})")
        return f"; read and not sent: {' and '.join(names)}" if names else ""
