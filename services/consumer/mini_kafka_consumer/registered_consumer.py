"""A consumer of its own, without a group: registers, and asks with `/consume` for one message after the other.

The broker moves a consumer's offset when it answers, so a message that arrived is handled before anything else, a
signal included.
"""

import logging
from functools import partial

from mini_kafka_consumer.runner import Runner
from mini_kafka_shared.client import NotRegistered
from mini_kafka_shared.schemas import Message

logger = logging.getLogger(__name__)


class RegisteredConsumer(Runner):
    """Gets every message of its topic, at most once."""

    def _join(self) -> None:
        answer = self._client.register_consumer(self._settings.topic, self._name or None)
        self._name = answer.consumer_id
        self._joined()

    def _turn(self, wait_s: float) -> bool:
        message = self._with_patience(partial(self._consume, round(wait_s * 1000)))
        if message is not None:
            self._hand_on(message)
        return message is not None

    def _leave(self) -> None:
        """Give nothing back: the offset has moved on."""

    def _consume(self, wait_ms: int) -> Message | None:
        try:
            return self._client.consume(self._name, wait_ms)
        except NotRegistered:
            logger.warning("the broker forgot consumer %s: registering again", self._name)
            self._join()
            return self._client.consume(self._name, wait_ms)

    def _hand_on(self, message: Message) -> None:
        """Write a message, handle and show it, also where one of these fails: the broker gives it only once."""
        self._handled += 1
        self._heard_something()
        self._is_written(message)
        line = self._line_for(message, "", "lost")
        if line is not None:
            self._show(line)
        if message.topic != self._settings.topic:
            self._trouble = (
                f"{self._name} reads topic {message.topic} now, because another consumer registered this name "
                f"for it: give a consumer of {self._settings.topic} another --consumer-id"
            )
