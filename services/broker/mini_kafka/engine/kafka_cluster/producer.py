"""One idempotent producer, and the thread that lets its records go and hears what became of them.

A call's records are handed over one by one, and librdkafka would send the first of them at once, alone. So it lingers,
and the thread ends that with a flush when all are there: they go in few requests, and nobody waits for the linger.
Decides nothing about records: `producing` does.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.kafka_cluster.cluster_config import LibrdkafkaConfig
from mini_kafka.engine.kafka_cluster.cluster_errors import AWAY, ENDED_WITH_PRODUCER, FATAL, QUEUE_FULL
from mini_kafka.engine.kafka_cluster.connection import librdkafka_logger

POLL_S = 0.2
"""How long the thread sleeps at most when nothing is sent or delivered: so late it notices that it is to end."""

ASK_AGAIN_S = 0.1

Outcome = tuple[int, int] | KafkaError
"""A record's offset and timestamp, or why it has none."""


class Delivery:
    """The records of one call on their way; `outcomes` are complete when `done` is."""

    __slots__ = ("_arrived", "_total", "done", "outcomes")

    def __init__(self, total: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.outcomes: list[Outcome | None] = [None] * total
        self._total = total
        self._arrived = count(1)  # counts without a lock, whichever thread asks

    def arrive(self, index: int, outcome: Outcome) -> bool:
        """Keep what became of a record, and tell whether it was the last one."""
        self.outcomes[index] = outcome
        return next(self._arrived) == self._total


class RecordProducer:
    """Sends records, and tells when all of a call's have arrived or failed."""

    def __init__(self, config: LibrdkafkaConfig) -> None:
        self._producer = Producer(config | {"error_cb": self._note_error}, logger=librdkafka_logger)
        self.is_dead = False
        """Whether it takes no record any more, for instance because the cluster has forgotten where it was."""
        self._cause: KafkaError | None = None
        """Why it is dead, as far as librdkafka has said."""
        self._loop = asyncio.get_running_loop()
        self._ending = self._retiring = False
        self._handed_over = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="deliveries", daemon=True)
        self._thread.start()

    def send(
        self, delivery: Delivery, topic: str, records: Sequence[NewRecord], places: Sequence[int], now_ms: int
    ) -> None:
        """Hand records over, each for its partition, from any thread; those without a timestamp are of this time."""
        produce = self._producer.produce
        for index, (value, key, headers, timestamp_ms, _) in enumerate(records):
            optional: dict[str, Any] = {"headers": list(headers)} if headers else {}
            try:
                produce(
                    topic,
                    value,
                    key,
                    places[index],
                    partial(self._arrived, delivery, index),
                    timestamp=now_ms if timestamp_ms is None else timestamp_ms,
                    **optional,
                )
            except (KafkaException, BufferError) as error:
                reason = error.args[0] if isinstance(error, KafkaException) else KafkaError(QUEUE_FULL)
                self._note_error(reason)
                if delivery.arrive(index, self._told_of(reason)):
                    self._tell(delivery)
        self._handed_over.set()

    def learn(self, topic: str, timeout_s: float) -> None:
        """Ask the cluster how many partitions a topic has, and block: a record for an unknown one would be refused.

        A connection that has broken is noticed by the question, which is asked again as long as there is time.

        Raises:
            KafkaException: what the cluster answered, or that it did not.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                self._producer.list_topics(topic, timeout=max(until - time.monotonic(), ASK_AGAIN_S))
            except KafkaException as error:
                if error.args[0].code() not in AWAY or time.monotonic() >= until:
                    raise
                time.sleep(ASK_AGAIN_S)
            else:
                return

    def give_up(self) -> None:
        """Let every record that is still on its way fail."""
        self._producer.purge()

    def close(self) -> None:
        """Stop hearing; who still waits was told before, or never is."""
        self._ending = True

    def retire(self, cause: KafkaError | None = None) -> None:
        """Let what is on its way fail, and stop hearing when all who wait were told why: `cause`, or what is known."""
        self._retiring = True
        self._cause = self._cause or cause
        self.give_up()

    def _note_error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == FATAL:
            self.is_dead = True
            if error.code() != FATAL:
                self._cause = error

    def _told_of(self, error: KafkaError) -> KafkaError:
        """Give what is wrong with the producer where a record's own error only says that it ended with it."""
        return self._cause if self._cause is not None and error.code() in ENDED_WITH_PRODUCER else error

    def _hear(self) -> None:
        while not (self._ending or (self._retiring and not len(self._producer))):
            try:
                if self._handed_over.wait(POLL_S):
                    self._handed_over.clear()
                    while len(self._producer) and not self._ending:
                        self._producer.flush(POLL_S)
                self._producer.poll(0)  # errors and log lines
            except KafkaException as error:  # how librdkafka's Python class tells of the producer's own end (2.16)
                self._note_error(error.args[0])
                self.give_up()
                self._handed_over.set()  # what was given up is still to be heard of

    def _arrived(self, delivery: Delivery, index: int, error: KafkaError | None, message: Message) -> None:
        outcome: Outcome
        if error is not None:
            self._note_error(error)
            outcome = self._told_of(error)
        else:
            outcome = message.offset() or 0, message.timestamp()[1]
        if delivery.arrive(index, outcome):
            self._tell(delivery)

    def _tell(self, delivery: Delivery) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_finish, delivery)


def _finish(delivery: Delivery) -> None:
    if not delivery.done.done():
        delivery.done.set_result(None)
