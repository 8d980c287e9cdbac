"""A lock on a record as one opaque word that the client sends back when it is done with the record.

It names the acquisition, so a word of a lock that has run out is late and nothing else. It is not signed, as nothing
here is: whoever may acquire may acknowledge. The records of one acquisition have all but the beginning of their words
in common, and an answer has hundreds of them: that part is written once, and understood once.
"""

import binascii
from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from mini_kafka.engine.port import RecordLock

MAX_CHARACTERS = 400
"""Longer than the lock on a record of the longest topic name."""
CHECK_PRIME = 65_521
"""A word begins with a multiple of it that stands for the offset, so that a number that was cut or changed shows."""
REMEMBERED = 1024
"""Acquisitions whose part of a word is not read again."""


def write_locks(locks: Iterable[RecordLock]) -> list[str]:
    """Write locks: the offset, and after a point the acquisition, topic and partition with a checksum."""
    words = []
    written: tuple[UUID, str, int, int] | None = None
    rest = ""
    for topic_id, topic, partition, offset, acquisition in locks:
        if written != (topic_id, topic, partition, acquisition):
            written = (topic_id, topic, partition, acquisition)
            rest = f"{acquisition:x}.{topic_id.hex}.{partition}.{topic}"
            rest = f"{rest}.{_check(rest)}"
        words.append(f"{(offset + 1) * CHECK_PRIME:x}.{rest}")
    return words


def read_lock(text: str) -> RecordLock:
    """Read a lock.

    Raises:
        ValueError: this is none, or it was cut or changed on its way.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError("is too long for a lock")
    number, _, rest = text.partition(".")
    topic_id, topic, partition, acquisition = _read_rest(rest)
    place, remainder = divmod(int(number, 16), CHECK_PRIME)
    if remainder or place < 1:
        raise ValueError("is not complete")
    return RecordLock(topic_id, topic, partition, place - 1, acquisition)


@lru_cache(REMEMBERED)
def _read_rest(rest: str) -> tuple[UUID, str, int, int]:
    content, _, check = rest.rpartition(".")
    if check != _check(content):
        raise ValueError("is not complete")
    acquisition, topic_id, place = content.split(".", 2)
    partition, topic = place.split(".", 1)
    return UUID(hex=topic_id), topic, int(partition), int(acquisition, 16)


def _check(content: str) -> str:
    return f"{binascii.crc32(content.encode('ascii')):08x}"
