"""A record batch: Kafka's own format, version 2, as bytes. The unit that the log stores and hands out.

`aiokafka.record` builds and reads the records in compiled code. This room adds what a broker does to a batch
without looking into it: it reads the header's fields in place and writes the base offset, which the batch's CRC
does not cover. It knows nothing of topics, logs or time.

The header's layout is Kafka's (DefaultRecordBatch in the Java sources); offsets in bytes:

    0 base offset (8)   8 length of what follows (4)   12 leader epoch (4)   16 magic (1)   17 CRC-32C (4)
    21 attributes (2)   23 last offset delta (4)       27 base timestamp (8) 35 max timestamp (8)
    43 producer id (8)  51 producer epoch (2)          53 base sequence (4)  57 record count (4)   61 records
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from crc32c import crc32c

from mini_kafka.core.errors import RecordTooLarge

HEADER_BYTES = 61
MAGIC = 2
COMPRESSION_BITS = 0x07
LOG_APPEND_TIME_BIT = 0x08
TRANSACTIONAL_BIT = 0x10
CONTROL_BIT = 0x20
MAX_BATCH_BYTES = 2**31 - 1
LEADER_EPOCH = 0
"""The epoch of the only leader that a log without replicas ever has."""
_LEADER_EPOCH_BYTES = struct.pack(">i", LEADER_EPOCH)

_BASE_OFFSET = struct.Struct(">q")
_CRC = struct.Struct(">I")
_ATTRIBUTES = struct.Struct(">h")
_LAST_OFFSET_DELTA = struct.Struct(">i")
_MAX_TIMESTAMP = struct.Struct(">q")
_PRODUCER = struct.Struct(">qhi")
_RECORD_COUNT = struct.Struct(">i")

_LENGTH_AT = 8
_LEADER_EPOCH_AT = 12
_MAGIC_AT = 16
_CRC_AT = 17
CHECKED_FROM = _ATTRIBUTES_AT = 21
_LAST_OFFSET_DELTA_AT = 23
_MAX_TIMESTAMP_AT = 35
_PRODUCER_AT = 43
_RECORD_COUNT_AT = 57

Headers = tuple[tuple[str, bytes | None], ...]


class NewRecord(NamedTuple):
    """A record that has no offset yet. Without a timestamp it gets the time of its append.

    A record that names no partition goes where the partitioner puts it.
    """

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None
    partition: int | None = None


class UnreadableRecord(NamedTuple):
    """The place of a record whose batch cannot be decoded, and the reason."""

    offset: int
    timestamp_ms: int
    decode_error: str


class Record(NamedTuple):
    """A record in its place in a partition."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def build_batches(
    records: Sequence[NewRecord], *, now_ms: int, max_bytes: int, log_append_time: bool = False
) -> list[bytearray]:
    """Pack records into as few batches as `max_bytes` a batch allows, with base offset 0 in each.

    Raises:
        RecordTooLarge: one record alone makes a batch over `max_bytes`.
    """
    batches = []
    builder, count = _new_builder(max_bytes), 0
    for index, (value, key, headers, timestamp_ms, _) in enumerate(records):
        timestamp = now_ms if log_append_time or timestamp_ms is None else timestamp_ms
        if builder.append(count, timestamp, key, value, list(headers)) is None:
            batches.append(builder.build())
            builder, count = _new_builder(max_bytes), 0
            builder.append(0, timestamp, key, value, list(headers))
        count += 1
        if count == 1 and builder.size() > max_bytes:
            raise RecordTooLarge(index, builder.size(), max_bytes)
    if count:
        batches.append(builder.build())
    if log_append_time:
        for batch in batches:
            stamp_log_append_time(batch, now_ms)
    return batches


def size_alone(record: NewRecord) -> int:
    """Give the size of the batch that a record makes alone, in bytes."""
    builder = _new_builder(MAX_BATCH_BYTES)
    builder.append(0, record.timestamp_ms or 0, record.key, record.value, list(record.headers))
    return int(builder.size())


def check_size(record: NewRecord, max_bytes: int) -> None:
    """Refuse a record that makes too large a batch even alone.

    Raises:
        RecordTooLarge: it does; as its index 0 stands.
    """
    bound = DefaultRecordBatchBuilder.estimate_size_in_bytes(record.key, record.value, list(record.headers))
    if bound > max_bytes and (size := size_alone(record)) > max_bytes:
        raise RecordTooLarge(0, size, max_bytes)


def _new_builder(max_bytes: int) -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(MAGIC, 0, 0, -1, -1, -1, max_bytes)


def place(batch: bytearray | memoryview, base_offset: int) -> bytes:
    """Copy a batch for the log, with the offset of its first record: the only copy that is made of it."""
    view = memoryview(batch)
    return b"".join(
        (_BASE_OFFSET.pack(base_offset), view[_LENGTH_AT:_LEADER_EPOCH_AT], _LEADER_EPOCH_BYTES, view[_MAGIC_AT:])
    )


def stamp_log_append_time(batch: bytearray, now_ms: int) -> None:
    """Give all records of a batch the broker's time, as `message.timestamp.type=LogAppendTime` asks."""
    (attributes,) = _ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)
    _ATTRIBUTES.pack_into(batch, _ATTRIBUTES_AT, attributes | LOG_APPEND_TIME_BIT)
    _MAX_TIMESTAMP.pack_into(batch, _MAX_TIMESTAMP_AT, now_ms)
    _seal(batch)


def stamp_create_time(batch: bytearray, max_timestamp_ms: int) -> None:
    """Say that a batch's records carry times of their own, of which none is later than `max_timestamp_ms`."""
    (attributes,) = _ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)
    _ATTRIBUTES.pack_into(batch, _ATTRIBUTES_AT, attributes & ~LOG_APPEND_TIME_BIT)
    _MAX_TIMESTAMP.pack_into(batch, _MAX_TIMESTAMP_AT, max_timestamp_ms)
    _seal(batch)


def _seal(batch: bytearray) -> None:
    _CRC.pack_into(batch, _CRC_AT, crc32c(memoryview(batch)[_ATTRIBUTES_AT:]))


def base_offset(batch: bytes | bytearray) -> int:
    """Read the offset of the batch's first record."""
    return int(_BASE_OFFSET.unpack_from(batch, 0)[0])


def next_offset(batch: bytes | bytearray) -> int:
    """Read the offset after the batch's last record."""
    return base_offset(batch) + int(_LAST_OFFSET_DELTA.unpack_from(batch, _LAST_OFFSET_DELTA_AT)[0]) + 1


def record_count(batch: bytes | bytearray) -> int:
    """Read how many records the batch says it holds."""
    return int(_RECORD_COUNT.unpack_from(batch, _RECORD_COUNT_AT)[0])


def max_timestamp(batch: bytes | bytearray) -> int:
    """Read the latest timestamp of the batch's records, in milliseconds."""
    return int(_MAX_TIMESTAMP.unpack_from(batch, _MAX_TIMESTAMP_AT)[0])


def compression(batch: bytes | bytearray) -> int:
    """Read the number of the batch's codec; 0 is none."""
    return int(_ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)[0]) & COMPRESSION_BITS


def is_plain(batch: bytes) -> bool:
    """Tell whether the batch holds records that need no decompression."""
    return not batch[_ATTRIBUTES_AT + 1] & (COMPRESSION_BITS | CONTROL_BIT)


def is_control(batch: bytes | bytearray) -> bool:
    """Tell whether the batch holds transaction markers, which are for clients' libraries and no records."""
    return bool(_ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)[0] & CONTROL_BIT)


def with_records(batch: bytes, records: bytes) -> bytes:
    """Give the batch with its records uncompressed; its length and CRC are those of the compressed one."""
    header = bytearray(batch[:HEADER_BYTES])
    (attributes,) = _ATTRIBUTES.unpack_from(header, _ATTRIBUTES_AT)
    _ATTRIBUTES.pack_into(header, _ATTRIBUTES_AT, attributes & ~COMPRESSION_BITS)
    return bytes(header) + records


def read_records(batch: bytes, from_offset: int = 0) -> Iterator[Record]:
    """Decode a batch's records from an offset on, one after the other; those before it cost next to nothing."""
    new = tuple.__new__  # a NamedTuple's own constructor takes twice as long
    for record in DefaultRecordBatch(batch):
        offset = record.offset
        if offset >= from_offset:
            yield new(Record, (offset, record.timestamp, record.key, record.value, tuple(record.headers)))


class Rewriter:
    """Makes a batch that holds only some of another one's records, each at the offset that it has.

    As Kafka's cleaner does, it keeps what names the batch: base offset, last offset, codec, kind of timestamps, and the
    fields of its producer. The offsets of the records that are left out become holes.
    """

    def __init__(self, batch: bytes) -> None:
        (attributes,) = _ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)
        self._original = batch
        self._log_append_time = attributes & LOG_APPEND_TIME_BIT
        self._builder = DefaultRecordBatchBuilder(
            MAGIC,
            attributes & COMPRESSION_BITS,
            bool(attributes & TRANSACTIONAL_BIT),
            *_PRODUCER.unpack_from(batch, _PRODUCER_AT),
            MAX_BATCH_BYTES,
        )

    def keep(self, record: Record) -> None:
        """Take one of the batch's records, in their order."""
        delta = record.offset - base_offset(self._original)
        self._builder.append(delta, record.timestamp_ms, record.key, record.value, list(record.headers))

    def build(self) -> bytes:
        """Give the new batch, compressed as the old one was."""
        batch = self._builder.build()
        _LAST_OFFSET_DELTA.pack_into(
            batch, _LAST_OFFSET_DELTA_AT, next_offset(self._original) - base_offset(self._original) - 1
        )
        if self._log_append_time:
            stamp_log_append_time(batch, max_timestamp(self._original))
        else:
            _seal(batch)
        return place(batch, base_offset(self._original))
