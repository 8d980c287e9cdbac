"""Compaction at work: one timer for all logs, and passes in slices that never hold the loop for long.

The rules are `core.compaction`'s. This room decides when they are applied, takes a pass on step by step, and does on
a thread what is too long for a step. While no compacted log has anything to clean there is no timer.
"""

import asyncio
import logging
from collections.abc import Callable

from mini_kafka.core import compaction
from mini_kafka.core.compaction import Heavy, Limits, Pass, Steps
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.clock import Clock, Timer

logger = logging.getLogger(__name__)

LOOK_EVERY_MS = 15_000
"""How often the logs are looked at while there is something to clean: Kafka's log.cleaner.backoff.ms."""
STEPS_PER_SLICE = 3
"""A slice looks at about 300 records and batches: 1 to 2 ms."""
PAUSE_MS = 2
"""Between two slices the loop belongs to the requests for about as long as a slice takes."""
KEY_MAP_SHARE = 16
"""The keys of a pass may take this part of the memory limit. They live as long as the pass, beside the logs: in
the memory that the limit leaves to requests and answers."""


class Compactor:
    """Compacts the logs of all topics whose `cleanup.policy` says so, one after the other."""

    def __init__(self, clock: Clock, topics: Topics, memory_limit: int, max_decompressed_bytes: int) -> None:
        self._clock = clock
        self._topics = topics
        self._limits = Limits(max_decompressed_bytes, memory_limit // KEY_MAP_SHARE)
        self._timer: Timer | None = None
        self._look: Steps | None = None
        self._look_again = False
        self._closed = False

    def changed(self, config: TopicConfig) -> None:
        """Look at the logs before long, if the topic whose records or configs have changed is compacted."""
        if config.compacts:
            self._look_again = True
            if self._look is None and self._timer is None:
                self._arm(LOOK_EVERY_MS)

    def close(self) -> None:
        """Stop compacting."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, delay_ms: int) -> None:
        if not self._closed:
            self._timer = self._clock.call_later(delay_ms, self._run_slice)

    def _run_slice(self) -> None:
        self._timer = None
        if self._look is None:
            self._look_again = False
            self._look = self._look_at_all()
        self._go_on(self._look, next)

    def _go_on(self, look: Steps, first_step: Callable[[Steps], Heavy | None]) -> None:
        """Take the steps of one slice, and arrange for the next one."""
        try:
            heavy = first_step(look)
            for _ in range(STEPS_PER_SLICE - 1):
                if heavy is not None:
                    break
                heavy = next(look)
        except BaseException as end:
            self._look = None
            if self._look_again:
                self._arm(LOOK_EVERY_MS)
            if not isinstance(end, StopIteration):
                raise
            return
        if heavy is None:
            self._arm(PAUSE_MS)
        else:
            work = asyncio.ensure_future(asyncio.to_thread(heavy))
            work.add_done_callback(lambda done: self._heavy_done(look, done))

    def _heavy_done(self, look: Steps, done: "asyncio.Future[bytes]") -> None:
        if done.cancelled() or self._closed:
            return
        error = done.exception()
        self._go_on(look, lambda look: look.send(done.result()) if error is None else look.throw(error))

    def _look_at_all(self) -> Steps:
        """Go over every log once, and clean those that are due."""
        for topic in list(self._topics):
            for partition, log in enumerate(list(topic.logs)):
                if not topic.config.compacts or self._topics.find(topic.name) is not topic:
                    break
                if compaction.is_due(log, topic.config, self._clock.now_ms()):
                    yield from self._clean(topic, partition)
                self._look_again |= not compaction.is_settled(log)
                yield None

    def _clean(self, topic: Topic, partition: int) -> Steps:
        log, config = topic.logs[partition], topic.config
        before = log.record_count

        def wanted() -> bool:
            return topic.config is config and self._topics.find(topic.name) is topic

        yield from Pass(log, config, self._clock.now_ms(), self._limits, wanted).steps()
        logger.debug("compacted %s-%d: %d records, then %d", topic.name, partition, before, log.record_count)
