"""The rules of appends and fetches: one offset, order, visibility, density, and a watermark that never falls."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.checker.history import Append, Fetch, Partition, Watermark
from tests.checker.known_log import Known, KnownLog
from tests.checker.violations import Rule, Violation


def one_offset(log: KnownLog) -> Iterator[Violation]:
    """Find payloads that lie at more places than they were sent, or that one request put in the wrong order."""
    places: defaultdict[str, list[tuple[Partition, int]]] = defaultdict(list)
    for where, partition in log.partitions.items():
        for offset, known in partition.items():
            places[known.payload].append((where, offset))
    for payload, found in places.items():
        if len(found) > log.sent[payload].copies:
            yield Violation(Rule.ONE_OFFSET, f"{payload!r} lies at {found}")
    for append in log.history.operations:
        if isinstance(append, Append) and append.places is not None:
            last: dict[int, int] = {}
            for place in filter(None, append.places):
                if place.offset <= last.get(place.partition, -1):
                    yield Violation(Rule.ORDER, f"one request's records lie at {append.places}")
                last[place.partition] = place.offset


class At(NamedTuple):
    """A time and an offset: a fact that is known then, or, with a rule, a question that only earlier facts answer."""

    ns: int
    offset: int
    what: str
    asked: Rule | None = None


def sweep(facts: Iterable[At]) -> Iterator[tuple[At, At]]:
    """Give every question whose offset is under the highest that was known before it, with that fact."""
    highest: At | None = None
    for fact in sorted(facts, key=lambda fact: (fact.ns, fact.asked is None)):
        if fact.asked is None:
            if highest is None or fact.offset > highest.offset:
                highest = fact
        elif highest is not None and fact.offset < highest.offset:
            yield fact, highest


def order(log: KnownLog) -> Iterator[Violation]:
    """Find records that were sent when a later one of their partition was known to be there."""
    for where, partition in log.partitions.items():
        facts = []
        for offset, known in partition.items():
            facts.append(At(known.invoked_ns, offset, known.payload, Rule.ORDER))
            facts.append(At(known.known_ns, offset, known.payload))
        for late, early in sweep(facts):
            yield Violation(
                Rule.ORDER,
                f"{where}@{late.offset} {late.what!r} was sent after {early.what!r}@{early.offset} was known",
            )


def ends(log: KnownLog) -> Iterator[Violation]:
    """Find fetches and watermarks that end below what was known before they were invoked."""
    facts: defaultdict[Partition, list[At]] = defaultdict(list)
    for where, partition in log.partitions.items():
        facts[where] += (
            At(known.known_ns, offset + 1, f"{known.payload!r}@{offset}") for offset, known in partition.items()
        )
    for operation in log.history.operations:
        if isinstance(operation, Watermark):
            end, rule = operation.offset, Rule.WATERMARK
        elif isinstance(operation, Fetch) and (operation.at_end or operation.next == operation.start):
            end, rule = operation.next, Rule.VISIBLE
        else:
            continue
        what = f"{operation.client}'s {type(operation).__name__.lower()}"
        facts[operation.topic, operation.partition] += (
            At(operation.returned_ns, end, what),
            At(operation.invoked_ns, end, what, rule),
        )
    for where, of_partition in facts.items():
        for late, early in sweep(of_partition):
            assert late.asked is not None
            yield Violation(late.asked, f"{late.what} ends at {where}@{late.offset}, and {early.what} was known before")


def dense(log: KnownLog) -> Iterator[Violation]:
    """Find offsets that a fetch passed over, and that compaction may not have taken."""
    gaps: defaultdict[Partition, list[_Gap]] = defaultdict(list)
    for fetch in log.history.operations:
        if not isinstance(fetch, Fetch):
            continue
        where = (fetch.topic, fetch.partition)
        position = fetch.start
        for offset in [*(seen.offset for seen in fetch.records), fetch.next]:
            if offset < position:
                yield Violation(Rule.DENSE, f"{fetch.client} read {where}@{offset} after {position - 1}")
            elif offset > position and fetch.topic not in log.history.compacted_topics:
                yield Violation(Rule.DENSE, f"{fetch.client} read {where} without {position} to {offset - 1}")
            elif offset > position:
                gaps[where].append(_Gap(fetch.returned_ns, position, offset))
            position = offset + 1
    for where, of_partition in gaps.items():
        yield from _not_superseded(where, log.partitions[where], of_partition)
    yield from _too_many_holes(log, gaps)


class _Gap(NamedTuple):
    """Offsets from `base` up to `end` that were not there when a fetch returned."""

    ns: int
    base: int
    end: int


def _not_superseded(where: Partition, partition: dict[int, Known], gaps: list[_Gap]) -> Iterator[Violation]:
    """Find records that were gone before a later one of their key was sent.

    As time goes on more records may be gone: `following` leads from each to the next that may not, by short cuts.
    """
    offsets = sorted(partition)
    following = list(range(len(offsets) + 1))

    def find(index: int) -> int:
        while following[index] != index:
            following[index] = following[following[index]]
            index = following[index]
        return index

    since = _superseded(partition)
    going = sorted(since, key=since.__getitem__, reverse=True)
    for gap in sorted(gaps):
        while going and since[going[-1]] < gap.ns:
            index = bisect_left(offsets, going.pop())
            following[index] = index + 1
        index = find(bisect_left(offsets, gap.base))
        if index < len(offsets) and offsets[index] < gap.end:
            key = partition[offsets[index]].key
            yield Violation(Rule.DENSE, f"{where}@{offsets[index]} is gone, the last record of {key!r}")


def _superseded(partition: dict[int, Known]) -> dict[int, int]:
    """Say since when each record of a compacted partition may be gone: a later one of its key was sent."""
    since: dict[int, int] = {}
    later: dict[str | None, int] = {}
    for offset in sorted(partition, reverse=True):
        known = partition[offset]
        if known.key in later:
            since[offset] = later[known.key]
        later[known.key] = min(known.invoked_ns, later.get(known.key, known.invoked_ns))
    return since


def _too_many_holes(log: KnownLog, gaps: dict[Partition, list[_Gap]]) -> Iterator[Violation]:
    """Find holes that nothing can have filled: more than there are records of which nobody knows the place."""
    room: Counter[str] = Counter()
    for sent in log.sent.values():
        room[sent.append.topic] += sent.copies
    for (topic, _), partition in log.partitions.items():
        room[topic] -= len(partition)
    holes: Counter[str] = Counter()
    for where, of_partition in gaps.items():
        offsets = sorted(log.partitions[where])
        passed = 0
        for gap in sorted(of_partition, key=lambda gap: gap.base):
            base = max(gap.base, passed)
            if gap.end > base:
                holes[where[0]] += gap.end - base - (bisect_left(offsets, gap.end) - bisect_left(offsets, base))
                passed = gap.end
    for topic, count in holes.items():
        if count > room[topic]:
            yield Violation(
                Rule.DENSE, f"{count} offsets of {topic} hold nothing, and {room[topic]} records have no known place"
            )
