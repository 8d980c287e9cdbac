"""Brokers that break one rule each: small patches of the engine and its core, and the rule that each breaks.

A patch is as plausible a bug as can be had in a few lines. Most happen now and then only: the broker mostly works.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import pytest

from mini_kafka.core import record_batch
from mini_kafka.core.errors import InvalidRecord, InvalidTimestamp
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.producer_sequences import ProducerSequences
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.share_partition import Acknowledged, Acquired, Lock, SharePartition
from mini_kafka.core.topic import Topic
from mini_kafka.engine import descriptions
from mini_kafka.engine.appender import Appender
from mini_kafka.engine.dead_letters import DeadLetters
from mini_kafka.engine.port import Appended, PartitionDescription, Read
from mini_kafka.engine.reader import Reader
from mini_kafka.engine.rows import rows
from tests.checker.violations import Rule

Patch = Callable[[pytest.MonkeyPatch], None]


def now_and_then(every: int) -> Callable[[], bool]:
    """Make a function that says yes to every so many-th call."""
    calls = count(1)
    return lambda: next(calls) % every == 0


def forgets_what_it_answered(patch: pytest.MonkeyPatch) -> None:
    """Append again what a producer sends again."""
    patch.setattr(ProducerSequences, "answered", lambda *_: None)


def answers_with_the_next_offset(patch: pytest.MonkeyPatch) -> None:
    """Name an offset that is one too high."""
    original, now = Appender.append, now_and_then(20)

    def append(self: Appender, topic: Topic, records: Sequence[NewRecord]) -> list[Appended]:
        places = original(self, topic, records)
        return [place._replace(offset=place.offset + 1) for place in places] if now() else places

    patch.setattr(Appender, "append", append)


def lets_a_later_append_overtake(patch: pytest.MonkeyPatch) -> None:
    """Leave an offset free, and give it to a later append."""
    original, now = PartitionLog.append, now_and_then(20)
    free: dict[int, int] = {}

    def append(log: PartitionLog, batch: bytearray) -> int:
        if id(log) in free and record_batch.record_count(batch) == 1:
            offset = free.pop(id(log))
            run = log._runs[log._run_at(offset)]
            stored = record_batch.place(batch, offset)
            behind = (index for index, other in enumerate(run.batches) if record_batch.base_offset(other) > offset)
            run.batches.insert(next(behind), stored)
            log._count(run, stored, 1)
            return offset
        if id(log) not in free and log._runs and now():
            free[id(log)] = log.log_end_offset
            log.log_end_offset += 1
        return original(log, batch)

    patch.setattr(PartitionLog, "append", append)


def hides_what_is_new(patch: pytest.MonkeyPatch) -> None:
    """Tell a reader that it has seen everything."""
    original, now = Reader.read, now_and_then(10)

    async def read(self: Reader, name: str, positions: dict[int, int], **rest: Any) -> Read:
        found = await original(self, name, positions, **rest)
        if not now() or not set(found.positions) <= set(positions):
            return found
        return Read(found.topic_id, (), {number: positions[number] for number in found.positions}, up_to_date=True)

    patch.setattr(Reader, "read", read)


def appends_half_of_what_it_refuses(patch: pytest.MonkeyPatch) -> None:
    """Append the records before one that is wrong."""
    original = Appender.append

    def append(self: Appender, topic: Topic, records: Sequence[NewRecord]) -> list[Appended]:
        try:
            return original(self, topic, records)
        except (InvalidRecord, InvalidTimestamp) as error:
            original(self, topic, records[: error.index])
            raise

    patch.setattr(Appender, "append", append)


def changes_a_value(patch: pytest.MonkeyPatch) -> None:
    """Store a record without the last byte of its value."""
    original, now = Appender.append, now_and_then(20)

    def append(self: Appender, topic: Topic, records: Sequence[NewRecord]) -> list[Appended]:
        changed = [record._replace(value=record.value[:-1]) if record.value else record for record in records]
        return original(self, topic, changed if now() else records)

    patch.setattr(Appender, "append", append)


def loses_an_append(patch: pytest.MonkeyPatch) -> None:
    """Drop a batch that was acknowledged when the next one comes."""
    original, now = PartitionLog.append, now_and_then(20)

    def append(log: PartitionLog, batch: bytearray) -> int:
        before = log._runs[-1].batches[-1] if log._runs else None
        offset = original(log, batch)
        if before is not None and now():
            log.replace(before, None)
        return offset

    patch.setattr(PartitionLog, "append", append)


def compacts_too_much(patch: pytest.MonkeyPatch) -> None:
    """Take a whole batch away where some of its records have to stay."""
    original = PartitionLog.replace
    patch.setattr(PartitionLog, "replace", lambda log, old, _: original(log, old, None))


def lets_the_watermark_fall(patch: pytest.MonkeyPatch) -> None:
    """Show a high watermark that is one too low."""
    now = now_and_then(7)

    def mutated_rows(kind: type[PartitionDescription], *columns: Iterable[int]) -> list[PartitionDescription]:
        return [
            described._replace(high_watermark=max(described.high_watermark - now(), 0))
            for described in rows(kind, *columns)
        ]

    patch.setattr(descriptions, "rows", mutated_rows)


def hands_out_what_is_held(patch: pytest.MonkeyPatch) -> None:
    """Make records available that somebody has just acquired."""
    original, now = SharePartition.acquire_new, now_and_then(5)

    def acquire_new(share: SharePartition, now_ms: int, *rest: Any) -> list[Acquired]:
        acquired = original(share, now_ms, *rest)
        if now():
            share.release(now_ms, [one.lock for one in acquired])
        return acquired

    patch.setattr(SharePartition, "acquire_new", acquire_new)
    patch.setattr(SharePartition, "holds", lambda *_: True)


def locks_for_half_the_time(patch: pytest.MonkeyPatch) -> None:
    """Let locks run out early."""
    original = SharePartition._lock

    def lock(share: SharePartition, parts: list[tuple[int, int, int]], deadline_ms: int, member: str | None) -> Any:
        return original(share, parts, deadline_ms - 150, member)

    patch.setattr(SharePartition, "_lock", lock)


def delivers_what_was_accepted(patch: pytest.MonkeyPatch) -> None:
    """Say that records are accepted, and give them to others all the same."""
    original, now = SharePartition.accept, now_and_then(10)

    def accept(share: SharePartition, now_ms: int, locks: Sequence[Lock]) -> Acknowledged:
        return share.release(now_ms, locks) if now() else original(share, now_ms, locks)

    patch.setattr(SharePartition, "accept", accept)


def counts_no_delivery(patch: pytest.MonkeyPatch) -> None:
    """Deliver what came back by the count that it had."""
    original = SharePartition._lock

    def lock(share: SharePartition, parts: list[tuple[int, int, int]], *rest: Any) -> Any:
        return original(share, [(base, end, max(number - 1, 1)) for base, end, number in parts], *rest)

    patch.setattr(SharePartition, "_lock", lock)


def forgets_what_is_released(patch: pytest.MonkeyPatch) -> None:
    """Count released records as done."""
    patch.setattr(SharePartition, "release", lambda share, now_ms, locks, _=0: share.accept(now_ms, locks))


def buries_nothing(patch: pytest.MonkeyPatch) -> None:
    """Count condemned records as done, and write them nowhere."""

    async def append(self: DeadLetters[Any], shared: Any, _: str, letters: Sequence[Any]) -> list[int]:
        self._confirm(shared, [letter.lock for letter in letters])
        return []

    patch.setattr(DeadLetters, "_append", append)


def buries_twice(patch: pytest.MonkeyPatch) -> None:
    """Write dead letters twice."""
    original = DeadLetters._append

    async def append(self: DeadLetters[Any], shared: Any, topic: str, letters: Sequence[Any]) -> list[int]:
        await self._write_to(topic, shared.topic.name, [letter.record for letter in letters])
        return await original(self, shared, topic, letters)

    patch.setattr(DeadLetters, "_append", append)


def commits_what_is_delivered(patch: pytest.MonkeyPatch) -> None:
    """Commit an offset as soon as the record before it was handed out, as a consumer with auto-commit does."""
    patch.setattr(SharePartition, "committed_offset", property(lambda share: share.next_offset))


MUTANTS: dict[Patch, Rule] = {
    forgets_what_it_answered: Rule.ONE_OFFSET,
    answers_with_the_next_offset: Rule.ONE_OFFSET,
    lets_a_later_append_overtake: Rule.ORDER,
    hides_what_is_new: Rule.VISIBLE,
    appends_half_of_what_it_refuses: Rule.SENT,
    changes_a_value: Rule.SENT,
    loses_an_append: Rule.DENSE,
    compacts_too_much: Rule.DENSE,
    lets_the_watermark_fall: Rule.WATERMARK,
    hands_out_what_is_held: Rule.ONE_HOLDER,
    locks_for_half_the_time: Rule.ONE_HOLDER,
    delivers_what_was_accepted: Rule.ONE_HOLDER,
    counts_no_delivery: Rule.ONE_HOLDER,
    forgets_what_is_released: Rule.FINISHED,
    buries_nothing: Rule.FINISHED,
    buries_twice: Rule.FINISHED,
    commits_what_is_delivered: Rule.DONE,
}
"""Every mutant, and the rule of which the checker has to find a breach (it may find others too)."""
