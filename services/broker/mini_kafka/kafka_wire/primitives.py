"""The primitive types of the Kafka protocol, read and written by hand: for headers and for the hot path.

Everything else goes through `kio_codec`. A reader never looks beyond its bytes, and believes no length that a
peer claims: what is not there is a `WireError`. Bytes that follow a message are passed over, as in Kafka: librdkafka
sends some after a Metadata request. The types are those of the protocol guide
(https://kafka.apache.org/protocol#protocol_types); "compact" ones, and tagged fields, are KIP-482's.
"""

import struct
import sys
from collections.abc import Callable
from typing import TypeVar, cast
from uuid import UUID

from mini_kafka.kafka_wire.errors import WireError

T = TypeVar("T")

INT8 = struct.Struct(">b")
INT16 = struct.Struct(">h")
INT32 = struct.Struct(">i")
INT64 = struct.Struct(">q")
FLOAT64 = struct.Struct(">d")

MAX_ELEMENTS = 100_000
"""How many array elements and tagged fields one request may have, nested ones included, unless the broker is told
otherwise: each becomes a Python object of some hundred bytes, and takes some microseconds. Ten times the partitions
that a broker has by default."""
MAX_MESSAGE_CHARACTERS = 8_000
"""How much of a message for people is sent: it quotes names that the client chose, and has to fit in a STRING."""
AT_ONCE = 300
"""Elements that are read on the loop, a millisecond or two: a request with more is read on a thread."""
MAX_TAGS = 100
"""How many tagged fields one structure may have: no message has more than five, and a header is read on the loop."""
NO_TAGS = b"\0"
"""An empty set of tagged fields, which ends each structure of a flexible version."""
NO_ID = UUID(int=0)
"""What stands where there is no topic id."""


class TooMuchAtOnce(Exception):
    """A request has more elements than its reader was told to read at a stretch."""


class Reader:
    """Reads one value after the other, and counts elements; after a `WireError` it is of no use."""

    __slots__ = ("at_once", "data", "elements", "max_elements", "position")

    def __init__(
        self,
        data: bytes | memoryview,
        position: int = 0,
        max_elements: int = MAX_ELEMENTS,
        at_once: int = sys.maxsize,
    ) -> None:
        self.data = data
        self.position = position
        self.elements = 0
        self.max_elements = max_elements
        self.at_once = at_once

    @property
    def left(self) -> int:
        """Count the bytes that are not read yet."""
        return len(self.data) - self.position

    def int8(self) -> int:
        """Read an INT8."""
        return self.numbers(INT8)[0]

    def boolean(self) -> bool:
        """Read a BOOLEAN: any byte but 0 is true."""
        return self.numbers(INT8)[0] != 0

    def int16(self) -> int:
        """Read an INT16."""
        return self.numbers(INT16)[0]

    def int32(self) -> int:
        """Read an INT32."""
        return self.numbers(INT32)[0]

    def int64(self) -> int:
        """Read an INT64."""
        return self.numbers(INT64)[0]

    def numbers(self, kinds: struct.Struct) -> tuple[int, ...]:
        """Read several numbers that follow each other."""
        try:
            values = kinds.unpack_from(self.data, self.position)
        except struct.error:
            raise WireError("the request ends in the middle of a number") from None
        self.position += kinds.size
        return values

    def float64(self) -> float:
        """Read a FLOAT64."""
        return cast(float, FLOAT64.unpack(self.take(FLOAT64.size))[0])

    def uvarint(self) -> int:
        """Read an UNSIGNED_VARINT: seven bits a byte, the lowest first, at most five bytes."""
        try:
            byte = self.data[self.position]
            self.position += 1
            if byte < 0x80:  # almost always
                return byte
            value = byte & 0x7F
            for shift in range(7, 35, 7):
                byte = self.data[self.position]
                self.position += 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80:
                    return value
        except IndexError:
            raise WireError("the request ends in the middle of a number") from None
        raise WireError("a varint is longer than five bytes")

    def take(self, length: int) -> memoryview:
        """Give the next `length` bytes as a view; whoever keeps them copies them."""
        start = self.position
        end = start + length
        if length < 0 or end > len(self.data):
            raise WireError(f"a length of {length} is claimed, and {self.left} bytes are left")
        self.position = end
        return memoryview(self.data)[start:end]

    def uuid(self) -> UUID:
        """Read a UUID."""
        return UUID(bytes=bytes(self.take(16)))

    def string(self, *, flexible: bool) -> str:
        """Read a STRING or a COMPACT_STRING."""
        text = self.nullable_string(flexible=flexible)
        if text is None:
            raise WireError("a string is null that must not be")
        return text

    def nullable_string(self, *, flexible: bool) -> str | None:
        """Read a NULLABLE_STRING or a COMPACT_NULLABLE_STRING."""
        length = self.uvarint() - 1 if flexible else self.int16()
        if length == -1:
            return None
        try:
            return str(self.take(length), "utf-8")
        except UnicodeDecodeError:
            raise WireError("a string is not UTF-8") from None

    def nullable_bytes(self, *, flexible: bool) -> memoryview | None:
        """Read NULLABLE_BYTES, COMPACT_NULLABLE_BYTES or RECORDS, as a view."""
        length = self.uvarint() - 1 if flexible else self.int32()
        return None if length == -1 else self.take(length)

    def array_length(self, *, flexible: bool, least: int = 1) -> int | None:
        """Read the length of an array of elements with at least `least` bytes each; None for a null array."""
        length = self.uvarint() - 1 if flexible else self.int32()
        if length == -1:
            return None
        if not 0 <= length <= self.left // least:
            raise WireError(f"an array of {length} elements is claimed, and {self.left} bytes are left")
        self.count(length)
        return length

    def count(self, elements: int) -> None:
        """Refuse a request with too many elements, or to go on with one that has too many for this reader."""
        self.elements += elements
        if self.elements > self.max_elements:
            raise WireError(
                f"a request has more than {self.max_elements} elements (MINI_KAFKA_MAX_REQUEST_ELEMENTS):"
                " send several smaller ones"
            )
        if self.elements > self.at_once:
            raise TooMuchAtOnce

    def tag_count(self) -> int:
        """Read how many tagged fields follow."""
        count = self.uvarint()
        if count:
            self.count(count)
            if count > MAX_TAGS:
                raise WireError(f"a structure has {count} tagged fields: {MAX_TAGS} are allowed")
        return count

    def array(self, element: Callable[[], T], *, flexible: bool, least: int = 1) -> list[T] | None:
        """Read an array; None for a null array."""
        length = self.array_length(flexible=flexible, least=least)
        return None if length is None else [element() for _ in range(length)]

    def skip_tags(self) -> None:
        """Pass over tagged fields that nobody asks for."""
        for _ in range(self.tag_count()):
            self.uvarint()
            self.take(self.uvarint())


def uvarint(value: int) -> bytes:
    """Write an UNSIGNED_VARINT."""
    if value < 0x80:
        return bytes((value,))
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def string(text: str | None, *, flexible: bool) -> bytes:
    """Write a string of any of the four kinds; None is null."""
    if text is None:
        return b"\0" if flexible else b"\xff\xff"
    data = text.encode()
    return (uvarint(len(data) + 1) if flexible else INT16.pack(len(data))) + data


def array_length(length: int, *, flexible: bool) -> bytes:
    """Write the length in front of an array's elements."""
    return uvarint(length + 1) if flexible else INT32.pack(length)
