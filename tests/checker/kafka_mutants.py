"""Brokers that break one rule each, and only to Kafka clients: the HTTP API's own workers see nothing of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mini_kafka.core.fetch_session import FetchPartition
from mini_kafka.core.producer_states import ProducerStates
from mini_kafka.core.rebalance import RebalanceCycle
from mini_kafka.engine import raw_log
from mini_kafka.engine.group_offsets import GroupOffsets
from mini_kafka.engine.port import Caller
from mini_kafka.engine.raw_log_port import Fetched, FetchedPartition
from tests.checker.mutants import Patch, now_and_then
from tests.checker.violations import Rule


def forgets_a_producers_sequence(patch: pytest.MonkeyPatch) -> None:
    """Append again what an idempotent producer sends again."""
    patch.setattr(ProducerStates, "repeated", lambda *_: None)


def skips_a_batch(patch: pytest.MonkeyPatch) -> None:
    """Hand out batches without the second one."""
    original, now = raw_log._read, now_and_then(5)

    def read(*args: Any, **rest: Any) -> FetchedPartition:
        found = original(*args, **rest)
        if len(found.batches) < 3 or not now():
            return found
        batches = [found.batches[0], *found.batches[2:]]
        return found._replace(batches=batches, size_bytes=sum(map(len, batches)))

    patch.setattr(raw_log, "_read", read)


def says_that_nothing_is_new(patch: pytest.MonkeyPatch) -> None:
    """Tell a consumer that it is at the end."""
    original, now = raw_log.MemoryRawLog.fetch, now_and_then(5)

    def fetch(log: raw_log.MemoryRawLog, caller: Caller, wanted: Sequence[FetchPartition], max_bytes: int) -> Fetched:
        if not now():
            return original(log, caller, wanted, max_bytes)
        ends = [FetchedPartition(None, part.fetch_offset, 0) for part in wanted]
        return Fetched(ends, 0, is_urgent=True)

    patch.setattr(raw_log.MemoryRawLog, "fetch", fetch)


def gives_a_partition_to_two(patch: pytest.MonkeyPatch) -> None:
    """Hand out one member's assignment to all."""
    original = RebalanceCycle.assign

    def assign(cycle: RebalanceCycle, now_ms: int, assignments: Mapping[str, bytes]) -> None:
        longest = max(assignments.values(), key=len, default=b"")
        original(cycle, now_ms, dict.fromkeys(assignments, longest))

    patch.setattr(RebalanceCycle, "assign", assign)


def forgets_a_commit(patch: pytest.MonkeyPatch) -> None:
    """Say that offsets are committed, and keep none of them."""
    original, now = GroupOffsets.commit, now_and_then(3)
    patch.setattr(GroupOffsets, "commit", lambda *args: {} if now() else original(*args))


def breaks_every_rule(patch: pytest.MonkeyPatch) -> None:
    """Be all of them at once: each breaks a rule of its own, and one run is enough."""
    for mutant in KAFKA_MUTANTS:
        mutant(patch)


KAFKA_MUTANTS: dict[Patch, Rule] = {
    forgets_a_producers_sequence: Rule.ONE_OFFSET,
    skips_a_batch: Rule.DENSE,
    says_that_nothing_is_new: Rule.VISIBLE,
    gives_a_partition_to_two: Rule.ONE_OWNER,
    forgets_a_commit: Rule.COMMITTED,
}
"""Every mutant, and the rule of which the checker has to find a breach (it may find others too)."""
