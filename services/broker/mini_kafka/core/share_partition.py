"""A share group on one partition: who holds which records, how often each was delivered, and which are done.

The rules and words are those of KIP-932. A record is available, then acquired by one consumer under a lock with a
time, and in the end acknowledged: accepted (done), released (available again, also when the lock's time runs out) or
rejected. A record that is rejected, or comes back after `max_delivery_count` deliveries, is condemned: nobody gets it
again, and it is done when the owner has written it to a dead-letter topic, or has decided not to, and says so. The
committed offset is the first offset that is not done.

It deals in offsets only. It reads no log, knows no clock and wakes nobody: the owner

1. calls `expire` when `next_deadline_ms` has come, and before it acquires;
2. calls `advance_log_start` before it acquires, if retention may have moved the log start;
3. acquires what is `available` first, which is older, then reads the log from `next_offset` and offers what it found
   to `acquire_new`. That names the offsets that hold a record: all others that were looked at (compaction leaves
   holes, and a control record is nobody's) are done without a delivery. What was compacted away after its first
   delivery, the owner accepts by the new lock;
4. after each call, wakes who waits for records if some are available, and writes and confirms what is `condemned`.

A call costs O(log n) for each range that it touches, of n in flight, on average over the calls; ranges grow with what
was acquired together and shrink with what was acknowledged alone. Done offsets cost nothing below the committed
offset, and at most one range between two records in flight above it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from typing import NamedTuple

from mini_kafka.core.done_offsets import DoneOffsets
from mini_kafka.core.in_flight_ranges import InFlightRange, InFlightRanges, Reason, State


class InFlightLimit:
    """The records that one group may have in flight, over all its partitions, and those that it has.

    In flight is what was delivered and is not done: acquired, available again, delayed or condemned. The limit holds
    back new records only, so what is in flight already can always be finished.
    """

    __slots__ = ("in_flight", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0

    @property
    def room(self) -> int:
        """How many new records may be acquired; 0 also when the limit was lowered under what is in flight."""
        return max(self.limit - self.in_flight, 0)


class Lock(NamedTuple):
    """A claim on offsets from `base_offset` up to, not including, `end_offset`, from one acquisition.

    Any part of an acquired lock is a lock. The acquisition's number tells a late claim from a later one's.
    """

    base_offset: int
    end_offset: int
    acquisition: int


class Acquired(NamedTuple):
    """Records that were acquired: their lock, the delivery that this is (from 1), and when the lock runs out."""

    lock: Lock
    delivery_count: int
    deadline_ms: int


class Acknowledged(NamedTuple):
    """How many records an acknowledgement reached, and the locks, one an offset, that were no longer held."""

    records: int
    late: list[Lock]


class Condemned(NamedTuple):
    """Records that will not be delivered again, with their last lock, their deliveries, and why."""

    lock: Lock
    delivery_count: int
    reason: Reason


class Stretch(NamedTuple):
    """What a caller found between two offsets of the log: `offsets`, ascending, are those that hold a record.

    `end_offset` is not included; a `range` serves where there are no holes.
    """

    base_offset: int
    end_offset: int
    offsets: Sequence[int]


class SharePartition:
    """What one share group has in flight on one partition, from its committed offset to its next offset.

    `in_flight` is shared by the group's partitions. `acquisitions` numbers them, and must not give a number twice as
    long as a lock of it may come back: one counter for all groups and the broker's whole life.
    """

    def __init__(
        self, start_offset: int, max_delivery_count: int, in_flight: InFlightLimit, acquisitions: Iterator[int]
    ) -> None:
        self.max_delivery_count = max_delivery_count
        self.next_offset = start_offset
        """The first offset that was never acquired nor passed over."""
        self._in_flight = in_flight
        self._acquisitions = acquisitions
        self._ranges = InFlightRanges()
        self._done = DoneOffsets(start_offset)

    @property
    def committed_offset(self) -> int:
        """The first offset that is not done; the lag is the log end offset minus this."""
        return self._done.first_open

    @property
    def next_deadline_ms(self) -> int | None:
        """The time at which `expire` has something to do, or None when it never has."""
        return self._ranges.next_deadline_ms

    def count(self, state: State) -> int:
        """Count the records in flight that are in a state."""
        return self._ranges.counts[state]

    @property
    def members(self) -> KeysView[str | None]:
        """Who has acquired records and holds them."""
        return self._ranges.held.keys()

    def held_by_member(self) -> dict[str | None, int]:
        """Count the records that each member has acquired; None stands for consumers without a member id."""
        return dict(self._ranges.held)

    def acquire_available(
        self, now_ms: int, max_records: int, lock_ms: int, member: str | None = None
    ) -> list[Acquired]:
        """Acquire records that came back, in the order of their offsets, at most `max_records`, for `lock_ms`."""
        taken: list[InFlightRange] = []
        while max_records > 0 and (found := self._ranges.take_available(max_records)) is not None:
            max_records -= found.records
            last = taken[-1] if taken else None
            if last and (last.end_offset, last.delivery_count) == (found.base_offset, found.delivery_count):
                taken[-1] = last.part(last.base_offset, found.end_offset)
            else:
                taken.append(found)
        parts = [(found.base_offset, found.end_offset, found.delivery_count + 1) for found in taken]
        return self._lock(parts, now_ms + lock_ms, member)

    def acquire_new(
        self, now_ms: int, stretch: Stretch, max_records: int, lock_ms: int, member: str | None = None
    ) -> list[Acquired]:
        """Acquire records that nobody acquired before, at most `max_records`, and as many as the group has room for.

        The stretch was read from `next_offset` on. What somebody else took meanwhile is left out; a stretch that
        does not touch `next_offset` any more, after a reset, gives nothing and changes nothing.
        """
        if not stretch.base_offset <= self.next_offset <= stretch.end_offset:
            return []
        unseen = stretch.offsets[bisect_left(stretch.offsets, self.next_offset) :]
        offsets = unseen[: max(min(max_records, self._in_flight.room), 0)]
        if len(offsets) == len(unseen):
            looked_at = stretch.end_offset
        else:
            looked_at = offsets[-1] + 1 if offsets else self.next_offset
        parts = []
        for base_offset, end_offset in _without_holes(offsets):
            self._done.add(self.next_offset, base_offset)
            self.next_offset = end_offset
            parts.append((base_offset, end_offset, 1))
        self._done.add(self.next_offset, looked_at)
        self.next_offset = looked_at
        self._in_flight.in_flight += len(offsets)
        return self._lock(parts, now_ms + lock_ms, member)

    def _lock(self, parts: list[tuple[int, int, int]], deadline_ms: int, member: str | None) -> list[Acquired]:
        """Put one acquisition's locks on ranges that are in flight, each with the number of its delivery."""
        if not parts:
            return []
        acquisition = next(self._acquisitions)
        for base, end, delivery_count in parts:
            self._ranges.add(InFlightRange(base, end, State.ACQUIRED, acquisition, delivery_count, member, deadline_ms))
        return [
            Acquired(Lock(base, end, acquisition), delivery_count, deadline_ms) for base, end, delivery_count in parts
        ]

    def accept(self, now_ms: int, locks: Iterable[Lock]) -> Acknowledged:
        """Count records as done. A lock whose time is over at `now_ms` is late, here and below."""
        return self._acknowledge(now_ms, locks, self._finish)

    def reject(self, now_ms: int, locks: Iterable[Lock]) -> Acknowledged:
        """Condemn records: no consumer will ever handle them."""
        return self._acknowledge(now_ms, locks, lambda held: self._condemn(held, Reason.REJECTED))

    def release(self, now_ms: int, locks: Iterable[Lock], delay_ms: int = 0) -> Acknowledged:
        """Give records back, to be acquired again after `delay_ms`; condemn those that were delivered too often."""
        available_ms = now_ms + delay_ms if delay_ms > 0 else None
        return self._acknowledge(now_ms, locks, lambda held: self._give_back(held, available_ms))

    def renew(self, now_ms: int, locks: Iterable[Lock], lock_ms: int) -> Acknowledged:
        """Let locks that are still held run out `lock_ms` from now, sooner or later than they would have."""
        deadline_ms = now_ms + lock_ms
        return self._acknowledge(now_ms, locks, lambda held: self._ranges.add(held._replace(deadline_ms=deadline_ms)))

    def holds(self, now_ms: int, lock: Lock) -> bool:
        """Tell whether all of a lock is still held."""
        offset = lock.base_offset
        while offset < lock.end_offset:
            found = self._ranges.at(offset)
            if found is None or found.acquisition != lock.acquisition or not _is_held(found, now_ms):
                return False
            offset = found.end_offset
        return True

    def release_member(self, member: str, max_ranges: int) -> bool:
        """Give back what a member holds, at most `max_ranges` ranges, and say whether it holds more."""
        for _ in range(max_ranges):
            held = self._ranges.take_held(member)
            if held is None:
                return False
            self._give_back(held, None)
        return member in self._ranges.held

    def expire(self, now_ms: int, max_ranges: int) -> bool:
        """Give back what was locked too long, and make available what was delayed long enough.

        At most `max_ranges` ranges, the longest due first; says whether there are more.
        """
        for _ in range(max_ranges):
            due = self._ranges.take_due(now_ms)
            if due is None:
                return False
            self._give_back(due, None)
        deadline_ms = self.next_deadline_ms
        return deadline_ms is not None and deadline_ms <= now_ms

    def condemned(self, max_ranges: int) -> list[Condemned]:
        """Give the ranges that have been condemned longest; they stay until they are confirmed."""
        return [
            Condemned(Lock(found.base_offset, found.end_offset, found.acquisition), found.delivery_count, found.reason)
            for found in self._ranges.condemned(max_ranges)
            if found.reason is not None
        ]

    def confirm(self, locks: Iterable[Lock]) -> int:
        """Count condemned records as done, by the locks of `condemned`, and say how many they were.

        Those that went meanwhile, by a reset or with the log's head, are passed over.
        """
        return self._settle(locks, lambda found: found.state is State.CONDEMNED, self._finish).records

    def advance_log_start(self, log_start_offset: int) -> int:
        """Count what the log has dropped as done, and say how many records in flight that ended."""
        before = self._in_flight.in_flight
        while self.committed_offset < min(log_start_offset, self.next_offset):
            first = self._ranges.at(self.committed_offset)
            assert first is not None  # noqa: S101 - below the next offset, what is not done is in flight
            end_offset = min(first.end_offset, log_start_offset)
            self._finish(self._ranges.cut_out(first, first.base_offset, end_offset))
        if log_start_offset > self.next_offset:
            self._done.add(self.next_offset, log_start_offset)
            self.next_offset = log_start_offset
        return before - self._in_flight.in_flight

    def reset(self, offset: int) -> None:
        """Forget everything and go on at `offset`; every lock is late from now on.

        It also gives the group its room back, before a share partition is let go of.
        """
        self._in_flight.in_flight -= sum(self._ranges.counts)
        self._ranges = InFlightRanges()
        self._done = DoneOffsets(offset)
        self.next_offset = offset

    def _acknowledge(self, now_ms: int, locks: Iterable[Lock], settle: Callable[[InFlightRange], None]) -> Acknowledged:
        return self._settle(locks, lambda found: _is_held(found, now_ms), settle)

    def _settle(
        self,
        locks: Iterable[Lock],
        is_claimed: Callable[[InFlightRange], bool],
        settle: Callable[[InFlightRange], None],
    ) -> Acknowledged:
        """Hand each part of a range that a lock names to `settle`, which puts it back or ends it."""
        records = 0
        late = []
        for offset, end_offset, acquisition in _joined(locks):
            while offset < end_offset:
                found = self._ranges.at(offset)
                if found is None or found.acquisition != acquisition or not is_claimed(found):
                    late.append(Lock(offset, offset + 1, acquisition))
                    offset += 1
                    continue
                part = self._ranges.cut_out(found, offset, min(end_offset, found.end_offset))
                settle(part)
                records += part.records
                offset = part.end_offset
        return Acknowledged(records, late)

    def _give_back(self, held: InFlightRange, available_ms: int | None) -> None:
        if held.delivery_count >= self.max_delivery_count:
            self._condemn(held, Reason.DELIVERED_TOO_OFTEN)
        else:
            state = State.AVAILABLE if available_ms is None else State.DELAYED
            self._ranges.add(held._replace(state=state, member=None, deadline_ms=available_ms))

    def _condemn(self, held: InFlightRange, reason: Reason) -> None:
        self._ranges.add(held._replace(state=State.CONDEMNED, member=None, deadline_ms=None, reason=reason))

    def _finish(self, found: InFlightRange) -> None:
        self._done.add(found.base_offset, found.end_offset)
        self._in_flight.in_flight -= found.records


def _is_held(found: InFlightRange, now_ms: int) -> bool:
    return found.state is State.ACQUIRED and found.deadline_ms is not None and now_ms < found.deadline_ms


def _without_holes(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut ascending offsets into ranges, bisecting for each range's end."""
    start = 0
    while start < len(offsets):
        # Along a range the offset and its index grow alike; behind a hole the offset is ahead.
        ahead = offsets[start] - start
        end = bisect_right(range(len(offsets)), ahead, lo=start, key=lambda index: offsets[index] - index)
        yield offsets[start], offsets[end - 1] + 1
        start = end


def _joined(locks: Iterable[Lock]) -> Iterator[Lock]:
    """Join locks that follow each other, so that records acknowledged one by one in one call cost one range."""
    joined: Lock | None = None
    for lock in locks:
        if joined is not None and (joined.end_offset, joined.acquisition) == (lock.base_offset, lock.acquisition):
            joined = Lock(joined.base_offset, lock.end_offset, lock.acquisition)
            continue
        if joined is not None:
            yield joined
        joined = lock
    if joined is not None:
        yield joined
