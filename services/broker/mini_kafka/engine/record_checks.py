"""Which records no topic of this kind takes: what is checked of a produce before anything of it is appended."""

from collections.abc import Sequence

from mini_kafka.core import record_batch
from mini_kafka.core.errors import InvalidRecord, InvalidTimestamp, RecordTooLarge
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.topic_config import TopicConfig

MAX_TIMESTAMP_MS = 2**63 - 1


def check_records(topic: str, partitions: int, config: TopicConfig, records: Sequence[NewRecord], now_ms: int) -> None:
    """Refuse a record that its topic cannot hold, at this time.

    Raises:
        InvalidRecord, InvalidTimestamp: the text says which and why.
        RecordTooLarge: key and value alone are over the limit.
    """
    max_bytes = config.max_message_bytes
    needs_key = config.compacts
    earliest, latest = config.times_taken(now_ms)
    for index, (value, key, _, timestamp_ms, partition) in enumerate(records):
        size = len(value or b"") + len(key or b"")
        if size > max_bytes:
            raise RecordTooLarge(index, size + record_batch.HEADER_BYTES, max_bytes)
        if partition is not None and not 0 <= partition < partitions:
            raise InvalidRecord(index, f"is for partition {partition}, and topic {topic!r} has 0 to {partitions - 1}")
        if timestamp_ms is not None and not 0 <= timestamp_ms <= MAX_TIMESTAMP_MS:
            raise InvalidTimestamp(index, f"has the timestamp {timestamp_ms}: it is milliseconds since 1970, from 0 on")
        if timestamp_ms is not None and not earliest <= timestamp_ms <= latest:
            raise InvalidTimestamp(
                index,
                f"has the timestamp {timestamp_ms}, and topic {topic!r} takes {earliest} to {latest} now: see its"
                " message.timestamp.before.max.ms and message.timestamp.after.max.ms",
            )
        if needs_key and key is None:
            raise InvalidRecord(index, f"has no key, and topic {topic!r} keeps the last record of each: give it one")
