"""The producer's work: take a line, publish it, say so; wait for the broker when it is away.

Loses nothing that it took from its source: a line is sent, refused with a reason, or named in the last line. A
line whose answer was lost on the way is published again, so a message may appear twice after the broker went
away, and never not at all.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_producer.sources import Line, Source
from mini_kafka_shared.client import BrokerClient, BrokerUnavailable, NotRegistered, Overloaded, Refused
from mini_kafka_shared.logging_setup import OutputLost, one_line, reason_of, say
from mini_kafka_shared.retry import GraceOver, Stopped, keep_trying
from mini_kafka_shared.schemas import Published

SHOWN_CHARACTERS = 80
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Pace:
    """Keeps a rate: waits before each message but the first, and does not catch up after a long pause."""

    def __init__(self, per_second: float, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._interval_s = min(1 / per_second, threading.TIMEOUT_MAX) if per_second else 0.0
        self._stop, self._clock = stop, clock
        self._next_at = clock()

    def wait(self) -> None:
        """Wait until the next message is due, or the producer is told to end."""
        delay_s = self._next_at - self._clock()
        if delay_s > 0:
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
    ) -> None:
        self._client, self._settings, self._source, self._stop = client, settings, source, stop
        self._say, self._clock = say, clock
        self._producer_id = settings.producer_id
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
        if self._trouble:
            logger.error("%s", self._trouble)
        self._say(self._summary(self._clock() - started))
        return 1 if self._trouble or self._not_sent else 0

    def _publish_all(self) -> None:
        pace = Pace(self._settings.messages_per_second, self._stop, self._clock)
        ready = self._source.ready
        while not self._reached_count() and self._read():
            line = ready[0]
            if line.fault is None:
                pace.wait()
                self._publish_one(line)
            else:
                ready.popleft()
                self._report_not_sent(line, line.fault)

    def _read(self) -> bool:
        """Have a line ready, or tell that there is none any more."""
        try:
            return bool(self._source.ready) or self._source.fill()
        except OSError as error:
            self._trouble = f"{self._source.name} cannot be read: {reason_of(error)}"
            return False

    def _publish_one(self, line: Line) -> None:
        """Publish the first ready line, and only then take it from the source."""
        key = self._settings.key and self._settings.key.replace("{n}", str(line.number))
        try:
            published = self._with_patience(partial(self._publish, line.value, key))
        except Refused as refused:
            self._source.ready.popleft()
            self._report_not_sent(line, str(refused))
            return
        self._source.ready.popleft()
        self._sent += 1
        shown_key = f"  key={one_line(key, SHOWN_CHARACTERS)}" if key is not None else ""
        value = one_line(line.value, SHOWN_CHARACTERS)
        self._say(f"sent  {self._settings.topic}@{published.offset}{shown_key}  {value}")

    def _publish(self, value: str, key: str | None) -> Published:
        try:
            return self._client.publish(self._settings.topic, value, key)
        except NotRegistered:
            logger.warning("the broker forgot topic %s: registering again", self._settings.topic)
            self._register()
            return self._client.publish(self._settings.topic, value, key)

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
