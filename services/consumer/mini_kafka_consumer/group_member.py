"""A member of a group: acquires records, handles them, and acknowledges each, so that none is lost with it.

The members share the records, whatever the number of partitions. What a member has acquired is locked, and comes to
another one when it is released or its lock runs out; only what is handled is accepted. So every record is handled at
least once: twice where a member dies, or loses its lock, between the two. With `--at-most-once` it is accepted first.

A lock names one acquisition, so an acknowledgement may be repeated: where it was heard the first time, or came too
late, the broker finds the lock expired and does nothing.
"""

import logging
import threading
import time
import uuid
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from mini_kafka_consumer.runner import Runner
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_shared.client import BrokerClient, BrokerClientError
from mini_kafka_shared.logging_setup import say
from mini_kafka_shared.schemas import Message
from mini_kafka_shared.schemas_v1 import AcknowledgeRequest, AcquiredRecord, ReleaseLater

LONGEST_DELAY_MS = 3_600_000
"""The longest wait before a record that failed is tried again: an hour, which is the broker's own limit."""

LONGEST_NAME = 240
"""How much of a `--consumer-id` is in the member's name, which has 249 characters at most."""

ACKNOWLEDGE_EVERY_S = 1.0
"""How long handled records wait for the rest of their batch before they are accepted: what a killed member repeats."""

logger = logging.getLogger(__name__)


def to_message(record: AcquiredRecord) -> Message | None:
    """Make a message of a record as `/consume` does; None for one that the broker itself cannot read."""
    if record.decode_error and record.value is None and record.value_base64 is None:
        return None
    return Message(
        topic=record.topic,
        offset=record.offset,
        value=_text(record.value, record.value_base64) or "",
        key=_text(record.key, record.key_base64),
        partition=record.partition,
    )


def _text(text: str | None, encoded: str | None) -> str | None:
    return text if encoded is None else b64decode(encoded).decode(errors="replace")


def retry_delay_ms(backoff_ms: int, delivery_count: int) -> int:
    """Double the wait with each delivery that failed."""
    return min(backoff_ms << min(delivery_count - 1, 30), LONGEST_DELAY_MS)


class GroupMember(Runner):
    """Shares the records of its topic with the other members of `--group`."""

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
        super().__init__(client, settings, stop, say=say, write=write, clock=clock)
        self._group = settings.group or ""
        # Copies may be given one --consumer-id, and must not release each other's records.
        self._member = f"{(settings.consumer_id or 'consumer')[:LONGEST_NAME]}-{uuid.uuid4().hex[:8]}"
        self._name = settings.consumer_id or self._member
        # Each record is begun with half of its lock's time left, or more: a poll takes a quarter, and handling another.
        self._acknowledge_every_s = min(ACKNOWLEDGE_EVERY_S, settings.lock_ms / 4000)
        self._longest_poll_s = min(self._longest_poll_s, self._acknowledge_every_s)
        self._held: deque[AcquiredRecord] = deque()
        self._most = settings.max_poll_records
        self._accept: list[str] = []
        self._release: list[str | ReleaseLater] = []
        self._reject: list[str] = []
        self._acknowledged_at = 0.0
        self._may_hold_more = False
        """Whether the answer to an acquire was lost, with the locks in it."""

    def _join(self) -> None:
        self._held.extend(self._acquire(0))
        self._joined(f" of group {self._group}")

    def _turn(self, wait_s: float) -> bool:
        if not self._held:
            self._held.extend(self._with_patience(partial(self._acquire, round(wait_s * 1000))))
        if not self._held:
            return False
        self._heard_something()
        self._acknowledged_at = self._clock()
        while self._held and not self._is_over():
            if self._clock() - self._acknowledged_at >= self._acknowledge_every_s:
                self._acknowledge()
            else:
                began_at = self._clock()
                self._take_care_of(self._held[0])
                self._judge_pace(self._clock() - began_at)
        if not self._held:
            self._acknowledge()
        return True

    def _judge_pace(self, took_s: float) -> None:
        """Hold one record at a time after one that may have outlasted its lock, until one does not.

        Those that wait behind it lose their locks too, and each loss is a delivery: after a few of them they would be
        dead letters that nobody has ever handled.
        """
        self._most = 1 if took_s > self._settings.lock_ms / 2000 else self._settings.max_poll_records

    def _acquire(self, wait_ms: int) -> list[AcquiredRecord]:
        if self._may_hold_more:
            self._client.release_member(self._group, self._member)
        left = self._left_to_handle()
        self._may_hold_more = True
        acquired = self._client.acquire(
            self._group,
            self._settings.topic,
            self._member,
            max_records=self._most if left is None else min(self._most, left),
            wait_ms=wait_ms,
            lock_ms=self._settings.lock_ms,
        )
        self._may_hold_more = False
        return acquired

    def _take_care_of(self, record: AcquiredRecord) -> None:
        """Handle the first held record, and note what became of it; it is held until that is known."""
        if self._settings.at_most_once:
            if self._is_accepted(record):
                self._handle(record)
            return
        match self._handle(record):
            case "accept":
                self._accept.append(record.lock)
            case "release":
                delay_ms = retry_delay_ms(self._settings.retry_backoff_ms, record.delivery_count)
                self._release.append(ReleaseLater(lock=record.lock, delay_ms=delay_ms))
            case "reject":
                self._reject.append(record.lock)
            case "keep":  # the run ends, and gives it back
                return
        self._held.popleft()

    def _is_accepted(self, record: AcquiredRecord) -> bool:
        """Accept the first held record before it is handled; tell whether it was still this member's."""
        wish = AcknowledgeRequest(accept=[record.lock])
        answer = self._with_patience(partial(self._client.acknowledge, self._group, wish))
        self._held.popleft()
        if answer.expired:
            logger.warning("%s is passed over: its lock was gone before it could be accepted", _place(record))
        return not answer.expired

    def _handle(self, record: AcquiredRecord) -> Literal["accept", "release", "reject", "keep"]:
        message = to_message(record)
        if message is None:
            logger.error("%s cannot be read, and is given up: %s", _place(record), record.decode_error)
            return "reject"
        fate = "lost (--at-most-once)" if self._settings.at_most_once else "tried again later"
        line = self._line_for(message, f" at delivery {record.delivery_count}", fate)
        if line is None:
            return "release"
        if not self._is_written(message) and not self._settings.at_most_once:
            return "keep"
        self._show(line)
        self._handled += 1
        self._heard_something()
        return "accept"

    def _acknowledge(self) -> None:
        """Say what became of the records, and renew the locks of those that are still to be handled."""
        if not (self._held or self._is_unsaid()):
            return
        wish = self._wish(renew=[record.lock for record in self._held])
        answer = self._with_patience(partial(self._client.acknowledge, self._group, wish))
        self._acknowledged_at = self._clock()
        expired = set(answer.expired)
        self._held = deque(record for record in self._held if record.lock not in expired)
        if late := len(expired.intersection(self._accept)):
            logger.warning(
                "%d of %d handled records had lost their locks, and may come to another consumer: a lock lasts %g s"
                " (--lock-ms), unless the broker is started anew",
                *(late, len(self._accept), self._settings.lock_ms / 1000),
            )
        self._accept, self._release, self._reject = [], [], []

    def _wish(self, *, renew: Sequence[str] = (), release: Sequence[str] = ()) -> AcknowledgeRequest:
        return AcknowledgeRequest(
            accept=self._accept,
            release=[*self._release, *release],
            reject=self._reject,
            renew=list(renew),
            lock_ms=self._settings.lock_ms,
        )

    def _is_unsaid(self) -> bool:
        return bool(self._accept or self._release or self._reject)

    def _leave(self) -> None:
        """Accept what is handled and release the rest, so that nobody has to wait for the locks to run out."""
        held = [record.lock for record in self._held]
        owes = bool(held) or self._is_unsaid()
        try:
            if owes:
                self._client.acknowledge(self._group, self._wish(release=held))
            if self._may_hold_more:
                self._client.release_member(self._group, self._member)
        except BrokerClientError as error:
            logger.log(
                logging.WARNING if owes else logging.DEBUG,
                "what this consumer has acquired may stay locked for %g s: %s",
                *(self._settings.lock_ms / 1000, error),
            )


def _place(record: AcquiredRecord) -> str:
    return f"{record.topic}@{record.offset}"
