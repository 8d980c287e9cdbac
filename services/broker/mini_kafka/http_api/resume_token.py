"""Where a reader goes on, as one opaque word that it sends back: a token.

It names the life of the log, the topic and the offset to read next in each partition, so it can never be taken for a
place in another log. It is not signed: whoever makes one up reads what anybody may read. A few bytes a partition keep
it under 8 KB for 1,000 partitions.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from mini_kafka.http_api.error_table import INVALID_REQUEST
from mini_kafka.http_api.errors import RequestRefused

PREFIX = "t."
"""What tells a token from an offset, a duration and a time."""
MAX_CHARACTERS = 128 * 1024
"""Longer than the token of the most partitions that a broker has by default."""

_VERSION = 1
_EPOCH_BYTES = 8
_ID_BYTES = 16
_HEAD_BYTES = 1 + _EPOCH_BYTES + _ID_BYTES
_CHECK_BYTES = 4
_MAX_SHIFT = 63
"""Bits of the largest offset."""


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A place in one topic of one life of the log; `partition` is set where only that one is read."""

    epoch: str
    topic_id: UUID
    positions: Mapping[int, int]
    partition: int | None = None

    def __str__(self) -> str:
        """Write the token."""
        content = bytearray([_VERSION])
        content += bytes.fromhex(self.epoch)
        content += self.topic_id.bytes
        if self.partition is None:
            _write_number(content, 0)
            for number in range(len(self.positions)):
                _write_number(content, self.positions[number])
        else:
            _write_number(content, self.partition + 1)
            _write_number(content, self.positions[self.partition])
        content += binascii.crc32(content).to_bytes(_CHECK_BYTES, "big")
        return PREFIX + urlsafe_b64encode(content).rstrip(b"=").decode()


def parse(text: str) -> ResumeToken:
    """Read a token.

    Raises:
        RequestRefused: 422, this is none, or it was cut or changed on its way.
    """
    try:
        content = _content(text)
        partition, positions = _read_place(content[_HEAD_BYTES:])
    except ValueError:
        raise RequestRefused(
            INVALID_REQUEST,
            "from= is a token that is not complete: send the `next` of an earlier answer as it came",
        ) from None
    epoch = content[1 : 1 + _EPOCH_BYTES].hex()
    topic_id = UUID(bytes=bytes(content[1 + _EPOCH_BYTES : _HEAD_BYTES]))
    if partition:
        return ResumeToken(epoch, topic_id, {partition - 1: positions[0]}, partition - 1)
    return ResumeToken(epoch, topic_id, dict(enumerate(positions)))


def _content(text: str) -> bytes:
    encoded = text.removeprefix(PREFIX).encode("ascii", errors="strict")
    if len(encoded) > MAX_CHARACTERS:
        raise ValueError
    whole = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    content, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if (
        len(content) <= _HEAD_BYTES + 1
        or content[0] != _VERSION
        or binascii.crc32(content).to_bytes(_CHECK_BYTES, "big") != check
    ):
        raise ValueError
    return content


def _write_number(content: bytearray, number: int) -> None:
    """Append a number in groups of seven bits, the lowest first (LEB128)."""
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)


def _read_place(content: bytes) -> tuple[int, list[int]]:
    partition, *positions = _read_numbers(content)
    if partition and len(positions) != 1:
        raise ValueError(positions)
    return partition, positions


def _read_numbers(content: bytes) -> list[int]:
    """Read what `_write_number` wrote.

    Raises:
        ValueError: the last number has no end, or one is larger than any offset.
    """
    numbers = []
    number = shift = 0
    for byte in content:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > _MAX_SHIFT:
            raise ValueError(shift)
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise ValueError
    return numbers
