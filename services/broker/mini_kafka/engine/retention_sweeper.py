"""Retention at work: one timer for all logs, and passes in slices that never hold the loop for long.

The rules are `core.retention`'s. This room decides when they are applied: at an append where size decides, at the
earliest deadline where age does, and bit by bit for the logs of a deleted topic.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from mini_kafka.core import retention
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.topic import Topics
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.clock import Clock, Timer

MIN_INTERVAL_MS = 1_000
"""Passes are at least this far apart: retention to the second is exact enough, and a busy log would cause
a pass per batch."""
BATCHES_PER_STEP = 100
STEPS_PER_SLICE = 20
"""A slice drops at most 2,000 batches: about 2 ms."""


class RetentionSweeper:
    """Applies retention to all topics' logs."""

    def __init__(self, clock: Clock, topics: Topics) -> None:
        self._clock = clock
        self._topics = topics
        self._doomed: deque[PartitionLog] = deque()
        self._timer: Timer | None = None
        self._due_ms: int | None = None
        self._pass: Iterator[None] | None = None
        self._earliest_ms: int | None = None
        self._closed = False

    def appended(self, log: PartitionLog, config: TopicConfig) -> None:
        """Apply what follows from an append: the size limit now, the age limit when its time comes."""
        start = log.log_start_offset
        if log.batch_count == 1:
            retention.begin(log, config, self._clock.now_ms())
        if config.retention_bytes >= 0 and retention.enforce_size(log, config, BATCHES_PER_STEP):
            self._arm(0)
        elif log.batch_count == 1 or log.log_start_offset != start:
            deadline_ms = retention.next_deadline_ms(log, config)
            if deadline_ms is not None:
                self._note_deadline(deadline_ms)  # for a pass that has been at this log already
                self._arm(max(deadline_ms - self._clock.now_ms(), MIN_INTERVAL_MS))

    def started_later(self, log: PartitionLog, config: TopicConfig) -> None:
        """Drop what a log hides since its start was moved, the first of it now and the rest soon."""
        if retention.enforce(log, config, self._clock.now_ms(), BATCHES_PER_STEP):
            self._arm(0)

    def drain(self, logs: Iterable[PartitionLog]) -> None:
        """Drop what the logs of a deleted topic hold, soon."""
        self._doomed.extend(logs)
        self._arm(0)

    def reconfigured(self) -> None:
        """Look at every log again, soon: a topic's configs have changed."""
        if self._pass is not None:
            self._earliest_ms = self._clock.now_ms()  # a pass is under way, and may have been at this topic already
        self._arm(0)

    def close(self) -> None:
        """Stop sweeping."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, delay_ms: int) -> None:
        due_ms = self._clock.now_ms() + delay_ms
        if self._closed or (self._due_ms is not None and self._due_ms <= due_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due_ms = due_ms
        self._timer = self._clock.call_later(delay_ms, self._run_slice)

    def _run_slice(self) -> None:
        self._timer = self._due_ms = None
        if self._pass is None:
            self._earliest_ms = None
            self._pass = self._sweep()
        if sum(1 for _ in islice(self._pass, STEPS_PER_SLICE)) == STEPS_PER_SLICE:
            self._arm(0)
            return
        self._pass = None
        if self._doomed:
            self._arm(0)
        elif self._earliest_ms is not None:
            self._arm(max(self._earliest_ms - self._clock.now_ms(), MIN_INTERVAL_MS))

    def _sweep(self) -> Iterator[None]:
        """Go over every log once, a step at a time."""
        while self._doomed:
            while retention.drain(self._doomed[0], BATCHES_PER_STEP):
                yield
            self._doomed.popleft()
            yield
        for topic in list(self._topics):
            for log in topic.logs:
                while retention.enforce(log, topic.config, self._clock.now_ms(), BATCHES_PER_STEP):
                    yield
                self._note_deadline(retention.next_deadline_ms(log, topic.config))
                yield

    def _note_deadline(self, deadline_ms: int | None) -> None:
        if deadline_ms is not None and (self._earliest_ms is None or deadline_ms < self._earliest_ms):
            self._earliest_ms = deadline_ms
