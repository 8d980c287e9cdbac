"""The frame of a consumer's run: one turn after the other, until a limit, a signal or trouble; then the last words.

What a turn is, two rooms know: `registered_consumer` asks with `/consume`, and `group_member` shares records with the
members of its group.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from mini_kafka_consumer.handler import handle
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_shared.client import BrokerClient, BrokerUnavailable, Overloaded, Refused
from mini_kafka_shared.logging_setup import reason_of, say
from mini_kafka_shared.retry import GraceOver, Stopped, keep_trying
from mini_kafka_shared.schemas import Message

LONGEST_POLL_S = 1.0
"""One poll's longest wait: a poll that waits at the broker is not interrupted, and a signal has 2 s."""

LAST_CALL_S = 0.15
"""How long a call may take once the time after a signal is over: short enough for two before the process is ended."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Runner(ABC):
    """One run of the consumer.

    Args:
        client: the way to the broker.
        settings: what to do.
        stop: set by whoever wants the run to end.
        say: takes each line for people.
        write: takes each message as a line of JSON, if anybody wants it.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        client: BrokerClient,
        settings: ConsumerSettings,
        stop: threading.Event,
        *,
        say: Callable[[str], None] = say,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._settings, self._stop = client, settings, stop
        self._say, self._write, self._clock = say, write, clock
        self._name = settings.consumer_id or ""
        self._longest_poll_s = min(settings.poll_interval, LONGEST_POLL_S)
        self._handled = self._failed = 0
        self._trouble: str | None = None
        self._last_news_at = clock()

    @abstractmethod
    def _join(self) -> None:
        """Make the consumer known to the broker."""

    @abstractmethod
    def _turn(self, wait_s: float) -> bool:
        """Ask for messages, for so long, and handle what comes; tell whether anything came."""

    @abstractmethod
    def _leave(self) -> None:
        """Give back what is not handled, whatever ended the run."""

    def run(self) -> int:
        """Consume until a limit or a signal ends it, and return the exit code."""
        try:
            self._with_patience(self._join)
            self._consume_all()
        except Stopped:
            pass
        except GraceOver:
            self._client.hurry(LAST_CALL_S)
        except (BrokerUnavailable, Overloaded) as error:
            self._trouble = f"{error}; gave up after {self._settings.broker_wait:g} s"
        except Refused as error:
            self._trouble = f"the broker refuses this consumer: {error}"
        finally:
            self._leave()
        if self._trouble:
            logger.error("%s", self._trouble)
        logger.info("%s got %s", self._name or "this consumer", self._count())
        return 1 if self._trouble else 0

    def _consume_all(self) -> None:
        while not self._is_over():
            asked_at = self._clock()
            wait_s = self._next_wait_s(asked_at)
            if self._turn(wait_s):
                continue
            if self._is_idle():
                logger.info("no message for %g s", self._settings.exit_on_idle)
                return
            # A broker that answers "nothing" before its time, because it cuts waits or ends, is not hurried.
            self._stop.wait(max(0.0, asked_at + wait_s - self._clock()))

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._trouble is not None or self._left_to_handle() == 0

    def _left_to_handle(self) -> int | None:
        """Count the messages up to `--max-messages`; None where there is no limit."""
        return self._settings.max_messages - self._handled if self._settings.max_messages else None

    def _next_wait_s(self, now: float) -> float:
        if self._settings.exit_on_idle is None:
            return self._longest_poll_s
        return max(0.0, min(self._longest_poll_s, self._last_news_at + self._settings.exit_on_idle - now))

    def _is_idle(self) -> bool:
        limit_s = self._settings.exit_on_idle
        return limit_s is not None and self._clock() - self._last_news_at >= limit_s

    def _heard_something(self) -> None:
        self._last_news_at = self._clock()

    def _joined(self, shared: str = "") -> None:
        self._heard_something()
        logger.info("consuming %s at %s as %s%s", self._settings.topic, self._client.url, self._name, shared)

    def _line_for(self, message: Message, attempt: str, fate: str) -> str | None:
        """Call the handler, and give its line; None where it raises, and a log line that says what becomes of it."""
        try:
            return handle(message)
        except Exception as error:  # whatever it is, this message is not handled, and the next one may be
            self._failed += 1
            name = type(error).__name__
            # The traceback helps whoever writes the handler, and nobody who runs it.
            logger.warning(
                "%s@%d: the handler failed%s, and it is %s: %s",
                *(message.topic, message.offset, attempt, fate, f"{name}: {error}" if str(error) else name),
                exc_info=logger.isEnabledFor(logging.DEBUG),
            )
            return None

    def _is_written(self, message: Message) -> bool:
        """Write a message to the output, if there is one; tell False, and end the run, where that fails."""
        try:
            if self._write:
                self._write(message.model_dump_json())
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{message.topic}@{message.offset}"
            self._trouble = f"{place} cannot be written to {self._settings.output}: {reason_of(error)}"
            return False
        return True

    def _show(self, line: str) -> None:
        self._say(f"{self._name} {line}")

    def _count(self) -> str:
        got = f"{self._handled} {'message' if self._handled == 1 else 'messages'}"
        times = "once" if self._failed == 1 else f"{self._failed} times"
        return f"{got}; the handler failed {times}" if self._failed else got

    def _with_patience(self, operation: Callable[[], T]) -> T:
        return keep_trying(operation, deadline_s=self._settings.broker_wait, stop=self._stop)
