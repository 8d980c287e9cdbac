"""Record batches as Kafka clients send them, right and wrong: any field of the header can be said."""

import struct
from collections.abc import Sequence

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

NO_PRODUCER = (-1, -1, -1)
FIELDS = {
    "base_offset": (0, ">q"),
    "length": (8, ">i"),
    "leader_epoch": (12, ">i"),
    "magic": (16, ">b"),
    "attributes": (21, ">h"),
    "last_offset_delta": (23, ">i"),
    "base_timestamp": (27, ">q"),
    "max_timestamp": (35, ">q"),
    "producer_id": (43, ">q"),
    "producer_epoch": (51, ">h"),
    "base_sequence": (53, ">i"),
    "record_count": (57, ">i"),
}
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


def client_batch(
    *values: bytes,
    keys: Sequence[bytes | None] = (),
    timestamp_ms: int = 1_700_000_000_000,
    codec: int = 0,
    producer: tuple[int, int, int] = NO_PRODUCER,
    transactional: bool = False,
    **fields: int,
) -> bytes:
    """Build a batch with these values; `fields` overwrite what the header says, under a CRC that is right."""
    builder = DefaultRecordBatchBuilder(2, codec, transactional, *producer, 2**31 - 1)
    for index, value in enumerate(values or (b"value",)):
        key = keys[index] if index < len(keys) else None
        builder.append(index, timestamp_ms, key, value, [])
    batch = bytearray(builder.build())
    for name, number in fields.items():
        place, form = FIELDS[name]
        struct.pack_into(form, batch, place, number)
    return _sealed(batch)


def with_records(batch: bytes, byte: bytes) -> bytes:
    """Give a batch whose records are this byte all over, under a CRC that is right."""
    return _sealed(bytearray(batch[:61] + byte * (len(batch) - 61)))


def _sealed(batch: bytearray) -> bytes:
    struct.pack_into(">I", batch, 17, calc_crc32c(memoryview(batch)[21:]))
    return bytes(batch)


def with_broken_crc(batch: bytes) -> bytes:
    """Give a batch whose last byte is not the one that was sent."""
    return batch[:-1] + bytes([batch[-1] ^ 1])
