"""Histories by hand: operations with times in milliseconds, and only what a rule looks at."""

from dataclasses import replace

from tests.checker.history import (
    MS,
    Acquire,
    Append,
    Commit,
    Committed,
    Fetch,
    Held,
    History,
    Leave,
    Operation,
    Origin,
    Payload,
    Place,
    Seen,
    Settle,
    Settlement,
    Watermark,
)

TOPIC = "orders"
GROUP = "workers"
LOCK_MS = 1000
Times = tuple[int, int | None]


def ns(times: Times) -> tuple[int, int | None]:
    return times[0] * MS, None if times[1] is None else times[1] * MS


def both_ns(times: tuple[int, int]) -> tuple[int, int]:
    return times[0] * MS, times[1] * MS


def append(times: Times, *names: str, at: int | None = None, key: str | None = None, **facts: bool | int) -> Append:
    """Send payloads; they came to lie from `at` on, or nobody knows where."""
    places = None if at is None else tuple(Place(0, at + index) for index in range(len(names)))
    payloads = tuple(Payload(name, key) for name in names)
    return Append("producer", *ns(times), TOPIC, payloads, places, **facts)  # type: ignore[arg-type]


def refused(times: tuple[int, int], *names: str) -> Append:
    return Append("producer", *ns(times), TOPIC, tuple(map(Payload, names)), (None,) * len(names))


def fetch(
    times: tuple[int, int], start: int, *names: str, offsets: list[int] | None = None, to: int | None = None,
    at_end: bool = False, key: str | None = None,
) -> Fetch:  # fmt: skip
    """Read records, which lie from `start` on without a hole unless `offsets` says where."""
    where = offsets or list(range(start, start + len(names)))
    following = to if to is not None else where[-1] + 1 if where else start
    seen = tuple(Seen(offset, name, key) for offset, name in zip(where, names, strict=True))
    return Fetch("reader", *both_ns(times), TOPIC, 0, start, following, seen, at_end)


def watermark(times: tuple[int, int], offset: int) -> Watermark:
    return Watermark("watcher", *both_ns(times), TOPIC, 0, offset)


def acquire(times: Times, lock: str | None, *, count: int = 1, member: str = "a", offset: int = 0) -> Acquire:
    """Acquire one record, `x` unless it lies elsewhere; without a lock, the answer was lost."""
    held = None if lock is None else (Held(lock, TOPIC, 0, offset, "xyz"[offset], None, count),)
    return Acquire(member, *ns(times), GROUP, member, LOCK_MS, held)


def settle(times: Times, lock: str, how: str, ms: int = 0, *, expired: bool = False) -> Settle:
    """Say what became of a lock."""
    late = None if times[1] is None else frozenset({lock} if expired else ())
    return Settle("a", *ns(times), GROUP, (Settlement(lock, how, ms),), late)  # type: ignore[arg-type]


def leave(times: Times, member: str = "a") -> Leave:
    return Leave(member, *ns(times), GROUP, member)


def bury(times: tuple[int, int], *origins: int) -> Fetch:
    """Read dead letters of offsets."""
    seen = tuple(
        Seen(place, "xyz"[offset], None, Origin(GROUP, TOPIC, 0, offset)) for place, offset in enumerate(origins)
    )
    return Fetch("reader", *both_ns(times), f"{TOPIC}.dlq", 0, 0, len(seen), seen)


def commit(times: Times, offset: int, member: str = "a", tenure: int = 1, partition: int = 0) -> Commit:
    return Commit(member, *ns(times), GROUP, tenure, TOPIC, partition, offset)


def committed(times: tuple[int, int], offset: int) -> Committed:
    return Committed("looker", *both_ns(times), GROUP, TOPIC, 0, offset)


def of(*operations: Operation) -> History:
    return History(operations)


def compacted(*operations: Operation) -> History:
    return History(operations, frozenset({TOPIC}))


def moved(span: tuple[int, int], *operations: Operation) -> History:
    """Finish a group whose shares may have moved from one gateway to another within a span."""
    return replace(finished(*operations), moves=(both_ns(span),))


def finished(*operations: Operation) -> History:
    return History(operations, groups={GROUP: (TOPIC,)}, dead_letter_topics=frozenset({f"{TOPIC}.dlq"}))
