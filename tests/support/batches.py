"""Record batches for tests, as an engine builds them."""

from mini_kafka.core.record_batch import NewRecord, build_batches


def new_batch(*values: bytes, timestamp_ms: int = 0) -> bytearray:
    """Build one batch of records with these values and one timestamp."""
    records = [NewRecord(value, timestamp_ms=timestamp_ms) for value in values or (b"value",)]
    [batch] = build_batches(records, now_ms=0, max_bytes=2**31 - 1)
    return batch


def keyed_batch(*pairs: tuple[bytes | None, bytes | None], timestamp_ms: int = 0) -> bytearray:
    """Build one batch of records with these keys and values and one timestamp."""
    records = [NewRecord(value, key, timestamp_ms=timestamp_ms) for key, value in pairs]
    [batch] = build_batches(records, now_ms=0, max_bytes=2**31 - 1)
    return batch
