"""Dead letters: what a share group will not deliver again is written to another topic, and then counts as done.

A record arrives there with its value, key and headers and with Kafka's own headers about what befell it (KIP-1191);
its timestamp is that of the writing, so that retention does not take at once what was old. What cannot be written now
(the memory is full, the record is too large with the headers) stays condemned and is tried again: nothing is lost,
only room in flight. A record that is gone or cannot be decoded has nothing to write, and a record of a dead-letter
topic goes to no other one: they are done with a log line.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, NamedTuple

from mini_kafka.core.errors import BrokerError, BrokerStopping, InvalidRecord, RecordTooLarge
from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.core.share_group import L, TopicShare
from mini_kafka.core.share_partition import Condemned, Lock
from mini_kafka.engine.acquiring import LogReader
from mini_kafka.engine.clock import Clock, Timer

logger = logging.getLogger(__name__)

DEAD_LETTER_TOPIC = "{topic}.dlq"
"""The name of a topic's dead-letter topic, unless the broker is told otherwise."""
TOPIC_PLACE = "{topic}"
HEADROOM_BYTES = 16 * 1024
"""How much wider than its source's the batches of a dead-letter topic may be, when it is made here: the headers."""
RETRY_MS = 5_000
"""How soon what could not be written is tried again: retention may have made room, or somebody raised a limit."""
WARNING_EVERY_MS = 60_000
"""How often the log says that dead letters wait."""
RANGES_AT_ONCE = 64
RECORDS_AT_ONCE = 50
"""Records that are read, written and confirmed before others get their turn: a millisecond, unless they are large."""

Write = Callable[[str, str, Sequence[NewRecord]], Awaitable[object]]
"""Appends records to a dead-letter topic, which is made if it is missing; also says which topic they come from."""


class _Letter(NamedTuple):
    lock: Lock
    record: NewRecord


def dead_letter_topic(pattern: str, topic: str) -> str | None:
    """Name the topic that a topic's dead letters go to; None when they go nowhere, or it is such a topic itself."""
    before, place, after = pattern.partition(TOPIC_PLACE)
    if not place:
        return pattern if pattern and topic != pattern else None
    if topic.startswith(before) and topic.endswith(after) and len(topic) > len(before) + len(after):
        return None
    return before + topic + after


class DeadLetters(Generic[L]):
    """Writes condemned records to their dead-letter topics, one share after the other."""

    def __init__(
        self,
        clock: Clock,
        reader: LogReader[L],
        pattern: str,
        write: Write,
        settled: Callable[[TopicShare[L]], None],
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._pattern = pattern
        self._write_to = write
        self._settled = settled
        self._queue: dict[TopicShare[L], None] = {}
        self._later: dict[TopicShare[L], None] = {}
        self._writing: TopicShare[L] | None = None
        self._task: asyncio.Task[None] | None = None
        self._retry: Timer | None = None
        self._next_warning_ms = 0
        self._closed = False

    def bury(self, shared: TopicShare[L]) -> None:
        """Write what a share has condemned, soon."""
        if self._closed or shared is self._writing or shared in self._later:
            return
        self._queue[shared] = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def close(self) -> None:
        """Write nothing any more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        if self._retry is not None:
            self._retry.cancel()

    async def _work(self) -> None:
        try:
            while self._queue:
                self._writing = next(iter(self._queue))
                del self._queue[self._writing]
                if not await self._write_all(self._writing):
                    self._try_later(self._writing)
                self._writing = None
        finally:
            self._task = self._writing = None

    def _try_later(self, shared: TopicShare[L]) -> None:
        self._later[shared] = None
        if self._retry is None and not self._closed:
            self._retry = self._clock.call_later(RETRY_MS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        waiting, self._later = self._later, {}
        for shared in waiting:
            self.bury(shared)

    async def _write_all(self, shared: TopicShare[L]) -> bool:
        """Write what a share has condemned, and say whether nothing is left of it."""
        stuck: set[int] = set()
        try:
            while not shared.ended:
                found = shared.share.condemned(RANGES_AT_ONCE + len(stuck))
                fresh = [condemned for condemned in found if condemned.lock.base_offset not in stuck]
                if not fresh:
                    return not stuck
                for condemned in fresh:
                    for piece in _pieces(condemned):
                        if not shared.ended:
                            stuck.update(await self._write(shared, piece))
                            await asyncio.sleep(0)
        except BrokerStopping:
            return False
        except BrokerError as error:
            self._warn(shared, error)
            return False
        except Exception:
            logger.exception("the dead letters of group %s wait: a bug in the broker", shared.group.name)
            return False
        return True

    async def _write(self, shared: TopicShare[L], piece: Condemned) -> list[int]:
        """Write a few records and count them as done; give the offsets of those that their topic does not take.

        Raises:
            BrokerError: nothing can be written now.
        """
        base, end, acquisition = piece.lock
        topic = dead_letter_topic(self._pattern, shared.topic.name)
        if topic is None:
            why = "there is no dead-letter topic" if not self._pattern else "it is a dead-letter topic itself"
            self._confirm(shared, [piece.lock])
            _log_lost(shared, base, end, piece, why)
            return []
        found, _ = await self._reader.read_ranges(shared.log, [(base, end)])
        letters = []
        for offset in range(base, end):
            record = found.get(offset)
            lock = Lock(offset, offset + 1, acquisition)
            if isinstance(record, Record):
                letters.append(_Letter(lock, _dead_letter(shared, record, piece)))
                continue
            self._confirm(shared, [lock])
            _log_lost(shared, offset, offset + 1, piece, record.decode_error if record else "it is gone from the log")
        stuck = []
        if letters and not shared.ended:
            stuck = await self._append(shared, topic, letters)
            logger.info(
                "group %s: %d of offsets %d to %d of %s-%d went to %s: %s", shared.group.name,
                len(letters) - len(stuck), base, end - 1, *shared.partition, topic, piece.reason.value,
            )  # fmt: skip
        return stuck

    async def _append(self, shared: TopicShare[L], topic: str, letters: Sequence[_Letter]) -> list[int]:
        """Append records, one by one if they do not go together; give the offsets of those that do not go at all."""
        try:
            await self._write_to(topic, shared.topic.name, [letter.record for letter in letters])
        except (RecordTooLarge, InvalidRecord) as error:
            if len(letters) == 1:
                self._warn(shared, error)
                return [letters[0].lock.base_offset]
            stuck = []
            for letter in letters:
                stuck += await self._append(shared, topic, [letter])
            return stuck
        self._confirm(shared, [letter.lock for letter in letters])
        return []

    def _confirm(self, shared: TopicShare[L], locks: Sequence[Lock]) -> None:
        if not shared.ended:
            shared.share.confirm(locks)
            self._settled(shared)

    def _warn(self, shared: TopicShare[L], error: BrokerError) -> None:
        now_ms = self._clock.now_ms()
        if now_ms >= self._next_warning_ms:
            self._next_warning_ms = now_ms + WARNING_EVERY_MS
            logger.warning(
                "dead letters of group %s from %s-%d wait and are tried again: %s",
                shared.group.name, *shared.partition, error,
            )  # fmt: skip


def _pieces(condemned: Condemned) -> Iterator[Condemned]:
    """Cut a range into pieces that are written together."""
    base, end, acquisition = condemned.lock
    for first in range(base, end, RECORDS_AT_ONCE):
        yield condemned._replace(lock=Lock(first, min(first + RECORDS_AT_ONCE, end), acquisition))


def _dead_letter(shared: TopicShare[L], record: Record, condemned: Condemned) -> NewRecord:
    """Give a record as it is written: what it was, and why it is here, in text."""
    topic, partition = shared.partition
    facts = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(record.offset),
        "group": shared.group.name,
        "delivery.count": str(condemned.delivery_count),
        "message": condemned.reason.value,
    }
    headers = tuple((f"__dlq.errors.{name}", fact.encode("utf-8", "surrogatepass")) for name, fact in facts.items())
    return NewRecord(record.value, record.key, record.headers + headers)


def _log_lost(shared: TopicShare[L], base: int, end: int, condemned: Condemned, why: str) -> None:
    logger.warning(
        "group %s is done with %s-%d@%d to %d (%s) and nothing was written: %s",
        shared.group.name, *shared.partition, base, end - 1, condemned.reason.value, why,
    )  # fmt: skip
