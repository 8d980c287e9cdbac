"""What became of records: accepted, released, rejected or renewed, in slices so that no call holds up the others.

The rules are `core.share_partition`'s, and what follows from a change is the owner's, who hears of each. A lock that
is no longer held is late, whatever the reason: the group, the topic or the share may be gone.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic
from uuid import UUID

from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.share_group import L, ShareGroup, TopicShare
from mini_kafka.core.share_partition import Acknowledged, Lock, SharePartition
from mini_kafka.engine.acquiring import RANGES_PER_SLICE
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.group_values import Acknowledgement, RecordLock, Release, runs
from mini_kafka.engine.pace import Pace

LOCKS_PER_SLICE = 100
"""Locked records that are acknowledged before others get their turn: 2 or 3 ms where each is a range of its own."""

Settle = Callable[[SharePartition, int, Sequence[Lock]], Acknowledged]


class Acknowledging(Generic[L]):
    """Settles the locks of groups that `find` gives; `changed` hears of each share that was changed."""

    def __init__(
        self,
        clock: Clock,
        find: Callable[[str], ShareGroup[L] | None],
        changed: Callable[[TopicShare[L]], None],
        max_lock_ms: int,
    ) -> None:
        self._clock = clock
        self._find = find
        self._changed = changed
        self._max_lock_ms = max_lock_ms

    def capped(self, lock_ms: int) -> int:
        """Give how long a lock lasts that is to last `lock_ms`."""
        return min(max(lock_ms, 1), self._max_lock_ms)

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
        renew_ms = self.capped(lock_ms)
        late: list[RecordLock] = []
        pace = Pace(LOCKS_PER_SLICE)

        async def settle(locks: Sequence[RecordLock], how: Settle) -> int:
            settled = 0
            for part in slices_of(runs(locks), LOCKS_PER_SLICE):
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
        group = self._find(name)
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
        group = self._find(name)
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


def _release_after(delay_ms: int) -> Settle:
    return lambda share, now_ms, locks: share.release(now_ms, locks, delay_ms)


def slices_of(locks: Iterable[RecordLock], at_once: int) -> Iterator[list[RecordLock]]:
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
