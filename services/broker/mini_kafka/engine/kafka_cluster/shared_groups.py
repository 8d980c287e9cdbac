"""Shared consumption of a cluster's log: a member of the Kafka group in each gateway, and the locks in the gateway.

A gateway joins a group when somebody acquires in it, gets some of the partitions, and shares their records among its
callers: the rules are the core's, what members do is `sharing`'s, as with the log in RAM. It commits the first offset
that is not done, within the group's generation, so a commit never passes an open record. A partition that moves takes
the committed offset along and nothing else: its locks end, and delivery counts and delays begin anew. A gateway that
nobody has asked for a topic's records for a while gives the topic back, and leaves with its last one.

Not by Kafka's share groups (KIP-932): what confluent-kafka 2.16 has of them is a preview that refuses to poll before
all records of the last poll are settled (seen with Kafka 4.3.1), has no lock time of the call's own, no renewal and no
delayed release, and keeps its offsets where no consumer group has them; and clusters other than Apache Kafka's have
none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from uuid import UUID

from mini_kafka.core.errors import (
    ClusterUnavailable,
    GroupKindConflict,
    GroupNotEmpty,
    LockHeldElsewhere,
    SharedGroupLimitReached,
    UnknownTopic,
)
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.share_group import ShareGroup, TopicShare
from mini_kafka.core.share_partition import SharePartition
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.dead_letters import Write
from mini_kafka.engine.deadlines import Deadlines
from mini_kafka.engine.group_values import Acknowledgement, AcquiredRecord, RecordLock, Release
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.feed import Feed
from mini_kafka.engine.kafka_cluster.feed_reader import FeedReader
from mini_kafka.engine.kafka_cluster.gateway_name import acquisitions, gateway_of
from mini_kafka.engine.kafka_cluster.group_admin import MEMBER_CLIENT_ID, GroupAdmin
from mini_kafka.engine.kafka_cluster.group_marks import Committed
from mini_kafka.engine.kafka_cluster.joined_group import GroupTopic, JoinedGroup
from mini_kafka.engine.kafka_cluster.membership import Membership
from mini_kafka.engine.kafka_cluster.topic_watch import TopicIds, TopicWatch
from mini_kafka.engine.sharing import Sharing
from mini_kafka.engine.waiters import Waiters

LEAVE_S = 5.0
"""How long the gateway's end waits for its members to leave; Kafka misses the others later. Docker kills after 10 s."""

FindTopic = Callable[[str], Awaitable[UUID]]
"""Gives a topic's id, or raises what the caller is told."""


class SharedGroups:
    """All groups that this gateway shares records of."""

    def __init__(
        self,
        connection: Connection,
        admin: GroupAdmin,
        waiters: Waiters,
        clock: Clock,
        reader: FeedReader,
        offset_calls: Calls,
        topic_ids: TopicIds,
        write_dead_letters: Write,
    ) -> None:
        config = connection.config
        self._connection = connection
        self._config = config
        self._admin = admin
        self._waiters = waiters
        self._clock = clock
        self._offset_calls = offset_calls
        self._topic_ids = topic_ids
        self._acquisitions = acquisitions(config.gateway_name)
        self._groups: dict[str, JoinedGroup] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._wanted = Calls()
        """Calls under way by group and topic."""
        self._watch = TopicWatch(clock, topic_ids, self._groups.values, self._end_topic)
        self._idle: Deadlines[JoinedGroup] = Deadlines(clock, self._check_idle)
        self.sharing: Sharing[Feed] = Sharing(
            clock, waiters, reader, self._share_of, self._commit,
            max_lock_ms=config.share_max_lock_ms,
            max_members=config.group_max_size,
            dead_letter_pattern=config.dead_letter_topic,
            write_dead_letters=write_dead_letters,
        )  # fmt: skip

    def find(self, name: str) -> JoinedGroup | None:
        """Give a group that this gateway is a member of."""
        return self._groups.get(name)

    async def find_topic(self, name: str) -> UUID:
        """Give the id of a topic.

        Raises:
            UnknownTopic, ClusterUnavailable: it is not there, or nobody can say.
        """
        found = (await self._topic_ids([name])).get(name)
        if found is None:
            raise UnknownTopic(name)
        return found[0]

    def _share_of(self, name: str) -> ShareGroup[Feed] | None:
        group = self._groups.get(name)
        return None if group is None else group.share

    async def acquire(
        self, name: str, topics: Iterable[str], *, max_records: int, wait_ms: int, lock_ms: int, member: str | None,
        find_topic: FindTopic,
    ) -> list[AcquiredRecord]:  # fmt: skip
        """Lock and give at most `max_records` records, and wait for the first one.

        The first call for a topic waits until the gateway has its partitions, also where its `wait_ms` is shorter.

        Raises:
            GroupKindConflict, SharedGroupLimitReached, MemberLimitReached, UnknownTopic, ClusterUnavailable: nothing
                was acquired.
        """
        names = tuple(dict.fromkeys(topics))
        if self._waiters.closed or not names:
            return []
        self.check_no_call(name)
        self.sharing.check_members(name, member)
        poll = self._waiters.poll(wait_ms)
        with self.sharing.calls.inside(name, member), self._wanting(name, names):
            while True:
                group = await self._joined(name, names, find_topic)
                find_topic = self.find_topic  # a topic that goes meanwhile is not made once more
                if self._groups.get(name) is group:
                    candidates = self._candidates(group, names)
                    found = await self._acquire(group, candidates, max_records, lock_ms, member)
                    if found:
                        return found
                    if not candidates and not await poll.news([name]):
                        break
                    await asyncio.sleep(0)  # there were holes, or somebody was faster: look again
                if group.error is not None:
                    raise group.error
        if self._connection.trouble and not self._waiters.closed:
            raise ClusterUnavailable(self._connection.trouble)
        return []

    @contextmanager
    def _wanting(self, name: str, topics: Iterable[str]) -> Iterator[None]:
        """Count a call for its topics as long as it lasts."""
        with ExitStack() as stack:
            for topic in topics:
                stack.enter_context(self._wanted.inside(name, topic))
            try:
                yield
            finally:
                group = self._groups.get(name)
                if group is not None:
                    group.asked_ms.update(dict.fromkeys(topics, self._clock.now_ms()))
                    self._idle.set(group, self._clock.now_ms() + self._config.share_idle_ms)

    async def _acquire(
        self, group: JoinedGroup, candidates: list[TopicShare[Feed]], max_records: int, lock_ms: int, member: str | None
    ) -> list[AcquiredRecord]:
        """Acquire of what there is now, and let the windows that have room be filled again."""
        found = await self.sharing.acquire(candidates, max_records, lock_ms, member) if candidates else []
        for shared in candidates:
            if not shared.ended and shared.log.paused and shared.log.is_low:
                shared.log.paused = False
                group.membership.resume(shared.partition)
        return found

    def _candidates(self, group: JoinedGroup, names: Iterable[str]) -> list[TopicShare[Feed]]:
        wanted = set(names)
        return self.sharing.candidates(
            group.share, [shared for place, shared in group.share.shares.items() if place.topic in wanted]
        )

    async def _joined(self, name: str, topics: Sequence[str], find_topic: FindTopic) -> JoinedGroup:
        """Be a member that wants these topics, and wait until it has its partitions of them, for a time.

        Raises:
            GroupKindConflict: Kafka consumers are members.
            SharedGroupLimitReached: this gateway is a member of too many groups.
            UnknownTopic: what `find_topic` raises.
            ClusterUnavailable: it takes too long.
        """
        group = self._groups.get(name)
        if group is None or not all(topic in group.topics for topic in topics):
            found = {topic: await find_topic(topic) for topic in topics}
            group = self._groups.get(name) or await self._join(name)
            group.topics |= {topic: GroupTopic(topic, topic_id) for topic, topic_id in found.items()}
            group.membership.subscribe(sorted(group.topics))
        patience = self._waiters.poll(round(self._config.timeout_s * 1000))
        while self._is_waiting(group, topics):
            if not await patience.news([name]) and self._is_waiting(group, topics):
                reason = self._connection.trouble or "the group is long in giving this gateway its partitions"
                raise ClusterUnavailable(reason)
        while self._is_waiting(group, topics, for_all=True):
            if not await self._waiters.poll(group.gather_until_ms - self._clock.now_ms()).news([name]):
                break
        return group

    async def _join(self, name: str) -> JoinedGroup:
        await self._left(name)
        if name not in self._groups:
            if len(self._groups) >= self._config.shared_groups:
                raise SharedGroupLimitReached(name, self._config.shared_groups)
            members = (await self._admin.describe([name]))[name]
            if members.consumers:
                raise GroupKindConflict(name, "has Kafka consumers", f"{len(members.consumers)} members")
        group = self._groups.get(name)  # another call may have been faster
        if group is None:
            group = self._groups[name] = JoinedGroup(self, name, self._config.share_max_in_flight)
            client_id = MEMBER_CLIENT_ID + self._config.gateway_name
            group.membership = Membership(self._connection, name, client_id, group)
            group.membership.start()
            self._watch.start()
        return group

    def _is_waiting(self, group: JoinedGroup, topics: Iterable[str], *, for_all: bool = False) -> bool:
        """Tell whether partitions of topics are still to come, and the first records of one, or of all, with them."""
        if self._waiters.closed or group.error is not None or self._groups.get(group.name) is not group:
            return False
        wanted = set(topics)
        if not wanted <= group.ready:
            return True
        feeds = [shared.log for place, shared in group.share.shares.items() if place.topic in wanted]
        return not all(feed.has_begun for feed in feeds) and (for_all or not any(len(feed) for feed in feeds))

    def check_no_call(self, name: str) -> None:
        """Refuse to share in a group of a registered consumer's whose call is under way.

        Raises:
            GroupKindConflict: there is one.
        """
        if self._offset_calls.of(name):
            raise GroupKindConflict(name, "is a registered consumer's", "a consume call of it is waiting")

    async def make_way(self, name: str) -> None:
        """Let a group be of another kind: leave it, so that others may commit.

        Raises:
            GroupKindConflict: it has members or locks here.
        """
        locked, waiting = self.locks(name), len(self.sharing.calls.of(name))
        if locked or waiting:
            raise GroupKindConflict(name, "shares its records", f"{locked} locked, {waiting} members waiting")
        if name in self._groups or name in self._leaving:
            await self.leave(name)

    def check_idle(self, name: str, topic: str | None = None) -> None:
        """Refuse to take a group, or one topic of it, away under its members in this gateway.

        Raises:
            GroupNotEmpty: it has some.
        """
        group = self._groups.get(name)
        shares = group.share.shares.values() if group else ()
        locked = sum(shared.share.count(State.ACQUIRED) for shared in shares if topic in {None, shared.topic.name})
        members = len(self.sharing.calls.of(name)) + len(self._offset_calls.of(name))
        if locked or members:
            raise GroupNotEmpty(name, locked, members)

    async def acknowledge(
        self,
        name: str,
        accept: Sequence[RecordLock],
        release: Sequence[Release],
        reject: Sequence[RecordLock],
        renew: Sequence[RecordLock],
        lock_ms: int,
    ) -> Acknowledgement:
        """Settle locks; those that are no longer held are late.

        Raises:
            LockHeldElsewhere: another gateway has one of them; nothing was settled.
        """
        for lock in (*accept, *(one.lock for one in release), *reject, *renew):
            holder = gateway_of(lock.acquisition)
            if holder != self._config.gateway_name:
                raise LockHeldElsewhere(holder, self._config.gateway_name)
        return await self.sharing.acknowledging.acknowledge(name, accept, release, reject, renew, lock_ms)

    async def flush(self, name: str) -> None:
        """Wait until the cluster has what is done in a group."""
        group = self._groups.get(name)
        if group is not None:
            await group.membership.flush()

    async def leave(self, name: str, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """End all locks of a group, be its member no more, and do `then` before anybody here joins it again."""
        await self._left(name)
        await asyncio.shield(self._start_leaving(name, then))

    async def _left(self, name: str) -> None:
        while name in self._leaving:
            await asyncio.wait([self._leaving[name]])

    async def _leave(self, group: JoinedGroup | None, name: str, then: Callable[[], Awaitable[None]] | None) -> None:
        try:
            if group is not None:
                await group.membership.close()
            if then is not None:
                await then()
        finally:
            del self._leaving[name]

    def forget_topic(self, topic: str) -> None:
        """End everything of a topic that is gone."""
        for group in list(self._groups.values()):
            if topic in group.topics:
                self._end_topic(group, topic)

    def _end_topic(self, group: JoinedGroup, topic: str) -> None:
        for shared in [one for place, one in group.share.shares.items() if place.topic == topic]:
            self.end_share(shared)
        self._drop_topics(group, [topic])

    def _drop_topics(self, group: JoinedGroup, topics: Iterable[str]) -> None:
        """Want these topics no more; what is shared of them ends when the member has given their partitions back."""
        for topic in topics:
            del group.topics[topic]
            group.ready.discard(topic)
        if group.topics:
            group.membership.subscribe(sorted(group.topics))
        else:
            self._start_leaving(group.name)
        self.wake(group)

    def _start_leaving(self, name: str, then: Callable[[], Awaitable[None]] | None = None) -> "asyncio.Task[None]":
        group = self._groups.get(name)
        task = self._leaving[name] = asyncio.get_running_loop().create_task(self._leave(group, name, then))
        if group is not None:
            self.drop(group)
        return task

    def _check_idle(self, group: JoinedGroup) -> None:
        """Give back topics that nobody asks for, so that their partitions go where their callers are."""
        if self._groups.get(group.name) is not group:
            return
        now_ms = self._clock.now_ms()
        wanted = self._wanted.of(group.name)
        before_ms = now_ms - self._config.share_idle_ms
        idle = [topic for topic in group.topics if topic not in wanted and group.is_idle(topic, before_ms)]
        if idle:
            self._drop_topics(group, idle)
        if group.topics:
            self._idle.set(group, now_ms + self._config.share_idle_ms)

    async def close(self) -> None:
        """Leave all groups; what is done is committed."""
        self.sharing.close()
        self._idle.close()
        self._watch.close()
        for group in list(self._groups.values()):
            self._start_leaving(group.name)
        if self._leaving:
            await asyncio.wait(self._leaving.values(), timeout=LEAVE_S)

    def now_ms(self) -> int:
        """Give the time, in milliseconds since 1970."""
        return self._clock.now_ms()

    def new_share(self, group: JoinedGroup, offset: int) -> SharePartition:
        """Make a share that begins at an offset."""
        return SharePartition(offset, self._config.share_max_delivery_count, group.share.in_flight, self._acquisitions)

    def end_share(self, shared: TopicShare[Feed]) -> None:
        """Let go of a share: its locks are late from now on."""
        shared.group.end_share(shared)
        self.sharing.let_go([shared])

    def drop(self, group: JoinedGroup) -> None:
        """Share nothing of a group any more; its member commits what is done when it leaves."""
        if self._groups.get(group.name) is group:
            del self._groups[group.name]
        self._idle.set(group, None)
        self.wake(group)

    def wake(self, group: JoinedGroup) -> None:
        """Let those who wait in a group look again."""
        self._waiters.notify(group.name)

    def look_for(self, topic: str) -> None:
        """Look whether a topic is still the one that it was, and end what was shared of it if not."""
        self._watch.suspect(topic)

    def _commit(self, shared: TopicShare[Feed]) -> None:
        group = self._groups.get(shared.group.name)
        offset = shared.share.committed_offset
        if group is not None and offset != shared.log.committed:
            shared.log.committed = offset
            group.membership.commit(shared.partition, Committed(offset, group.marks.get(shared.partition)))

    def locks(self, name: str) -> int:
        """Count the records that are locked here."""
        group = self._groups.get(name)
        return group.share.locked if group else 0
