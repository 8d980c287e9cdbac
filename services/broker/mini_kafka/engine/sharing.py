"""Sharing records, wherever their log lies: what members do with shares, and what follows from each change.

It joins acquiring, acknowledging, one timer for the deadlines of all shares, and the dead letters. Which groups and
shares there are, and where a committed offset goes, is its owner's: `shared_groups` for the log in RAM,
`kafka_cluster.shared_groups` for that of a cluster.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from mini_kafka.core.errors import MemberLimitReached
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.share_group import L, ShareGroup, TopicShare
from mini_kafka.engine.acknowledging import Acknowledging
from mini_kafka.engine.acquiring import RANGES_PER_SLICE, Acquiring, LogReader
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.dead_letters import DeadLetters, Write
from mini_kafka.engine.deadlines import Deadlines
from mini_kafka.engine.group_values import AcquiredRecord, GroupMember
from mini_kafka.engine.waiters import Waiters

MAX_LOCK_MS = 3_600_000
"""The longest lock and delay, unless the broker is told otherwise: an hour, after which a lost record comes back."""
GROUP_MAX_SIZE = 1000
"""Members of a group, unless the broker is told otherwise: one record wakes all who wait, in a few milliseconds."""


class Sharing(Generic[L]):
    """Members at work on the shares of the groups that `find` gives; `commit` is told of each changed share."""

    def __init__(
        self,
        clock: Clock,
        waiters: Waiters,
        reader: LogReader[L],
        find: Callable[[str], ShareGroup[L] | None],
        commit: Callable[[TopicShare[L]], None],
        *,
        max_lock_ms: int = MAX_LOCK_MS,
        max_members: int = GROUP_MAX_SIZE,
        dead_letter_pattern: str,
        write_dead_letters: Write,
    ) -> None:
        self._clock = clock
        self._waiters = waiters
        self._find = find
        self._commit = commit
        self._max_members = max_members
        self.calls = Calls()
        """Who waits in an acquire now."""
        self.acknowledging = Acknowledging(clock, find, self.changed, max_lock_ms)
        self._acquiring = Acquiring(clock, reader, self.changed)
        self._deadlines: Deadlines[TopicShare[L]] = Deadlines(clock, self._expire)
        self._dead_letters = DeadLetters(clock, reader, dead_letter_pattern, write_dead_letters, self.changed)

    def check_members(self, name: str, member: str | None) -> None:
        """Refuse a member that would be one too many; who has no name is another one in each call.

        Raises:
            MemberLimitReached: as many are in a call or hold locks as may.
        """
        calls = self.calls.of(name)
        group = self._find(name)
        at_work = set(calls)
        for shared in group.shares.values() if group else ():
            at_work |= shared.share.members
        at_work.discard(None)
        if (member is None or member not in at_work) and len(at_work) + calls.get(None, 0) >= self._max_members:
            raise MemberLimitReached(name, self._max_members)

    def members(self, name: str) -> tuple[GroupMember, ...]:
        """Give who is at work in a group: who is in a call, and who holds how many locks."""
        group = self._find(name)
        held: dict[str | None, int] = dict.fromkeys(self.calls.of(name), 0)
        for shared in group.shares.values() if group else ():
            for member, records in shared.share.held_by_member().items():
                held[member] = held.get(member, 0) + records
        return tuple(GroupMember(member, held[member]) for member in sorted(held, key=lambda member: member or ""))

    def candidates(self, group: ShareGroup[L], shares: Iterable[TopicShare[L]]) -> list[TopicShare[L]]:
        """Give the shares that may have a record now, another one first each time."""
        found = [shared for shared in shares if self._acquiring.has_something(shared)]
        if len(found) > 1:
            turn = group.turn % len(found)
            group.turn += 1
            found = found[turn:] + found[:turn]
        return found

    async def acquire(
        self, candidates: Sequence[TopicShare[L]], max_records: int, lock_ms: int, member: str | None
    ) -> list[AcquiredRecord]:
        """Acquire at most `max_records` records, and of each partition a fair part."""
        return await self._acquiring.acquire(candidates, max_records, self.acknowledging.capped(lock_ms), member)

    def let_go(self, ended: Iterable[TopicShare[L]]) -> None:
        """Watch shares that have ended no more."""
        for shared in ended:
            self._deadlines.set(shared, None)

    def changed(self, shared: TopicShare[L]) -> None:
        """Draw the consequences: the committed offset, the timer, who waits, and the dead letters."""
        if shared.ended:
            return
        self._commit(shared)
        self._deadlines.set(shared, shared.share.next_deadline_ms)
        group = shared.group
        if shared.share.count(State.AVAILABLE) or (group.wants_room and group.in_flight.room):
            group.wants_room = False
            self._waiters.notify(group.name)
        if shared.share.count(State.CONDEMNED):
            self._dead_letters.bury(shared)

    def _expire(self, shared: TopicShare[L]) -> None:
        shared.share.expire(self._clock.now_ms(), RANGES_PER_SLICE)
        shared.catch_up(RANGES_PER_SLICE)
        self.changed(shared)

    def close(self) -> None:
        """Let no lock run out any more, and write no dead letters."""
        self._deadlines.close()
        self._dead_letters.close()
