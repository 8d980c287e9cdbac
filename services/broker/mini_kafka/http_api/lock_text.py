"""Locks as opaque words that the client sends back when it is done with the records: one record's, or a run's.

A word names the acquisition, so one whose lock has run out is late and nothing else. It is not signed, as nothing
here is: whoever may acquire may acknowledge. The records of one acquisition have all but the beginning of their words
in common, and an answer has hundreds of them: that part is written once, and understood once. A run is records of one
acquisition without a hole, as KIP-932 acknowledges them; its word has two offsets.
"""

import binascii
from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from mini_kafka.engine.port import RecordLock, runs

MAX_CHARACTERS = 600
"""Longer than the lock on a run of records of the longest topic name, given by the gateway with the longest name."""
CHECK_PRIME = 65_521
"""A word begins with a multiple of it that stands for an offset, so that a number that was cut or changed shows. One
more than a multiple stands for the last offset of a run: without the dash, both were one multiple."""
REMEMBERED = 1024
"""Acquisitions whose part of a word is not read again."""


def write_locks(locks: Iterable[RecordLock]) -> list[str]:
    """Write records' locks: the offset, and after a point the acquisition, topic and partition with a checksum."""
    words = []
    written: tuple[UUID, str, int, int] | None = None
    rest = ""
    for topic_id, topic, partition, offset, acquisition, _ in locks:
        if written != (topic_id, topic, partition, acquisition):
            written = (topic_id, topic, partition, acquisition)
            rest = _rest(topic_id, topic, partition, acquisition)
        words.append(f"{(offset + 1) * CHECK_PRIME:x}.{rest}")
    return words


def write_runs(locks: Iterable[RecordLock]) -> list[str]:
    """Write one word for each run of locks: that of its first record, with the last one's offset after a dash."""
    words = []
    for topic_id, topic, partition, offset, acquisition, records in runs(locks):
        last = f"-{(offset + records) * CHECK_PRIME + 1:x}" if records > 1 else ""
        words.append(f"{(offset + 1) * CHECK_PRIME:x}{last}.{_rest(topic_id, topic, partition, acquisition)}")
    return words


def read_lock(text: str) -> RecordLock:
    """Read a word, of a record or of a run, which may be of any length.

    Raises:
        ValueError: this is none, or it was cut or changed on its way.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError("is too long for a lock")
    number, _, rest = text.partition(".")
    topic_id, topic, partition, acquisition = _read_rest(rest)
    number, dash, last = number.partition("-")
    offset = _read_offset(int(number, 16))
    records = _read_offset(int(last, 16) - 1) + 1 - offset if dash else 1
    if records < 1:
        raise ValueError("is not complete")
    return RecordLock(topic_id, topic, partition, offset, acquisition, records)


def _read_offset(number: int) -> int:
    place, remainder = divmod(number, CHECK_PRIME)
    if remainder or place < 1:
        raise ValueError("is not complete")
    return place - 1


@lru_cache(REMEMBERED)
def _read_rest(rest: str) -> tuple[UUID, str, int, int]:
    content, _, check = rest.rpartition(".")
    if check != _check(content):
        raise ValueError("is not complete")
    acquisition, topic_id, place = content.split(".", 2)
    partition, topic = place.split(".", 1)
    return UUID(hex=topic_id), topic, int(partition), int(acquisition, 16)


def _rest(topic_id: UUID, topic: str, partition: int, acquisition: int) -> str:
    content = f"{acquisition:x}.{topic_id.hex}.{partition}.{topic}"
    return f"{content}.{_check(content)}"


def _check(content: str) -> str:
    return f"{binascii.crc32(content.encode('ascii')):08x}"
