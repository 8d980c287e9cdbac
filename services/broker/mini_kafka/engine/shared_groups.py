"""Shared consumption at work: acquire with a long poll, acknowledge, and what happens when locks run out.

The rules are the core's, in `share_partition` and `share_group`. This room adds waiting, one timer for the deadlines
of all shares, slices so that no call holds up the others, and the rule that a group has one kind: while somebody is
in a call of the one kind, is a member or holds a lock, a call of another is refused; after that the other takes over,
and only the committed offsets carry over.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from mini_kafka.core.consumer_groups import ConsumerGroups
from mini_kafka.core.errors import GroupKindConflict, GroupNotEmpty, MemberLimitReached
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.share_group import ShareGroup, ShareGroups, TopicShare
from mini_kafka.core.share_partition import Acknowledged, Lock, SharePartition
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.acquiring import RANGES_PER_SLICE, Acquiring
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.dead_letters import DeadLetters, Produce
from mini_kafka.engine.deadlines import Deadlines
from mini_kafka.engine.group_values import Acknowledgement, AcquiredRecord, RecordLock, Release, runs
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.reader import Reader
from mini_kafka.engine.waiters import Waiters

MAX_LOCK_MS = 3_600_000
"""The longest lock and delay, unless the broker is told otherwise: an hour, after which a lost record comes back."""
GROUP_MAX_SIZE = 1000
"""Members of a group, unless the broker is told otherwise: one record wakes all who wait, in a few milliseconds."""
LOCKS_PER_SLICE = 100
"""Locked records that are acknowledged before others get their turn: 2 or 3 ms where each is a range of its own."""

Settle = Callable[[SharePartition, int, Sequence[Lock]], Acknowledged]


class SharedGroups:
    """All groups that share records."""

    def __init__(
        self,
        topics: Topics,
        groups: ShareGroups,
        waiters: Waiters,
        clock: Clock,
        reader: Reader,
        offset_calls: Calls,
        consumer_groups: ConsumerGroups,
        *,
        max_lock_ms: int = MAX_LOCK_MS,
        max_members: int = GROUP_MAX_SIZE,
        dead_letter_pattern: str,
        ensure_dead_letter_topic: Callable[[str, Topic], object],
        produce: Produce,
    ) -> None:
        self._topics = topics
        self._groups = groups
        self._waiters = waiters
        self._clock = clock
        self._offset_calls = offset_calls
        self._consumer_groups = consumer_groups
        self.calls = Calls()
        """Who waits in an acquire now."""
        self._max_lock_ms = max_lock_ms
        self._max_members = max_members
        self._acquiring = Acquiring(clock, reader, self._changed)
        self._deadlines: Deadlines[TopicShare] = Deadlines(clock, self._expire)
        self._dead_letters = DeadLetters(
            clock, reader, dead_letter_pattern, ensure_dead_letter_topic, produce, self._changed
        )

    def claim(self, name: str) -> None:
        """Refuse to share in a group that is of another kind now, and one that would be too many.

        Raises:
            GroupKindConflict: somebody reads in it as a registered consumer, or Kafka consumers are its members.
            GroupLimitReached: it would be one group too many.
        """
        self._check_no_call(name)
        self._groups.check_room(name)
        self._consumer_groups.make_way(name)

    def make_way(self, name: str) -> None:
        """Let a group be a registered consumer's or a committer's, because a call of that kind came.

        Raises:
            GroupKindConflict: it has members of another kind, or locks; nothing was changed.
        """
        self._end(name)
        self._consumer_groups.make_way(name)

    def make_way_for_members(self, name: str) -> None:
        """Let a group be one of Kafka consumers, because one wants to join or commit.

        Raises:
            GroupKindConflict: it has members of another kind, or locks; nothing was changed.
        """
        self._check_no_call(name)
        self._end(name)

    def _check_no_call(self, name: str) -> None:
        if self._offset_calls.of(name):
            raise GroupKindConflict(name, "is a registered consumer's", "a consume call of it is waiting")

    def _end(self, name: str) -> None:
        """Let a group share no more; a group that shares has no Kafka consumers, so this is all or nothing."""
        group = self._groups.find(name)
        if group is None:
            return
        if group.locked or self.calls.of(name):
            reason = f"{group.locked} locked, {len(self.calls.of(name))} members waiting"
            raise GroupKindConflict(name, "shares its records", reason)
        self._let_go(self._groups.end(group))

    async def acquire(
        self,
        name: str,
        topics: Iterable[str],
        *,
        max_records: int,
        wait_ms: int,
        lock_ms: int,
        member: str | None,
    ) -> list[AcquiredRecord]:
        """Lock and give at most `max_records` records, and wait for the first one.

        Raises:
            GroupKindConflict, GroupLimitReached, OffsetLimitReached, MemberLimitReached, UnknownTopic: nothing was
                acquired.
        """
        names = tuple(dict.fromkeys(topics))
        if self._waiters.closed or not names:
            return []
        poll = self._waiters.poll(wait_ms)
        lock_ms = self._capped(lock_ms)
        self.claim(name)
        self._check_members(name, member)
        with self.calls.inside(name, member):
            while True:
                wanted = [self._topics.get(topic) for topic in names]
                candidates = self._candidates(self._groups.open(name, wanted), wanted)
                if candidates:
                    found = await self._acquiring.acquire(candidates, max_records, lock_ms, member)
                    if found:
                        return found
                    await asyncio.sleep(0)  # there were holes, or somebody was faster: look again
                    continue
                if not await poll.news([name, *(topic.topic_id for topic in wanted)]):
                    return []

    def _check_members(self, name: str, member: str | None) -> None:
        """Refuse a member that would be one too many; who has no name is another one in each call.

        Raises:
            MemberLimitReached: as many are in a call or hold locks as may.
        """
        calls = self.calls.of(name)
        group = self._groups.find(name)
        at_work = set(calls)
        for shared in group.shares.values() if group else ():
            at_work |= shared.share.members
        at_work.discard(None)
        if (member is None or member not in at_work) and len(at_work) + calls.get(None, 0) >= self._max_members:
            raise MemberLimitReached(name, self._max_members)

    def _capped(self, lock_ms: int) -> int:
        return min(max(lock_ms, 1), self._max_lock_ms)

    def _candidates(self, group: ShareGroup, topics: Iterable[Topic]) -> list[TopicShare]:
        """Give the shares that may have a record now, another one first each time."""
        found = []
        for topic in topics:
            for number in range(len(topic.logs)):
                shared = self._groups.share_of(group, topic, number)
                if shared is not None and self._acquiring.has_something(shared):
                    found.append(shared)
        if len(found) > 1:
            turn = group.turn % len(found)
            group.turn += 1
            found = found[turn:] + found[:turn]
        return found

    async def acknowledge(
        self,
        name: str,
        accept: Sequence[RecordLock],
        release: Sequence[Release],
        reject: Sequence[RecordLock],
        renew: Sequence[RecordLock],
        lock_ms: int,
    ) -> Acknowledgement:
        """Settle locks; those that are no longer held are late, and that is no error."""
        renew_ms = self._capped(lock_ms)
        late: list[RecordLock] = []
        pace = Pace(LOCKS_PER_SLICE)

        async def settle(locks: Sequence[RecordLock], how: Settle) -> int:
            settled = 0
            for part in _slices(runs(locks), LOCKS_PER_SLICE):
                await pace.step(sum(lock.records for lock in part))
                settled += self._settle(name, part, how, late)
            return settled

        by_delay: dict[int, list[RecordLock]] = {}
        for lock, delay_ms in release:
            by_delay.setdefault(min(max(delay_ms, 0), self._max_lock_ms), []).append(lock)
        accepted = await settle(accept, lambda share, now_ms, locks: share.accept(now_ms, locks))
        rejected = await settle(reject, lambda share, now_ms, locks: share.reject(now_ms, locks))
        released = 0
        for delay, locks in by_delay.items():
            released += await settle(locks, _release_after(delay))
        renewed = await settle(renew, lambda share, now_ms, locks: share.renew(now_ms, locks, renew_ms))
        return Acknowledgement(accepted, released, rejected, renewed, tuple(late))

    def _settle(self, name: str, locks: Sequence[RecordLock], how: Settle, late: list[RecordLock]) -> int:
        """Settle a slice of locks, partition by partition; count the records and collect what came late."""
        group = self._groups.find(name)
        now_ms = self._clock.now_ms()
        parts: dict[TopicPartition, list[tuple[UUID, Lock]]] = {}
        for topic_id, topic, partition_number, offset, acquisition, records in locks:
            claim = Lock(offset, offset + records, acquisition)
            parts.setdefault(TopicPartition(topic, partition_number), []).append((topic_id, claim))
        settled = 0
        for partition, part in parts.items():
            shared = group.shares.get(partition) if group else None
            mine = []
            for topic_id, claim in part:
                if shared is None or topic_id != shared.topic.topic_id:
                    late += _records_of(topic_id, partition, claim)
                else:
                    mine.append(claim)
            if shared is None or not mine:
                continue
            acknowledged = how(shared.share, now_ms, mine)
            settled += acknowledged.records
            for claim in acknowledged.late:
                late += _records_of(shared.topic.topic_id, partition, claim)
            self._changed(shared)
        return settled

    async def release_member(self, name: str, member: str) -> int:
        """Give back all that a member holds, and count it."""
        group = self._groups.find(name)
        released = 0
        for shared in list(group.shares.values()) if group else []:
            more = True
            while more and not shared.ended:
                before = shared.share.count(State.ACQUIRED)
                more = shared.share.release_member(member, RANGES_PER_SLICE)
                released += before - shared.share.count(State.ACQUIRED)
                self._changed(shared)
                if more:
                    await asyncio.sleep(0)
        return released

    def reset(self, name: str, partition: TopicPartition) -> None:
        """Forget what a group has in flight on a partition: it goes on at the committed offset."""
        group = self._groups.find(name)
        shared = group.shares.get(partition) if group else None
        if shared is not None:
            self._groups.end_share(shared)
            self._let_go([shared])
        self._waiters.notify(name)

    def forget_topic(self, topic: Topic) -> None:
        """End everything of a topic that is gone."""
        for group in list(self._groups):
            self._let_go(self._groups.end_topic(group, topic))

    def check_idle(self, name: str, topic: Topic | None = None) -> None:
        """Refuse to take a group, or one topic of it, away under its members.

        Raises:
            GroupNotEmpty: it has members or locks of either kind.
        """
        group = self._groups.find(name)
        shares = group.shares.values() if group else ()
        locked = sum(shared.share.count(State.ACQUIRED) for shared in shares if topic is None or topic is shared.topic)
        members = len(self.calls.of(name)) + len(self._offset_calls.of(name)) + self._consumer_groups.members(name)
        if locked or members:
            raise GroupNotEmpty(name, locked, members)

    def forget(self, name: str, topic: Topic | None = None) -> None:
        """Let go of what a group shares, of one topic or at all; `check_idle` has said that it may be."""
        group = self._groups.find(name)
        if group is not None:
            self._let_go(self._groups.end(group) if topic is None else self._groups.end_topic(group, topic))

    def close(self) -> None:
        """Let no lock run out any more, and write no dead letters."""
        self._deadlines.close()
        self._dead_letters.close()

    def _let_go(self, ended: Iterable[TopicShare]) -> None:
        for shared in ended:
            self._deadlines.set(shared, None)

    def _expire(self, shared: TopicShare) -> None:
        shared.share.expire(self._clock.now_ms(), RANGES_PER_SLICE)
        shared.catch_up(RANGES_PER_SLICE)
        self._changed(shared)

    def _changed(self, shared: TopicShare) -> None:
        """Draw the consequences: the committed offset, the timer, who waits, and the dead letters."""
        if shared.ended:
            return
        self._groups.copy_offset(shared)
        self._deadlines.set(shared, shared.share.next_deadline_ms)
        group = shared.group
        if shared.share.count(State.AVAILABLE) or (group.wants_room and group.in_flight.room):
            group.wants_room = False
            self._waiters.notify(group.name)
        if shared.share.count(State.CONDEMNED):
            self._dead_letters.bury(shared)


def _release_after(delay_ms: int) -> Settle:
    return lambda share, now_ms, locks: share.release(now_ms, locks, delay_ms)


def _slices(locks: Iterable[RecordLock], at_once: int) -> Iterator[list[RecordLock]]:
    """Cut locks, where need be through a run, so that none of the slices has more than `at_once` records."""
    part: list[RecordLock] = []
    room = at_once
    for lock in locks:
        while lock.records > room:
            yield [*part, lock._replace(records=room)]
            lock = lock._replace(offset=lock.offset + room, records=lock.records - room)
            part, room = [], at_once
        part.append(lock)
        room -= lock.records
        if not room:
            yield part
            part, room = [], at_once
    if part:
        yield part


def _records_of(topic_id: UUID, partition: TopicPartition, claim: Lock) -> Iterator[RecordLock]:
    for offset in range(claim.base_offset, claim.end_offset):
        yield RecordLock(topic_id, *partition, offset, claim.acquisition)
