"""Compaction against a plain list of records: whatever happens between two steps, nothing that counts is lost.

The model knows no batch, no run and no key map. It keeps every record that was appended and not dropped from the
head, and judges what the log still holds: what may be missing, and after a whole pass what must be.
"""

from itertools import pairwise

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mini_kafka.core import compaction, partition_log, record_batch
from mini_kafka.core.compaction import KEY_OVERHEAD_BYTES, Limits, Pass, Steps
from mini_kafka.core.decompression import decompress
from mini_kafka.core.memory_budget import MemoryBudget, cost_of
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.record_batch import Record
from mini_kafka.core.topic_config import TopicConfig

ALL = 2**31
RETENTION_MS = 100
pairs = st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.none() | st.binary(max_size=3), st.integers(0, 20))


class CompactionModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.budget = MemoryBudget(2**40)
        self.log = PartitionLog(self.budget)
        self.config = TopicConfig(cleanup_policy="compact,delete", delete_retention_ms=RETENTION_MS)
        self.now_ms = 1_000
        self.appended: list[Record] = []
        self.last_batch_at = 0
        self.steps: Steps | None = None
        self.wanted = True
        self.end = 0
        self.seen: dict[int, int] = {}  # when a pass that reached a tombstone was first completed

    @initialize(
        stride=st.sampled_from([1, 2, 5, 256]), fetched=st.integers(1, 4), keys=st.sampled_from([1, 2, 3, 1000])
    )
    def choose(self, stride: int, fetched: int, keys: int) -> None:
        self.patch.setattr(partition_log, "STRIDE", stride)
        self.patch.setattr(compaction, "STEP_RECORDS", 1)
        self.patch.setattr(compaction, "FETCH_BATCHES", fetched)
        self.limits = Limits(2**20, keys * (KEY_OVERHEAD_BYTES + 1))
        self.unlimited = keys == 1000

    def teardown(self) -> None:
        self.patch.undo()

    @rule(
        batches=st.lists(st.lists(pairs, min_size=1, max_size=5), min_size=1, max_size=6),
        codec=st.sampled_from([0, 0, 3]),
    )
    def append(self, batches: list[list[tuple[bytes, bytes | None, int]]], codec: int) -> None:
        for drawn in batches:
            builder = DefaultRecordBatchBuilder(2, codec, False, 7, 0, 1, ALL - 1)
            self.last_batch_at = self.log.log_end_offset
            for delta, (key, value, timestamp_ms) in enumerate(drawn):
                builder.append(delta, timestamp_ms, key, value, [])
                self.appended.append(Record(self.last_batch_at + delta, timestamp_ms, key, value))
            self.log.append(builder.build())

    @rule(times=st.integers(1, 4))
    def drop(self, times: int) -> None:
        for _ in range(min(times, self.log.batch_count)):
            self.log.drop_head()

    @rule(delay_ms=st.sampled_from([1, RETENTION_MS // 2, RETENTION_MS]))
    def wait(self, delay_ms: int) -> None:
        self.now_ms += delay_ms

    @precondition(lambda self: self.steps is None)
    @rule()
    def begin(self) -> None:
        self.wanted = True
        self.began_ms, self.end = self.now_ms, self.last_batch_at
        self.snapshot = self.log.log_end_offset
        self.steps = Pass(self.log, self.config, self.now_ms, self.limits, lambda: self.wanted).steps()

    @precondition(lambda self: self.steps is not None)
    @rule(count=st.integers(1, 30))
    def go_on(self, count: int) -> None:
        assert self.steps is not None
        for _ in range(count):
            try:
                assert next(self.steps) is None
            except StopIteration:
                self.steps = None
                if self.wanted:
                    self.finished()
                return

    @precondition(lambda self: self.steps is None)
    @rule()
    def whole_pass(self) -> None:
        self.begin()
        while self.steps is not None:
            self.go_on(1000)

    @precondition(lambda self: self.steps is not None)
    @rule(seldom=st.integers(0, 4))
    def give_up(self, seldom: int) -> None:
        if not seldom:
            self.wanted = False

    def held(self) -> list[Record]:
        batches = self.log.fetch(self.log.log_start_offset, ALL)
        return [record for batch in batches for record in record_batch.read_records(decompress(batch, ALL))]

    def finished(self) -> None:
        """Judge the log after a whole pass: below its end no key stands twice, up to what it saw."""
        held = self.held()
        if self.unlimited:
            last = {record.key: record.offset for record in held if record.offset < self.snapshot}
            assert all(last[record.key] == record.offset for record in held if record.offset < self.end)
            assert self.log.cleaning.end_offset >= self.end
        for record in held:
            if record.value is None and record.offset < self.log.cleaning.end_offset:
                first_ms = self.seen.setdefault(record.offset, self.began_ms)
                assert first_ms + RETENTION_MS > self.began_ms or record.offset >= self.end or not self.unlimited

    @invariant()
    def nothing_is_lost_but_what_may_be(self) -> None:
        held = {record.offset: record for record in self.held()}
        start, end = self.log.log_start_offset, self.log.log_end_offset
        assert end == len(self.appended)
        last = {record.key: record.offset for record in self.appended}
        for record in self.appended[start:]:
            if record.offset in held:
                assert held[record.offset] == record
                continue
            assert record.offset < self.end, "the pass began before this record could be cleaned"
            if last[record.key] == record.offset:
                assert record.value is None
                assert self.seen[record.offset] + RETENTION_MS <= self.now_ms

    @invariant()
    def the_log_counts_what_it_holds(self) -> None:
        batches = self.log.fetch(self.log.log_start_offset, ALL)
        assert self.budget.used == sum(map(cost_of, batches))
        assert self.log.size_bytes == sum(map(len, batches))
        assert self.log.batch_count == len(batches)
        assert self.log.record_count == len(self.held())
        offsets = [record.offset for record in self.held()]
        assert all(one < next_one for one, next_one in pairwise(offsets))

    @invariant()
    def every_offset_and_time_finds_what_a_walk_finds(self) -> None:
        batches = self.log.fetch(self.log.log_start_offset, ALL)
        passed = 0
        for offset in range(self.log.log_start_offset, self.log.log_end_offset + 1):
            while passed < len(batches) and record_batch.next_offset(batches[passed]) <= offset:
                passed += 1
            wanted = batches[passed:]
            assert self.log.fetch(offset, ALL) == wanted
            assert wanted or offset == self.log.log_end_offset, "a hole with nothing behind it"
        for time in range(0, 22, 3):
            later = (batch for batch in batches if record_batch.max_timestamp(batch) >= time)
            assert self.log.batch_for_timestamp(time) == next(later, None)


TestCompactionModel = CompactionModel.TestCase
