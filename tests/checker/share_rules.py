"""The rules of share groups: one holder at a time, for the time of a lock, and every record comes to an end.

The delivery counts order the deliveries of a record. Each is then placed at the earliest time at which a correct broker
can have made it; if that is after its answer came, no correct broker made it.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from tests.checker.history import MS, Acquire, Held, History, Leave, Origin, Settle, Settlement
from tests.checker.known_log import KnownLog
from tests.checker.violations import Rule, Violation

CLOCK_SLACK_NS = 5 * MS
"""How much sooner than by the clients' clock a lock may end: the broker counts whole milliseconds of another clock."""


class _Said(NamedTuple):
    """What a member said about a lock, and whether the broker took it; None where its answer was lost."""

    settle: Settle
    settlement: Settlement
    taken: bool | None


@dataclass(slots=True)
class _Delivery:
    acquire: Acquire
    held: Held
    said: list[_Said] = field(default_factory=list)


class _Leaves:
    """When a member has left: answers in O(log n)."""

    def __init__(self, leaves: list[Leave]) -> None:
        ends = sorted((inf if leave.returned_ns is None else leave.returned_ns, leave.invoked_ns) for leave in leaves)
        self._returned = [returned for returned, _ in ends]
        self._earliest = [inf] * (len(ends) + 1)
        for index in reversed(range(len(ends))):
            self._earliest[index] = min(ends[index][1], self._earliest[index + 1])

    def first_after(self, ns: float) -> float:
        """Give the earliest time from `ns` on at which a leave may have taken effect."""
        return max(ns, self._earliest[bisect_left(self._returned, ns)])


class _Shares:
    """All deliveries of a history within a span of time, by record and by lock."""

    def __init__(self, history: History, span: tuple[float, float] = (-inf, inf)) -> None:
        since, until = span
        self.by_record: defaultdict[Origin, list[_Delivery]] = defaultdict(list)
        self.lost: Counter[str] = Counter()
        """By group, the acquires that may have delivered something that nobody got, at any time."""
        by_lock: dict[tuple[str, str], _Delivery] = {}
        leaves: defaultdict[tuple[str, str], list[Leave]] = defaultdict(list)
        settles = []
        for operation in history.operations:
            if isinstance(operation, Acquire):
                self.lost[operation.group] += _may_have_lost(operation)
                if operation.invoked_ns < since or (operation.returned_ns or inf) > until:
                    continue
                for held in operation.records or ():
                    delivery = by_lock[operation.group, held.lock] = _Delivery(operation, held)
                    record = Origin(operation.group, held.topic, held.partition, held.offset)
                    self.by_record[record].append(delivery)
            elif isinstance(operation, Settle):
                settles.append(operation)
            elif isinstance(operation, Leave):
                leaves[operation.group, operation.member].append(operation)
        for settle in sorted(settles, key=lambda settle: settle.invoked_ns):
            for settlement in settle.settlements:
                is_known = settle.expired is not None and (settle.returned_ns or inf) <= until
                taken = settlement.lock not in (settle.expired or ()) if is_known else None
                known = by_lock.get((settle.group, settlement.lock))
                if known is not None:
                    known.said.append(_Said(settle, settlement, taken))
        self._leaves = {who: _Leaves(of_member) for who, of_member in leaves.items()}

    def left_after(self, delivery: _Delivery, ns: float) -> float:
        leaves = self._leaves.get((delivery.acquire.group, delivery.acquire.member))
        return inf if leaves is None else leaves.first_after(ns)


def _may_have_lost(acquire: Acquire) -> bool:
    """Tell whether an acquire may have delivered something that it did not show: its answer was lost, or too slow."""
    if acquire.records is None or acquire.returned_ns is None:
        return True
    return acquire.returned_ns - acquire.invoked_ns >= acquire.lock_ms * MS - CLOCK_SLACK_NS


def one_holder(history: History) -> Iterator[Violation]:
    """Find records that were given to somebody while another held them, and locks that did not last their time."""
    for span in _quiet(history):
        yield from _one_holder(_Shares(history, span), counts_from_1=span[0] == -inf)


def _quiet(history: History) -> Iterator[tuple[float, float]]:
    """Give the times between those in which shares may have moved."""
    since = -inf
    for begin, end in sorted(history.moves):
        if begin > since:
            yield since, begin
        since = max(since, end)
    yield since, inf


def _one_holder(shares: _Shares, *, counts_from_1: bool) -> Iterator[Violation]:
    for record, deliveries in shares.by_record.items():
        deliveries.sort(key=lambda delivery: delivery.held.delivery_count)
        before = 0 if counts_from_1 else deliveries[0].held.delivery_count - 1
        yield from _counts(record, deliveries, before + shares.lost[record.group])
        free_ns: float = 0
        holder = "nobody"
        for delivery in deliveries:
            acquire = delivery.acquire
            assert acquire.returned_ns is not None
            given_ns = max(free_ns, acquire.invoked_ns)
            if given_ns > acquire.returned_ns:
                yield Violation(
                    Rule.ONE_HOLDER,
                    f"{record} was given to {acquire.member} as delivery {delivery.held.delivery_count}, and {holder}"
                    f" had it{' for good' if free_ns == inf else ''}",
                )
                break
            free_ns = _earliest_end(shares, delivery, given_ns)
            holder = acquire.member
        for delivery in deliveries:
            yield from _cut_short(shares, record, delivery)


def _counts(record: Origin, deliveries: list[_Delivery], lost: int) -> Iterator[Violation]:
    counts = [delivery.held.delivery_count for delivery in deliveries]
    if len(set(counts)) < len(counts):
        yield Violation(Rule.ONE_HOLDER, f"{record} was delivered twice by the same count: {counts}")
    elif counts[0] < 1 or counts[-1] - len(counts) > lost:
        yield Violation(Rule.ONE_HOLDER, f"{record} was delivered by the counts {counts}, and {lost} answers were lost")


def _earliest_end(shares: _Shares, delivery: _Delivery, given_ns: float) -> float:
    """Say when at the earliest somebody else can have got a record that was given at `given_ns`."""
    lock_end = given_ns + delivery.acquire.lock_ms * MS - CLOCK_SLACK_NS
    maybe = inf
    held_ns = given_ns
    for settle, settlement, taken in delivery.said:
        if taken is False:
            continue
        after_ns = settle.invoked_ns + settlement.ms * MS - CLOCK_SLACK_NS * bool(settlement.ms)
        if settlement.how in {"accept", "reject"}:
            if taken:
                return inf
        elif not taken:
            maybe = min(maybe, after_ns)
        elif settlement.how == "release":
            return after_ns
        else:  # renewed, so nothing had ended it before
            lock_end, maybe, held_ns = after_ns, inf, max(given_ns, settle.invoked_ns)
    return min(lock_end, maybe, shares.left_after(delivery, held_ns))


def _cut_short(shares: _Shares, record: Origin, delivery: _Delivery) -> Iterator[Violation]:
    """Find a lock that was called expired although its time was not over, and nobody had ended it."""
    sure_until = delivery.acquire.invoked_ns + delivery.acquire.lock_ms * MS
    for settle, settlement, taken in delivery.said:
        if taken is False:
            assert settle.returned_ns is not None
            left_ns = shares.left_after(delivery, delivery.acquire.invoked_ns)
            if settle.returned_ns < min(sure_until - CLOCK_SLACK_NS, left_ns):
                yield Violation(Rule.ONE_HOLDER, f"the lock of {delivery.acquire.member} on {record} ended too soon")
            return
        if settlement.how != "renew":
            return
        renewed_until = settle.invoked_ns + settlement.ms * MS
        sure_until = renewed_until if taken else min(sure_until, renewed_until)


def finished(history: History, log: KnownLog) -> Iterator[Violation]:
    """Find records of finished groups that came to no end, or to two."""
    shares = _Shares(history)
    for group, topics in history.groups.items():
        lost = shares.lost[group]
        for (topic, partition), records in log.partitions.items():
            if topic not in topics:
                continue
            for offset in records:
                record = Origin(group, topic, partition, offset)
                yield from _finished(record, shares.by_record.get(record, []), log, lost)


def _finished(record: Origin, deliveries: list[_Delivery], log: KnownLog, lost: int) -> Iterator[Violation]:
    said = [said for delivery in deliveries for said in delivery.said if said.taken is not False]
    accepted = [one.taken for one in said if one.settlement.how == "accept"]
    dead = log.dead.get(record, set())
    comes_again = bool(log.history.moves) and len(deliveries) + lost > 1
    if not accepted and not dead:
        yield Violation(Rule.FINISHED, f"{record} was delivered {len(deliveries)} times, and came to no end")
    elif dead and any(accepted) and not comes_again:
        yield Violation(Rule.FINISHED, f"{record} was accepted, and is in the dead-letter topic at {dead}")
    elif len(dead) > (len(deliveries) if comes_again else 1):
        yield Violation(Rule.FINISHED, f"{record} is in the dead-letter topic more than once: {dead}")
    elif dead and not any(one.settlement.how == "reject" for one in said):
        count = max((delivery.held.delivery_count for delivery in deliveries), default=0)
        if count + lost < log.history.max_delivery_count:
            yield Violation(
                Rule.FINISHED, f"{record} is a dead letter after {count} deliveries, and nobody rejected it"
            )
