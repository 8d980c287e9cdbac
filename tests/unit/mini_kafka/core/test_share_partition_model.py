"""The share partition against plain lists: whatever is called in whatever order, it answers as they do.

The model keeps a dictionary of offsets and walks all of it each time. It knows no range, block or heap. The log has
holes, loses its head and grows, the offsets cross a border between two blocks, and other partitions of the group take
of the room that they have in common.
"""

from dataclasses import dataclass, field
from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mini_kafka.core.in_flight_ranges import BLOCK, Reason, State
from mini_kafka.core.share_partition import Acknowledged, Acquired, InFlightLimit, Lock, SharePartition, Stretch

FAR = 10**9
MAX_DELIVERY_COUNT = 2
MAX_IN_FLIGHT = 12
members = st.sampled_from(["m", "n", None])
lock_times = st.sampled_from([1, 10, 30])
wanted = st.sampled_from([0, 1, 2, 2, 3, 6])
picks = st.lists(st.integers(0, 12), max_size=4)


@dataclass
class Record:
    """A record that was delivered, and is not done."""

    acquisition: int = 0
    delivery_count: int = 0
    state: State = State.AVAILABLE
    member: str | None = None
    deadline_ms: int = FAR
    reason: Reason | None = None

    def give_back(self, delay_ms: int = 0, now_ms: int = 0) -> None:
        if self.delivery_count >= MAX_DELIVERY_COUNT:
            self.condemn(Reason.DELIVERED_TOO_OFTEN)
        elif delay_ms:
            self.state, self.deadline_ms = State.DELAYED, now_ms + delay_ms
        else:
            self.state, self.deadline_ms = State.AVAILABLE, FAR

    def condemn(self, reason: Reason) -> None:
        self.state, self.reason, self.deadline_ms = State.CONDEMNED, reason, FAR


@dataclass
class Model:
    next: int
    records: dict[int, Record] = field(default_factory=dict)

    @property
    def committed(self) -> int:
        return min(self.records, default=self.next)

    def in_state(self, state: State) -> list[int]:
        return sorted(offset for offset, record in self.records.items() if record.state is state)


class ShareModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.limit = InFlightLimit(MAX_IN_FLIGHT)
        self.elsewhere = 0  # in flight on other partitions of the group
        self.given: list[Lock] = []  # every lock that was ever handed out, one an offset
        self.whole: list[Lock] = []  # the same as they were handed out
        self.finished: set[int] = set()  # accepted or confirmed since the last reset

    @initialize(before=st.integers(0, 8))
    def begin(self, before: int) -> None:
        self.start = self.end = BLOCK - before
        self.log: list[int] = []
        self.share = SharePartition(self.start, MAX_DELIVERY_COUNT, self.limit, count(1))
        self.model = Model(self.start)
        self.append([True] * 5)

    @rule(kept=st.lists(st.sampled_from([True, True, True, False]), max_size=8))
    def append(self, kept: list[bool]) -> None:
        """Let the log grow; what is not kept is a hole."""
        self.log += [self.end + index for index, is_kept in enumerate(kept) if is_kept]
        self.end += len(kept)

    @rule(drawn=st.integers(0, 5))
    def drop_head(self, drawn: int) -> None:
        self.start = min(self.start + drawn, self.end)
        self.log = [offset for offset in self.log if offset >= self.start]
        lost = [offset for offset in self.model.records if offset < self.start]
        for offset in lost:
            del self.model.records[offset]
        self.model.next = max(self.model.next, self.start)
        assert self.share.advance_log_start(self.start) == len(lost)

    @rule(passed_ms=st.sampled_from([1, 10, 30]))
    def wait(self, passed_ms: int) -> None:
        self.now_ms += passed_ms

    @rule(max_ranges=st.sampled_from([0, 1, 2, 1000]))
    def expire(self, max_ranges: int) -> None:
        """Expire in slices; only when no more is due is it known what has expired."""
        while self.share.expire(self.now_ms, max_ranges):
            max_ranges += 1
        for record in self.model.records.values():
            if record.deadline_ms > self.now_ms:
                continue
            if record.state is State.ACQUIRED:
                record.give_back()
            else:
                record.state, record.deadline_ms = State.AVAILABLE, FAR

    def acquired(self, acquired: list[Acquired], offsets: list[int], member: str | None, lock_ms: int) -> None:
        """Check that exactly these offsets were acquired, in their order, each with its count, by a new number."""
        got = [(offset, part) for part in acquired for offset in range(part.lock.base_offset, part.lock.end_offset)]
        assert [offset for offset, _ in got] == offsets
        earlier = {lock.acquisition for lock in self.given}
        for offset, part in got:
            record = self.model.records.setdefault(offset, Record())
            assert record.state is State.AVAILABLE
            assert offset not in self.finished
            record.state, record.member, record.deadline_ms = State.ACQUIRED, member, self.now_ms + lock_ms
            record.acquisition = part.lock.acquisition
            record.delivery_count += 1
            assert (part.delivery_count, part.deadline_ms) == (record.delivery_count, record.deadline_ms)
            self.given.append(Lock(offset, offset + 1, part.lock.acquisition))
        self.whole += [part.lock for part in acquired]
        numbers = {part.lock.acquisition for part in acquired}
        assert len(numbers) <= 1
        assert not numbers & earlier

    @rule(max_records=wanted, lock_ms=lock_times, member=members)
    def acquire_available(self, max_records: int, lock_ms: int, member: str | None) -> None:
        offsets = self.model.in_state(State.AVAILABLE)[:max_records]
        acquired = self.share.acquire_available(self.now_ms, max_records, lock_ms, member)
        self.acquired(acquired, offsets, member, lock_ms)

    @rule(
        back=st.sampled_from([0, 0, 0, 1, 3, -1]), length=st.integers(0, 12),
        max_records=wanted, lock_ms=lock_times, member=members,
    )  # fmt: skip
    def acquire_new(self, back: int, length: int, max_records: int, lock_ms: int, member: str | None) -> None:
        """Read on from about the next offset, a little before it or behind it, and acquire what was found."""
        base = max(self.model.next - back, self.start)
        end = max(min(base + length, self.end), base)
        found = [offset for offset in self.log if base <= offset < end]
        acquired = self.share.acquire_new(self.now_ms, Stretch(base, end, found), max_records, lock_ms, member)
        offsets: list[int] = []
        if base <= self.model.next <= end:
            room = min(max_records, max(MAX_IN_FLIGHT - len(self.model.records) - self.elsewhere, 0))
            unseen = [offset for offset in found if offset >= self.model.next]
            offsets = unseen[:room]
            if offsets == unseen:
                self.model.next = end
            elif offsets:
                self.model.next = offsets[-1] + 1
        self.acquired(acquired, offsets, member, lock_ms)

    def claim(self, drawn: list[int]) -> tuple[list[Lock], list[Lock], list[Record]]:
        """Choose locks among the latest that were given; say which are late, and which records the others hold."""
        locks = [self.given[-1 - pick % len(self.given)] for pick in drawn if self.given]
        late, held, seen = [], [], set()
        for lock in locks:
            record = self.model.records.get(lock.base_offset)
            is_held = self.is_held(record, lock.acquisition)
            if record is None or not is_held or lock in seen:
                late.append(lock)
            else:
                held.append(record)
                seen.add(lock)
        return locks, late, held

    def offsets_of(self, records: list[Record]) -> list[int]:
        return [offset for offset, record in self.model.records.items() if any(record is one for one in records)]

    @rule(drawn=picks, in_order=st.booleans())
    def accept(self, drawn: list[int], in_order: bool) -> None:
        locks, late, held = self.claim(sorted(drawn, reverse=True) if in_order else drawn)
        assert self.share.accept(self.now_ms, locks) == Acknowledged(len(held), late)
        for offset in self.offsets_of(held):
            del self.model.records[offset]
            self.finished.add(offset)

    @rule(drawn=picks)
    def reject(self, drawn: list[int]) -> None:
        locks, late, held = self.claim(drawn)
        assert self.share.reject(self.now_ms, locks) == Acknowledged(len(held), late)
        for record in held:
            record.condemn(Reason.REJECTED)

    @rule(drawn=picks, delay_ms=st.sampled_from([0, 0, 5, 20]))
    def release(self, drawn: list[int], delay_ms: int) -> None:
        locks, late, held = self.claim(drawn)
        assert self.share.release(self.now_ms, locks, delay_ms) == Acknowledged(len(held), late)
        for record in held:
            record.give_back(delay_ms, self.now_ms)

    @rule(drawn=picks, lock_ms=lock_times)
    def renew(self, drawn: list[int], lock_ms: int) -> None:
        locks, late, held = self.claim(drawn[:1])  # a second renewal in one call would not be late
        assert self.share.renew(self.now_ms, locks, lock_ms) == Acknowledged(len(held), late)
        for record in held:
            record.deadline_ms = self.now_ms + lock_ms

    @rule(member=st.sampled_from(["m", "n"]), max_ranges=st.sampled_from([0, 1, 1000]))
    def release_member(self, member: str, max_ranges: int) -> None:
        while self.share.release_member(member, max_ranges):
            max_ranges += 1
        for record in self.model.records.values():
            if record.state is State.ACQUIRED and record.member == member:
                record.give_back()

    @rule(max_ranges=st.integers(0, 3))
    def confirm(self, max_ranges: int) -> None:
        condemned = self.share.condemned(max_ranges)
        assert len(condemned) <= max_ranges
        assert bool(condemned) == bool(max_ranges and self.model.in_state(State.CONDEMNED))
        for lock, delivery_count, reason in condemned:
            for offset in range(lock.base_offset, lock.end_offset):
                record = self.model.records.pop(offset)
                self.finished.add(offset)
                assert record.state is State.CONDEMNED
                assert (record.acquisition, record.delivery_count) == (lock.acquisition, delivery_count)
                assert record.reason is reason
        assert self.share.confirm([one.lock for one in condemned]) == sum(
            one.lock.end_offset - one.lock.base_offset for one in condemned
        )
        assert self.share.confirm([one.lock for one in condemned]) == 0

    @rule(drawn=st.integers(0, 20), seldom=st.integers(0, 5))
    def reset(self, drawn: int, seldom: int) -> None:
        if seldom == 0:
            offset = self.start + drawn % (self.end - self.start + 1)
            self.share.reset(offset)
            self.model = Model(offset)
            self.finished.clear()

    @rule(in_flight=st.sampled_from([0, 0, 1, MAX_IN_FLIGHT]))
    def work_on_another_partition(self, in_flight: int) -> None:
        """Take room from this partition, or give it back; what is in flight here already is not touched."""
        self.limit.in_flight += in_flight - self.elsewhere
        self.elsewhere = in_flight

    @precondition(lambda self: self.whole)
    @rule(
        drawn=st.integers(0, 6), before=st.integers(0, 2), after=st.integers(0, 2),
        how=st.sampled_from(["accept", "reject", "release", "renew"]),
    )  # fmt: skip
    def settle_many_at_once(self, drawn: int, before: int, after: int, how: str) -> None:
        """Name many records by one lock, or by a part of one; each is settled or late on its own."""
        base, end, acquisition = self.whole[-1 - drawn % len(self.whole)]
        lock = Lock(min(base + before, end - 1), max(end - after, min(base + before, end - 1) + 1), acquisition)
        held, late = [], []
        for offset in range(lock.base_offset, lock.end_offset):
            record = self.model.records.get(offset)
            if self.is_held(record, acquisition):
                held.append(offset)
            else:
                late.append(Lock(offset, offset + 1, acquisition))
        assert self.share.holds(self.now_ms, lock) == (not late)
        more = [30] if how == "renew" else []
        assert getattr(self.share, how)(self.now_ms, [lock], *more) == Acknowledged(len(held), late)
        for offset in held:
            record = self.model.records[offset]
            if how == "accept":
                del self.model.records[offset]
                self.finished.add(offset)
            elif how == "reject":
                record.condemn(Reason.REJECTED)
            elif how == "release":
                record.give_back()
            else:
                record.deadline_ms = self.now_ms + 30

    def is_held(self, record: Record | None, acquisition: int) -> bool:
        return (
            record is not None
            and (record.state, record.acquisition) == (State.ACQUIRED, acquisition)
            and record.deadline_ms > self.now_ms
        )

    @precondition(lambda self: self.end - self.start > 20)
    @rule()
    def finish_everything(self) -> None:
        """Work until nothing is left: every record is accepted or condemned, each once, and the lag is 0."""
        self.wait(1000)
        self.work_on_another_partition(0)
        while self.model.committed < self.end:
            self.expire(1000)
            self.confirm(1000)
            self.acquire_available(1000, 10, "m")
            self.acquire_new(0, 1000, 1000, 10, "m")
            self.accept(list(range(len(self.given))), in_order=True)
        assert self.share.committed_offset == self.end
        assert self.limit.in_flight == self.elsewhere

    @invariant()
    def it_is_as_the_lists_say(self) -> None:
        model, share = self.model, self.share
        assert (share.committed_offset, share.next_offset) == (model.committed, model.next)
        assert [share.count(state) for state in State] == [len(model.in_state(state)) for state in State]
        assert self.limit.in_flight == len(model.records) + self.elsewhere
        assert len(model.records) <= MAX_IN_FLIGHT
        assert share.next_deadline_ms == min(
            (record.deadline_ms for record in model.records.values() if record.deadline_ms < FAR), default=None
        )
        held: dict[str | None, int] = {}
        for offset in model.in_state(State.ACQUIRED):
            member = model.records[offset].member
            held[member] = held.get(member, 0) + 1
        assert share.held_by_member() == held
        assert len(share._done) <= len(share._ranges)
        assert len(share._ranges) <= len(model.records)

    @invariant()
    def a_lock_is_held_by_its_own_acquisition_alone(self) -> None:
        for lock in self.given[-20:]:
            is_held = self.is_held(self.model.records.get(lock.base_offset), lock.acquisition)
            assert self.share.holds(self.now_ms, lock) == is_held

    @invariant()
    def what_is_before_the_next_offset_and_not_in_flight_is_finished_or_was_never_there(self) -> None:
        passed = [offset for offset in self.log if self.model.committed <= offset < self.model.next]
        assert all(offset in self.model.records or offset in self.finished for offset in passed)


TestShareModel = ShareModel.TestCase
