"""The rule of a share group's committed offset: it passes what is done, it never falls, and nothing below comes back.

It is all that outlives the one who holds the locks, so this holds at all times, whatever moves between gateways.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from math import inf

from tests.checker.history import Acquire, Committed, History, Origin, Partition, Settle
from tests.checker.known_log import KnownLog
from tests.checker.log_rules import At, sweep
from tests.checker.violations import Rule, Violation

GroupPartition = tuple[str, Partition]


def share_groups(history: History) -> set[str]:
    """Name the groups that share records."""
    return {one.group for one in history.operations if isinstance(one, Acquire)}


def done(history: History, log: KnownLog) -> Iterator[Violation]:
    """Find committed offsets of share groups above what is not done, and what comes although it was committed."""
    groups = share_groups(history)
    looks: defaultdict[GroupPartition, list[Committed]] = defaultdict(list)
    for one in history.operations:
        if isinstance(one, Committed) and one.group in groups:
            looks[one.group, (one.topic, one.partition)].append(one)
    yield from _comes_back(history, looks)
    done_ns = _done_since(history, log)
    for (group, where), of_place in looks.items():
        offsets = sorted(log.partitions[where]) if where[0] not in history.compacted_topics else []
        since = [done_ns[group, where].get(offset, inf) for offset in offsets]
        latest = list(accumulate(since, max))
        for look in of_place:
            below = bisect_left(offsets, look.offset)
            if below and latest[below - 1] > look.returned_ns:
                open_offset = next(offset for offset, ns in zip(offsets, since, strict=True) if ns > look.returned_ns)
                yield Violation(
                    Rule.DONE, f"{group} has committed {look.offset} in {where}, and {open_offset} is not done"
                )


def _comes_back(history: History, looks: dict[GroupPartition, list[Committed]]) -> Iterator[Violation]:
    facts: defaultdict[GroupPartition, list[At]] = defaultdict(list)
    for place, of_place in looks.items():
        for look in of_place:
            what = f"{look.client} saw {look.offset} committed"
            facts[place].append(At(look.returned_ns, look.offset, what))
            facts[place].append(At(look.invoked_ns, look.offset, what, Rule.DONE))
    for one in history.operations:
        if isinstance(one, Acquire):
            for held in one.records or ():
                what = f"{one.member} was given {held.offset}"
                place = one.group, (held.topic, held.partition)
                facts[place].append(At(one.invoked_ns, held.offset, what, Rule.DONE))
    for place, known in facts.items():
        for late, early in sweep(known):
            yield Violation(Rule.DONE, f"{late.what} in {place} after {early.what}")


def _done_since(history: History, log: KnownLog) -> dict[GroupPartition, dict[int, float]]:
    """Say since when each record may be done: somebody began to say so, or it is a dead letter."""
    held = {
        (one.group, record.lock): ((one.group, (record.topic, record.partition)), record.offset)
        for one in history.operations
        if isinstance(one, Acquire)
        for record in one.records or ()
    }
    since: defaultdict[GroupPartition, dict[int, float]] = defaultdict(dict)
    for settle in history.operations:
        if isinstance(settle, Settle):
            for lock, how, _ in settle.settlements:
                if how in {"accept", "reject"} and lock not in (settle.expired or ()):
                    place, offset = held[settle.group, lock]
                    since[place][offset] = min(since[place].get(offset, inf), settle.invoked_ns)
    for origin in log.dead:
        group, topic, partition, offset = Origin(*origin)
        since[group, (topic, partition)][offset] = 0
    return since
