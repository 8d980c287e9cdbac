"""A lock on a record as one opaque word that the client sends back when it is done with the record.

It names the acquisition, so a word of a lock that has run out is late and nothing else. It is not signed, as nothing
here is: whoever may acquire may acknowledge.
"""

import binascii
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from mini_kafka.engine.port import RecordLock

_NUMBERS = struct.Struct(">IQQ")
_ID_BYTES = 16
_HEAD_BYTES = _ID_BYTES + _NUMBERS.size
_CHECK_BYTES = 2
MAX_CHARACTERS = 400
"""Longer than the lock on a record of the longest topic name."""


def write_lock(lock: RecordLock) -> str:
    """Write a lock."""
    content = lock.topic_id.bytes + _NUMBERS.pack(lock.partition, lock.offset, lock.acquisition) + lock.topic.encode()
    check = binascii.crc_hqx(content, 0).to_bytes(_CHECK_BYTES, "big")
    return urlsafe_b64encode(content + check).rstrip(b"=").decode()


def read_lock(text: str) -> RecordLock:
    """Read a lock.

    Raises:
        ValueError: this is none, or it was cut or changed on its way.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError("is too long for a lock")
    whole = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    content, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if len(content) <= _HEAD_BYTES or binascii.crc_hqx(content, 0).to_bytes(_CHECK_BYTES, "big") != check:
        raise ValueError("is not complete")
    partition, offset, acquisition = _NUMBERS.unpack_from(content, _ID_BYTES)
    topic_id = UUID(bytes=content[:_ID_BYTES])
    return RecordLock(topic_id, content[_HEAD_BYTES:].decode(), partition, offset, acquisition)
