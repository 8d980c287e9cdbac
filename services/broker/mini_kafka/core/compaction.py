"""What a compacted log keeps: of each key the last record, at the offset that it has always had.

A pass (Kafka's `cleanup.policy=compact`) learns the last offset of each key that was written since the pass before,
then goes over the log from its start and leaves out what has a later one. Tombstones stay for `delete.retention.ms`
after the pass that first reached them, so that a reader who is under way sees that a key is gone. The log's last
batch is never rewritten, as Kafka's active segment is not, so behind every hole stands a batch; offsets and both ends
of the log stay as they are. A batch that cannot be decoded stays as it is, and so do transaction markers. A record
without a key, from before the topic was compacted, goes, as in Kafka.

A pass is a generator of small steps: between two of them the log may grow, lose its head or be emptied. It knows no
time and no thread. Work that is too long for a step is handed out as a function, and its result is sent back in.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from mini_kafka.core import record_batch
from mini_kafka.core.decompression import TooWide, Undecodable, decompress
from mini_kafka.core.inert_configs import INT64_MAX
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.record_batch import Record, Rewriter, read_records
from mini_kafka.core.topic_config import TopicConfig

STEP_RECORDS = 100
"""Records and batches that are looked at in one step: 0.5 ms where each record is a batch of its own."""
FETCH_BATCHES = 100
FETCH_BYTES = 1024 * 1024
"""How much is taken out of the log at once, and may outlive its retention for a step or two."""
INLINE_BYTES = 64 * 1024
"""Batches of more are compressed, decompressed and checksummed away from the loop: gzip takes 2 ms for that much."""
KEY_OVERHEAD_BYTES = 160
"""What a key costs beside its bytes while a pass remembers it: its object (33, and 15 of rounding), the offset (32),
and its place in a dictionary that has just grown (80)."""
KEY_SHARDS = 64
"""Dictionaries that share the keys: one that grows or goes stalls the loop for a 64th of what one for all would."""

Heavy = Callable[[], bytes]
Steps = Generator[Heavy | None, bytes, None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How wide a batch may open, and how many bytes the keys of one pass may take.

    A pass ends where its keys fill theirs, and the next one goes on there.
    """

    max_decompressed_bytes: int
    key_map_bytes: int


def is_due(log: PartitionLog, config: TopicConfig, now_ms: int) -> bool:
    """Tell whether a pass is worth its while: by Kafka's rules, or because a tombstone has stayed long enough.

    Kafka's are: more than `min.cleanable.dirty.ratio` of the bytes that may be cleaned are dirty, or the oldest dirty
    batch is older than `max.compaction.lag.ms`.
    """
    tombstone = log.cleaning.first_tombstone
    if tombstone is not None and tombstone < log.cleaning.expired_before(now_ms, config.delete_retention_ms):
        return True
    dirty_from = _dirty_from(log)
    _, dirty_bytes = log.measure(dirty_from, _no_later_than_ms(config, now_ms))
    if not dirty_bytes:
        return False
    _, clean_bytes = log.measure(log.log_start_offset, INT64_MAX)
    clean_bytes -= log.measure(dirty_from, INT64_MAX)[1]
    if dirty_bytes > config.min_cleanable_dirty_ratio * (clean_bytes + dirty_bytes):
        return True
    [oldest] = log.fetch(dirty_from, 0, 1)
    return now_ms - record_batch.max_timestamp(oldest) > config.max_compaction_lag_ms


def is_settled(log: PartitionLog) -> bool:
    """Tell whether nothing is left to clean, now or later, unless something is appended."""
    return log.cleaning.first_tombstone is None and not log.measure(_dirty_from(log), INT64_MAX)[1]


def _dirty_from(log: PartitionLog) -> int:
    return max(log.cleaning.end_offset, log.log_start_offset)


def _no_later_than_ms(config: TopicConfig, now_ms: int) -> int:
    """Give the latest time of a batch that `min.compaction.lag.ms` lets go; without it, any time."""
    return now_ms - config.min_compaction_lag_ms if config.min_compaction_lag_ms else INT64_MAX


class Pass:
    """One pass over one log. `wanted` is asked between the steps; once it says no, nothing more is changed."""

    def __init__(
        self, log: PartitionLog, config: TopicConfig, now_ms: int, limits: Limits, wanted: Callable[[], bool]
    ) -> None:
        self._log = log
        self._now_ms = now_ms
        self._limits = limits
        self._wanted = wanted
        self._keys = KeyOffsets(limits.key_map_bytes)
        self._dirty_from = _dirty_from(log)
        self._end, _ = log.measure(self._dirty_from, _no_later_than_ms(config, now_ms))
        # without a lag, what the last batch holds counts as later already, although it is not rewritten
        self._until = self._end if config.min_compaction_lag_ms else log.log_end_offset
        self._expired_before = log.cleaning.expired_before(now_ms, config.delete_retention_ms)
        self._first_tombstone: int | None = None
        self._effort = 0

    def steps(self) -> Steps:
        """Do the pass, a step at a time."""
        yield from self._each(self._dirty_from, self._learn)
        self._end = self._until = min(self._end, self._until)
        yield from self._each(self._log.log_start_offset, self._rewrite)
        if self._wanted():
            self._log.cleaning = self._log.cleaning.with_pass(self._end, self._now_ms, self._first_tombstone)
        yield from self._keys.release()

    def _each(self, offset: int, work: Callable[[bytes], Steps]) -> Steps:
        """Do something with every batch of records from an offset on; one that cannot be decoded is passed over."""
        while self._wanted():
            batches = self._log.fetch(max(offset, self._log.log_start_offset), FETCH_BYTES, FETCH_BATCHES)
            for batch in batches:
                if record_batch.base_offset(batch) >= self._until:
                    return
                if not record_batch.is_control(batch):
                    with suppress(Undecodable):
                        yield from work(batch)
                if self._makes_a_step():
                    yield None
            if not batches:
                return
            offset = record_batch.next_offset(batches[-1])

    def _learn(self, batch: bytes) -> Steps:
        """Note the keys of a batch; all of it is decoded first, because one that cannot be has no last records."""
        opened = yield from self._open(batch)
        yield from self._survey(opened)
        for record in read_records(opened):
            if self._dirty_from <= record.offset < self._until and record.key is not None:
                if not self._keys.note(record.key, record.offset):
                    self._until = record.offset
                if self._makes_a_step():
                    yield None

    def _rewrite(self, batch: bytes) -> Steps:
        """Replace a batch by one without the records that may go, if there are any."""
        opened = yield from self._open(batch)
        kept, tombstone = yield from self._survey(opened)
        if self._first_tombstone is None:
            self._first_tombstone = tombstone
        if kept == record_batch.record_count(batch):
            return
        rewritten = None
        if kept:
            rewriter = Rewriter(batch)
            for record in read_records(opened):
                if self._stays(record):
                    rewriter.keep(record)
                if self._makes_a_step():
                    yield None
            rewritten = rewriter.build() if len(opened) <= INLINE_BYTES else (yield rewriter.build)
        if self._wanted():
            self._log.replace(batch, rewritten)

    def _open(self, batch: bytes) -> Generator[Heavy | None, bytes, bytes]:
        """Decompress a batch.

        Raises:
            Undecodable: it is too wide, or is not what it says it is.
        """
        limit = self._limits.max_decompressed_bytes
        try:
            return decompress(batch, min(INLINE_BYTES, limit))
        except TooWide:
            return (yield partial(decompress, batch, limit))

    def _survey(self, opened: bytes) -> Generator[None, bytes, tuple[int, int | None]]:
        """Decode a whole batch: count the records that stay, and find the first tombstone that does.

        Raises:
            Undecodable: one of its records cannot be decoded.
        """
        kept = 0
        tombstone = None
        records = read_records(opened)
        while True:
            try:
                record = next(records, None)
            except Exception as error:  # a valid CRC may cover anything, and the decoder raises what it likes
                raise Undecodable(str(error)) from error
            if record is None:
                return kept, tombstone
            if self._stays(record):
                kept += 1
                if tombstone is None and record.value is None:
                    tombstone = record.offset
            if self._makes_a_step():
                yield None

    def _stays(self, record: Record) -> bool:
        if record.key is None or self._keys.last_offset(record.key) > record.offset:
            return False
        return record.value is not None or record.offset >= self._expired_before

    def _makes_a_step(self) -> bool:
        """Count a record that was looked at, or a batch, and tell whether that makes a step."""
        self._effort += 1
        if self._effort < STEP_RECORDS:
            return False
        self._effort = 0
        return True


class KeyOffsets:
    """The last offset of each key, for at most `max_bytes` of keys but at least one."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._shards: list[dict[bytes, int]] = [{} for _ in range(KEY_SHARDS)]

    def note(self, key: bytes, offset: int) -> bool:
        """Note a later offset of a key, unless it is a new key and there is no room for it."""
        shard = self._shards[hash(key) % KEY_SHARDS]
        if key not in shard:
            cost = len(key) + KEY_OVERHEAD_BYTES
            if self._bytes and self._bytes + cost > self._max_bytes:
                return False
            self._bytes += cost
        shard[key] = offset
        return True

    def last_offset(self, key: bytes) -> int:
        """Give a key's last offset, or -1 for one that was not noted."""
        return self._shards[hash(key) % KEY_SHARDS].get(key, -1)

    def release(self) -> Iterator[None]:
        """Forget all keys, some in each step."""
        while self._shards:
            self._shards.pop()
            yield
