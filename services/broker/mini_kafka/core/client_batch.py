"""A batch that a Kafka client sent: checked as Kafka checks it, and never opened.

The rules are Apache Kafka 4's, in its order (ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords and
LogValidator in the Java sources), as far as the header tells: one batch for a partition, magic 2, sizes, CRC-32C,
offsets and count that agree, no control records, a codec that exists, times within the topic's bounds. Kafka also reads
every record; here the header is believed, and only a compacted topic's records are looked at, for their keys.
"""

import struct
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from crc32c import crc32c

from mini_kafka.core import record_batch
from mini_kafka.core.decompression import CODECS, Undecodable, decompress
from mini_kafka.core.errors import (
    BatchTooLarge,
    CorruptBatch,
    InvalidBatch,
    TimestampOutOfRange,
    TransactionsUnsupported,
    UnsupportedCompression,
)
from mini_kafka.core.topic_config import TopicConfig

ZSTD = 4
NO_PRODUCER = -1
_SIZE_AND_MAGIC = struct.Struct(">8xi4xb")
_HEADER = struct.Struct(">q9xIhiqqqhii")
_LENGTH_BEFORE = 12
_LEAST_LENGTH = 14
"""What the shortest record of any format needs after its length: less is no record at all."""
_LEAST_RECORD_BYTES = 7
"""What an empty record takes: one byte each for its length, attributes, two deltas, key, value and headers."""
_MAX_NAMED_RECORDS = 100
"""How many keyless records a refusal names: a client needs one, and a batch may hold a million."""


class ClientBatch(NamedTuple):
    """A batch that the log may take, and what the header says that its owner has to know."""

    data: memoryview | bytearray
    record_count: int
    max_timestamp_ms: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    is_compressed: bool = False


def check(records: memoryview, config: TopicConfig, now_ms: int, *, may_be_zstd: bool = True) -> ClientBatch:
    """Check what a client sent for one partition, and give the one batch in it.

    The times of records in a LogAppendTime topic become `now_ms`, and a batch whose header says no time gets it too,
    so that retention knows its age; both give it another CRC. Everything else stays as it came.

    Raises:
        InvalidBatch, CorruptBatch, UnsupportedCompression, TransactionsUnsupported, BatchTooLarge, TimestampOutOfRange:
            it cannot be appended; the text says why.
    """
    size = _size_of_first(records)
    data = records[:size]
    if size < record_batch.HEADER_BYTES:
        raise CorruptBatch(f"a batch cannot have {size} bytes: its header alone has {record_batch.HEADER_BYTES}")
    (
        base_offset, crc, attributes, last_offset_delta, base_timestamp, max_timestamp,
        producer_id, producer_epoch, base_sequence, count,
    ) = _HEADER.unpack_from(data)  # fmt: skip
    codec = attributes & record_batch.COMPRESSION_BITS
    if codec == ZSTD and not may_be_zstd:
        raise UnsupportedCompression(
            "zstd is allowed from version 7 of Produce on: use another codec or a newer client"
        )
    if len(records) != size and _has_second(records[size:]):
        raise InvalidBatch("there are several batches for one partition: send one batch a partition in each request")
    if attributes & record_batch.TRANSACTIONAL_BIT:
        raise TransactionsUnsupported
    if base_offset != 0:
        raise InvalidBatch(f"the batch has base offset {base_offset}: a producer's batches begin at offset 0")
    if size > config.max_message_bytes:
        raise BatchTooLarge(size, config.max_message_bytes)
    if crc != crc32c(data[record_batch.CHECKED_FROM :]):
        raise CorruptBatch(f"the batch's bytes do not have its CRC-32C ({crc}): it was damaged on the way")
    _check_fields(attributes, count, last_offset_delta, producer_id, base_sequence)
    if count * _LEAST_RECORD_BYTES > (record_batch.MAX_BATCH_BYTES if codec else size - record_batch.HEADER_BYTES):
        raise InvalidBatch(f"the batch cannot hold {count} records in its {size} bytes")
    stamped, latest = _stamp(data, config, now_ms, attributes, base_timestamp, max_timestamp)
    return ClientBatch(stamped, count, latest, producer_id, producer_epoch, base_sequence, codec != 0)


def keyless_records(batch: ClientBatch, max_bytes: int) -> Sequence[int]:
    """Name the records without a key, the first hundred, by their place in the batch; work for a thread.

    Raises:
        InvalidBatch: the records cannot be read, or become more than `max_bytes` when they are decompressed.
    """
    try:
        opened = decompress(bytes(batch.data), max_bytes)
        records = enumerate(record_batch.read_records(opened))
        return list(islice((place for place, record in records if record.key is None), _MAX_NAMED_RECORDS))
    except Undecodable as error:
        raise InvalidBatch(f"{error}, and a compacted topic's records are looked at for their keys") from error
    except Exception as error:  # a valid CRC may cover anything, and the decoder raises what it likes
        raise InvalidBatch(f"the records cannot be read: {str(error) or type(error).__name__}") from error


def _size_of_first(records: memoryview) -> int:
    """Say how many bytes the first batch has.

    Raises:
        InvalidBatch: there is no whole one, or it is of an older format.
        CorruptBatch: this is not the start of one.
    """
    if len(records) < _SIZE_AND_MAGIC.size:
        raise InvalidBatch(f"there is no batch in {len(records)} bytes of records")
    length, magic = _SIZE_AND_MAGIC.unpack_from(records)
    if length < _LEAST_LENGTH:
        raise CorruptBatch(f"a batch says that {length} bytes follow, and none has less than {_LEAST_LENGTH}")
    if not 0 <= magic <= record_batch.MAGIC:
        raise CorruptBatch(f"there is no message format {magic}")
    if len(records) < length + _LENGTH_BEFORE:
        raise InvalidBatch(f"a batch of {length + _LENGTH_BEFORE} bytes ends after {len(records)}")
    if magic != record_batch.MAGIC:
        raise InvalidBatch(
            f"message format {magic} is not taken any more, as in Kafka 4: use format 2 (a client of 2017)"
        )
    return int(length) + _LENGTH_BEFORE


def _has_second(rest: memoryview) -> bool:
    """Tell whether another whole batch follows; the start of one is passed over, as Kafka does.

    Raises:
        CorruptBatch: what follows is long enough and no batch.
    """
    if len(rest) < _SIZE_AND_MAGIC.size:
        return False
    length, magic = _SIZE_AND_MAGIC.unpack_from(rest)
    if length < _LEAST_LENGTH or not 0 <= magic <= record_batch.MAGIC:
        raise CorruptBatch(f"{len(rest)} bytes that are no batch follow the batch")
    return len(rest) >= int(length) + _LENGTH_BEFORE


def _check_fields(attributes: int, count: int, last_offset_delta: int, producer_id: int, base_sequence: int) -> None:
    """Refuse a header whose fields contradict each other, or say what no client may.

    Raises:
        InvalidBatch, UnsupportedCompression: the text says which.
    """
    if count <= 0 or last_offset_delta != count - 1:
        raise InvalidBatch(f"the batch has {count} records and last offset delta {last_offset_delta}: that is no batch")
    if attributes & record_batch.CONTROL_BIT:
        raise InvalidBatch("the batch holds control records, which only brokers write")
    if producer_id >= 0 and base_sequence < 0:
        raise InvalidBatch(f"the batch has producer id {producer_id} and sequence {base_sequence}: it begins at 0")
    codec = attributes & record_batch.COMPRESSION_BITS
    if codec and codec not in CODECS:
        raise UnsupportedCompression(
            f"codec {codec} is unknown: use gzip (1), snappy (2), lz4 (3), zstd (4) or none (0)"
        )


def _stamp(
    data: memoryview, config: TopicConfig, now_ms: int, attributes: int, base_timestamp: int, max_timestamp: int
) -> tuple[memoryview | bytearray, int]:
    """Apply the topic's rules about time, and give the batch as it is to be stored, and its latest time.

    Raises:
        TimestampOutOfRange: a time is outside the topic's bounds, or the producer claims that it is the broker's.
    """
    says_append_time = attributes & record_batch.LOG_APPEND_TIME_BIT
    if config.log_append_time:
        if says_append_time:
            raise TimestampOutOfRange("the batch says LogAppendTime, which only the broker may say")
        stamped = bytearray(data)
        record_batch.stamp_log_append_time(stamped, now_ms)
        return stamped, now_ms
    latest = max(base_timestamp, max_timestamp)
    earliest = min(base_timestamp, max_timestamp)
    lowest, highest = config.times_taken(now_ms)
    if latest >= 0 and (latest > highest or earliest < lowest):
        raise TimestampOutOfRange(
            f"the records' times, {earliest} to {latest}, are not all within {lowest} to {highest}: see the topic's"
            " message.timestamp.before.max.ms and message.timestamp.after.max.ms"
        )
    if latest < 0:
        latest = now_ms  # a batch without a time would be older than everything
    if latest == max_timestamp and not says_append_time:
        return data, latest
    stamped = bytearray(data)
    record_batch.stamp_create_time(stamped, latest)
    return stamped, latest
