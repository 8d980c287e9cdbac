"""Shared consumption of the log in RAM: acquire with a long poll, acknowledge, and one kind a group.

The rules are the core's, in `share_partition` and `share_group`; what members do with shares is `sharing`'s. This room
adds waiting, and the rule that a group has one kind: while somebody is in a call of the one kind, is a member or holds
a lock, a call of another is refused; after that the other takes over, and only the committed offsets carry over.
"""

import asyncio
from collections.abc import Iterable, Sequence

from mini_kafka.core.consumer_groups import ConsumerGroups
from mini_kafka.core.errors import GroupKindConflict, GroupNotEmpty
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.share_group import LogGroup, LogShare, ShareGroups
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.dead_letters import Write
from mini_kafka.engine.group_values import Acknowledgement, AcquiredRecord, GroupMember, RecordLock, Release
from mini_kafka.engine.reader import Reader
from mini_kafka.engine.sharing import GROUP_MAX_SIZE, MAX_LOCK_MS, Sharing
from mini_kafka.engine.waiters import Waiters


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
        write_dead_letters: Write,
    ) -> None:
        self._topics = topics
        self._groups = groups
        self._waiters = waiters
        self._offset_calls = offset_calls
        self._consumer_groups = consumer_groups
        self._sharing: Sharing[PartitionLog] = Sharing(
            clock, waiters, reader, groups.find, groups.copy_offset,
            max_lock_ms=max_lock_ms,
            max_members=max_members,
            dead_letter_pattern=dead_letter_pattern,
            write_dead_letters=write_dead_letters,
        )  # fmt: skip

    @property
    def calls(self) -> Calls:
        """Who waits in an acquire now."""
        return self._sharing.calls

    def members(self, name: str) -> tuple[GroupMember, ...]:
        """Give who is at work in a group: who is in a call, and who holds how many locks."""
        return self._sharing.members(name)

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
        self._sharing.let_go(self._groups.end(group))

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
        self.claim(name)
        self._sharing.check_members(name, member)
        with self.calls.inside(name, member):
            while True:
                wanted = [self._topics.get(topic) for topic in names]
                candidates = self._candidates(self._groups.open(name, wanted), wanted)
                if candidates:
                    found = await self._sharing.acquire(candidates, max_records, lock_ms, member)
                    if found:
                        return found
                    await asyncio.sleep(0)  # there were holes, or somebody was faster: look again
                    continue
                if not await poll.news([name, *(topic.topic_id for topic in wanted)]):
                    return []

    def _candidates(self, group: LogGroup, topics: Iterable[Topic]) -> list[LogShare]:
        """Give the shares that may have a record now, another one first each time."""
        shares = (self._groups.share_of(group, topic, number) for topic in topics for number in range(len(topic.logs)))
        return self._sharing.candidates(group, (shared for shared in shares if shared is not None))

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
        return await self._sharing.acknowledging.acknowledge(name, accept, release, reject, renew, lock_ms)

    async def release_member(self, name: str, member: str) -> int:
        """Give back all that a member holds, and count it."""
        return await self._sharing.acknowledging.release_member(name, member)

    def reset(self, name: str, partition: TopicPartition) -> None:
        """Forget what a group has in flight on a partition: it goes on at the committed offset."""
        group = self._groups.find(name)
        shared = group.shares.get(partition) if group else None
        if shared is not None:
            shared.group.end_share(shared)
            self._sharing.let_go([shared])
        self._waiters.notify(name)

    def forget_topic(self, topic: Topic) -> None:
        """End everything of a topic that is gone."""
        for group in list(self._groups):
            self._sharing.let_go(self._groups.end_topic(group, topic))

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
            self._sharing.let_go(self._groups.end(group) if topic is None else self._groups.end_topic(group, topic))

    def close(self) -> None:
        """Let no lock run out any more, and write no dead letters."""
        self._sharing.close()
