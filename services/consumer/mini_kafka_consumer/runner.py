"""The consumer's work: register, ask for the next message, hand it on; wait for the broker when it is away.

The broker moves a consumer's offset when it answers, so a message that arrived is handled before anything else,
a signal included. The copies of a group register under the group's name: to the broker they are one consumer
that asks from several places, and no two of them get the same message.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from mini_kafka_consumer.handler import handle
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_shared.client import BrokerClient, BrokerUnavailable, NotRegistered, Overloaded, Refused
from mini_kafka_shared.logging_setup import reason_of, say
from mini_kafka_shared.retry import GraceOver, Stopped, keep_trying
from mini_kafka_shared.schemas import Message

LONGEST_POLL_S = 1.0
"""One poll's longest wait: a poll that waits at the broker is not interrupted, and a signal has 2 s."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Runner:
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
        self._registered_id = settings.group or settings.consumer_id or ""
        self._name = settings.consumer_id or (f"consumer-{uuid.uuid4().hex[:4]}" if settings.group else "")
        self._handled = 0
        self._trouble: str | None = None
        self._last_news_at = clock()

    def run(self) -> int:
        """Consume until a limit or a signal ends it, and return the exit code."""
        try:
            self._with_patience(self._register)
            self._consume_all()
        except (Stopped, GraceOver):
            pass
        except (BrokerUnavailable, Overloaded) as error:
            self._trouble = f"{error}; gave up after {self._settings.broker_wait:g} s"
        except Refused as error:
            self._trouble = f"the broker refuses this consumer: {error}"
        if self._trouble:
            logger.error("%s", self._trouble)
        messages = "message" if self._handled == 1 else "messages"
        logger.info("%s got %d %s", self._name or "this consumer", self._handled, messages)
        return 1 if self._trouble else 0

    def _consume_all(self) -> None:
        while not (self._stop.is_set() or self._trouble or self._reached_maximum()):
            asked_at = self._clock()
            wait_s = self._next_wait_s(asked_at)
            message = self._with_patience(partial(self._consume, round(wait_s * 1000)))
            if message is not None:
                self._hand_on(message)
            elif self._is_idle():
                logger.info("no message for %g s", self._settings.exit_on_idle)
                return
            else:
                # A broker that answers "nothing" before its time, because it cuts waits or ends, is not hurried.
                self._stop.wait(max(0.0, asked_at + wait_s - self._clock()))

    def _next_wait_s(self, now: float) -> float:
        wait_s = min(self._settings.poll_interval, LONGEST_POLL_S)
        if self._settings.exit_on_idle is None:
            return wait_s
        return max(0.0, min(wait_s, self._last_news_at + self._settings.exit_on_idle - now))

    def _consume(self, wait_ms: int) -> Message | None:
        try:
            return self._client.consume(self._registered_id, wait_ms)
        except NotRegistered:
            logger.warning("the broker forgot consumer %s: registering again", self._registered_id)
            self._register()
            return self._client.consume(self._registered_id, wait_ms)

    def _hand_on(self, message: Message) -> None:
        self._handled += 1
        self._last_news_at = self._clock()
        try:
            if self._write:
                self._write(message.model_dump_json())
        except BrokenPipeError:
            raise
        except OSError as error:  # the line for people still shows the message, which the broker gives only once
            place = f"{message.topic}@{message.offset}"
            self._trouble = f"{place} cannot be written to {self._settings.output}: {reason_of(error)}"
        self._say(f"{self._name} {handle(message)}")
        if message.topic != self._settings.topic:  # it is shown all the same: the broker gives it only once
            self._trouble = (
                f"{self._registered_id} reads topic {message.topic} now, because another consumer registered this name "
                f"for it: give a consumer of {self._settings.topic} another {self._naming_flag()}"
            )

    def _naming_flag(self) -> str:
        return "--group" if self._settings.group else "--consumer-id"

    def _register(self) -> None:
        answer = self._client.register_consumer(self._settings.topic, self._registered_id or None)
        self._registered_id = answer.consumer_id
        self._name = self._name or answer.consumer_id
        self._last_news_at = self._clock()
        shared = f" of group {self._settings.group}" if self._settings.group else ""
        logger.info("consuming %s at %s as %s%s", self._settings.topic, self._client.url, self._name, shared)

    def _with_patience(self, operation: Callable[[], T]) -> T:
        return keep_trying(operation, deadline_s=self._settings.broker_wait, stop=self._stop)

    def _reached_maximum(self) -> bool:
        return 0 < self._settings.max_messages <= self._handled

    def _is_idle(self) -> bool:
        limit_s = self._settings.exit_on_idle
        return limit_s is not None and self._clock() - self._last_news_at >= limit_s
