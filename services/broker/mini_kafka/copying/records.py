"""Records as /v1 gives and takes them, and the bytes in which two of them are compared.

A record goes out as it came in: text where it is UTF-8, otherwise base64, both of which are exact.
"""

from base64 import b64decode
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

UNSET = msgspec.UNSET
CHECKSUM_BYTES = 8

Text = str | None | msgspec.UnsetType
Pairs = dict[str, str | None] | list[tuple[str, str | None]] | msgspec.UnsetType


class CopiedRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """A record with its place. `offset` means nothing in a produce request, and the broker passes it over."""

    partition: int
    offset: int
    timestamp: int
    key: Text = UNSET
    key_base64: Text = UNSET
    value: Text = UNSET
    value_base64: Text = UNSET
    headers: Pairs = UNSET
    headers_base64: Pairs = UNSET
    decode_error: str | msgspec.UnsetType = UNSET


class Page(msgspec.Struct, gc=False):
    """The answer to a read: records, and the token to go on."""

    records: list[CopiedRecord]
    next: str
    up_to_date: bool


class Place(msgspec.Struct, gc=False):
    """Where a produced record came to lie."""

    offset: int


class Places(msgspec.Struct, gc=False):
    """The answer to a produce request."""

    records: list[Place]


_encoder = msgspec.json.Encoder()
read_page = msgspec.json.Decoder(Page).decode
read_places = msgspec.json.Decoder(Places).decode


def encode(records: Sequence[CopiedRecord], max_bytes: int) -> tuple[bytes, int]:
    """Write a produce request of the first records, as many as fit in `max_bytes`, at least one; and count them."""
    count = len(records)
    while True:
        body = _encoder.encode(records[:count])
        if len(body) <= max_bytes or count == 1:
            return body, count
        count = max(1, min(count * max_bytes // len(body), count - 1))


def content(record: CopiedRecord, *, with_timestamp: bool) -> bytes:
    """Give what has to arrive: timestamp, key, value and headers, each with its length, so that no two are alike."""
    parts = [record.timestamp.to_bytes(8, "big", signed=True)] if with_timestamp else []
    for plain, encoded in ((record.key, record.key_base64), (record.value, record.value_base64)):
        _add(parts, b64decode(encoded) if isinstance(encoded, str) else plain)
    if record.headers is not UNSET or record.headers_base64 is not UNSET:
        for name, value in _headers(record):
            _add(parts, name)
            _add(parts, value)
    return b"".join(parts)


def _add(parts: list[bytes], piece: bytes | Text) -> None:
    if isinstance(piece, str):
        piece = piece.encode()
    if isinstance(piece, bytes):
        parts.append(len(piece).to_bytes(4, "big"))
        parts.append(piece)
    else:  # null, or a key that is left out: a record has none of it
        parts.append(b"\xff\xff\xff\xff")


def _headers(record: CopiedRecord) -> list[tuple[str, bytes | str | None]]:
    if isinstance(record.headers_base64, msgspec.UnsetType):
        return list(_pairs(record.headers))
    return [(name, value if value is None else b64decode(value)) for name, value in _pairs(record.headers_base64)]


def _pairs(headers: Pairs) -> Sequence[tuple[str, str | None]]:
    if isinstance(headers, msgspec.UnsetType):
        return []
    return list(headers.items()) if isinstance(headers, dict) else headers


class Checksum:
    """Counts records, and sums up their content in their order (BLAKE2b)."""

    def __init__(self) -> None:
        self.records = 0
        self._hash = blake2b(digest_size=CHECKSUM_BYTES)

    def add(self, record_content: bytes) -> None:
        """Take the next record's content."""
        self.records += 1
        self._hash.update(len(record_content).to_bytes(4, "big"))
        self._hash.update(record_content)

    def __str__(self) -> str:
        """Write it in hexadecimal digits."""
        return self._hash.hexdigest()
