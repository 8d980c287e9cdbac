"""What a log may forget, and when: whole batches from the head, by age and by size.

The rules are Kafka's (`retention.ms`, `retention.bytes`), with a batch where Kafka has a segment: the first batch
that must stay protects all behind it, and a log never falls below `retention.bytes` by dropping. A topic whose
`cleanup.policy` is `compact` alone forgets nothing by age or size.
Nothing here knows the time; the owner asks `next_deadline_ms` and comes back then.
"""

from mini_kafka.core import record_batch
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic_config import TopicConfig

GRACE_MS = 300_000
"""Kafka looks every five minutes (log.retention.check.interval.ms) for what is too old, and programs rely on it: they
produce records with times of their own, such as 1, 2 and 3, and expect to read them."""


def enforce(log: PartitionLog, config: TopicConfig, now_ms: int, max_batches: int) -> bool:
    """Drop what the configs allow, at most `max_batches` batches, and say whether there is more to drop."""
    for _ in range(max_batches):
        if not _may_drop_head(log, config, now_ms):
            return False
        log.drop_head()
    return _may_drop_head(log, config, now_ms)


def enforce_size(log: PartitionLog, config: TopicConfig, max_batches: int) -> bool:
    """Drop what is over the size limit or hidden, whatever its age, and say whether there is more of it."""
    for _ in range(max_batches):
        if not _is_head_over(log, config):
            return False
        log.drop_head()
    return _is_head_over(log, config)


def begin(log: PartitionLog, config: TopicConfig, now_ms: int) -> None:
    """Look at the first record of a log that was empty: one that is too old already stays for `GRACE_MS`."""
    deadline_ms = next_deadline_ms(log, config)
    if deadline_ms is not None and deadline_ms <= now_ms:
        log.keep_until_ms = now_ms + GRACE_MS


def drain(log: PartitionLog, max_batches: int) -> bool:
    """Drop whatever a deleted topic's log holds, at most `max_batches` batches, and say whether there is more."""
    for _ in range(min(max_batches, log.batch_count)):
        log.drop_head()
    return log.batch_count > 0


def next_deadline_ms(log: PartitionLog, config: TopicConfig) -> int | None:
    """Give the time at which the log's oldest batch expires, or None when none ever does."""
    head = log.head()
    if head is None or config.retention_ms < 0 or not config.deletes:
        return None
    return max(record_batch.max_timestamp(head) + config.retention_ms + 1, log.keep_until_ms)


def _may_drop_head(log: PartitionLog, config: TopicConfig, now_ms: int) -> bool:
    if _is_head_over(log, config):
        return True
    deadline_ms = next_deadline_ms(log, config)
    return deadline_ms is not None and deadline_ms <= now_ms


def _is_head_over(log: PartitionLog, config: TopicConfig) -> bool:
    head = log.head()
    if head is None:
        return False
    if record_batch.next_offset(head) <= log.log_start_offset:
        return True  # hidden already: somebody has deleted the records below an offset
    return config.deletes and 0 <= config.retention_bytes <= log.size_bytes - len(head)
