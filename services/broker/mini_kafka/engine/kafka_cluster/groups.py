"""Groups as a whole over a cluster, whatever their kind: list, describe, commit, reset, delete, forget.

A group is Kafka's own. It is shared while gateways are its members, classic while Kafka consumers are; a group without
members is what the marks beside its committed offsets say. Who is in a call or holds locks is known of this gateway;
of the others, their members are shown. While a group has members that are not of this gateway, Kafka refuses to commit
from outside, so a reset is refused too; where only this gateway is a member, it leaves first, which ends all locks
that it has in the group.
"""

from collections.abc import Mapping, Sequence

from mini_kafka.core.errors import (
    GroupKindConflict,
    GroupNotEmpty,
    GroupNotFound,
    OffsetOutOfRange,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.rebalance import GroupState
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.group_admin import MEMBER_CLIENT_ID, NOBODY, GroupAdmin, KafkaGroup
from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark
from mini_kafka.engine.kafka_cluster.shared_groups import SharedGroups
from mini_kafka.engine.kafka_cluster.topic_views import Bounds, TopicViews
from mini_kafka.engine.port import (
    GroupDescription,
    GroupKind,
    GroupMember,
    GroupPartition,
    GroupSummary,
    OffsetChange,
    OffsetTarget,
    ShiftBy,
    ToGroup,
    ToOffset,
)

Offsets = Mapping[TopicPartition, Committed]


class Groups:
    """Shows all groups, and moves or drops what they have committed."""

    def __init__(
        self, config: ClusterConfig, views: TopicViews, admin: GroupAdmin, shared: SharedGroups, offset_calls: Calls
    ) -> None:
        self._mine = MEMBER_CLIENT_ID + config.gateway_name
        self._views = views
        self._admin = admin
        self._shared = shared
        self._offset_calls = offset_calls

    async def committed(self, name: str) -> dict[TopicPartition, int]:
        """Give what a group has committed, with all that this gateway knows to be done.

        The cluster forgets the offsets of a topic some time after the topic; here they are gone with it.
        """
        await self._shared.flush(name)
        committed = await self._admin.committed(name)
        topics = await self._views.ids_and_sizes(sorted({place.topic for place in committed}))
        return {
            place: one.offset
            for place, one in committed.items()
            if place.topic in topics and one.is_of(topics[place.topic][0])
        }

    async def commit(self, name: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets that lie in their logs, all or none.

        Raises:
            UnknownTopic, UnknownPartition, OffsetOutOfRange, GroupKindConflict: nothing was committed.
        """
        bounds = await self._bounds({place.topic for place in offsets})
        for place, offset in offsets.items():
            start, end = _bounds_of(bounds, place)
            if not 0 <= offset <= end:
                raise OffsetOutOfRange(offset, start, end, place.partition)
        await self._shared.make_way(name)
        await self._write(name, offsets, bounds)

    async def _write(self, name: str, offsets: Mapping[TopicPartition, int], bounds: Mapping[str, Bounds]) -> None:
        """Commit offsets as whoever commits over HTTP, and let a registered consumer stay one."""
        before = await self._committed_in(name, bounds)
        wanted = {}
        for place, offset in offsets.items():
            known = before.get(place)
            registered = known is not None and known.mark is not None and known.mark.registered
            wanted[place] = Committed(offset, Mark("offsets", registered, bounds[place.topic].topic_id))
        await self._admin.commit(name, wanted)

    async def _committed_in(self, name: str, bounds: Mapping[str, Bounds]) -> Offsets:
        """Give what a group has committed in these topics as they are now."""
        return {
            place: one
            for place, one in (await self._admin.committed(name)).items()
            if place.topic in bounds and one.is_of(bounds[place.topic].topic_id)
        }

    async def _bounds(self, topics: set[str]) -> dict[str, Bounds]:
        return {topic: await self._views.bounds(topic) for topic in sorted(topics)}

    async def summaries(self) -> list[GroupSummary]:
        """List all groups by name; what those without members are, their offsets tell."""
        names = await self._admin.names()
        kafka = await self._admin.describe(names)
        committed = {name: offsets async for name, offsets in self._admin.all_committed(names)}
        summaries = []
        for name in names:
            members = self._members(name, kafka[name])
            if committed[name] or members or kafka[name].gateways:
                kind = self._kind(name, kafka[name], committed[name])
                summaries.append(GroupSummary(name, kind, self._state(members, kafka[name]), len(members)))
        return summaries

    async def describe(self, name: str) -> GroupDescription:
        """Show one group.

        Raises:
            GroupNotFound: nobody knows it.
        """
        await self._shared.flush(name)
        kafka = (await self._admin.describe([name])).get(name, NOBODY)
        committed = await self._admin.committed(name)
        members = self._members(name, kafka)
        if not (committed or members or kafka.gateways):
            raise GroupNotFound(name)
        partitions = []
        bounds: dict[str, Bounds | None] = {}
        for place, one in sorted(committed.items()):
            if place.topic not in bounds:
                try:
                    bounds[place.topic] = await self._views.bounds(place.topic)
                except UnknownTopic:
                    bounds[place.topic] = None
            there = bounds[place.topic]
            if there is not None and place.partition < len(there.ends) and one.is_of(there.topic_id):
                partitions.append(self._place(name, place, one.offset, there.ends[place.partition]))
        kind = self._kind(name, kafka, committed)
        return GroupDescription(name, kind, self._state(members, kafka), members, tuple(partitions))

    def _place(self, name: str, place: TopicPartition, committed: int, end: int) -> GroupPartition:
        group = self._shared.find(name)
        shared = group.share.shares.get(place) if group else None
        if shared is None:
            return GroupPartition(*place, committed, end, max(end - committed, 0))
        count = shared.share.count
        return GroupPartition(
            *place, committed, end, max(end - committed, 0),
            count(State.ACQUIRED), count(State.AVAILABLE), count(State.DELAYED), count(State.CONDEMNED),
        )  # fmt: skip

    def _kind(self, name: str, kafka: KafkaGroup, committed: Offsets) -> GroupKind:
        if kafka.consumers:
            return "classic"
        marks = [one.mark for one in committed.values()]
        if kafka.gateways or self._shared.find(name) or any(mark and mark.kind == "shared" for mark in marks):
            return "shared"
        return "offsets" if any(marks) else "classic"

    def _members(self, name: str, kafka: KafkaGroup) -> tuple[GroupMember, ...]:
        """Give who is at work: here, in other gateways, and as a Kafka consumer."""
        here = self._shared.sharing.members(name)
        if self._offset_calls.of(name):
            here = (*here, GroupMember(name, 0))
        others = tuple(member for member in kafka.gateways if member.client_id != self._mine)
        return here + others + kafka.consumers

    def _state(self, members: Sequence[GroupMember], kafka: KafkaGroup) -> str:
        if kafka.consumers:
            return kafka.state
        return GroupState.STABLE if members else GroupState.EMPTY

    async def reset(
        self,
        name: str,
        targets: Mapping[str | TopicPartition, OffsetTarget],
        *,
        dry_run: bool,
    ) -> list[OffsetChange]:
        """Move committed offsets, all or none, and say from where to where; locks of the group here end.

        Raises:
            UnknownTopic, UnknownPartition, GroupNotFound: nothing was moved.
            GroupKindConflict: the group has members that are not of this gateway; nothing was moved.
        """
        topics = {target if isinstance(target, str) else target.topic for target in targets}
        bounds = await self._bounds(topics)
        wanted = _each_partition(targets, bounds)
        await self._shared.flush(name)
        before = await self._committed_in(name, bounds)
        changes = []
        for place, target in wanted.items():
            start, end = _bounds_of(bounds, place)
            committed = before.get(place)
            after = await self._resolve(place, target, start if committed is None else committed.offset, start)
            changes.append(
                OffsetChange(*place, None if committed is None else committed.offset, min(max(after, start), end))
            )
        members = (await self._admin.describe([name])).get(name, NOBODY)
        others = self._members_elsewhere(members)
        if others:
            raise GroupKindConflict(
                name, "has Kafka consumers or other gateways, which keep to their own positions", f"{others} members"
            )
        if not dry_run:
            moved = {TopicPartition(one.topic, one.partition): one.after for one in changes}
            await self._shared.leave(name, lambda: self._write(name, moved, bounds))
        return changes

    def _members_elsewhere(self, kafka: KafkaGroup) -> int:
        return len(kafka.consumers) + sum(member.client_id != self._mine for member in kafka.gateways)

    async def _resolve(self, place: TopicPartition, target: OffsetTarget, committed: int, start: int) -> int:
        """Find the offset that a target means; who has committed nothing stands at the log start."""
        if isinstance(target, ToOffset):
            return target.offset
        if isinstance(target, ShiftBy):
            return committed + target.offsets
        if isinstance(target, ToGroup):
            other = await self._admin.committed(target.group)
            if not other:
                raise GroupNotFound(target.group)
            return other[place].offset if place in other else start
        return (await self._views.offsets_at(place.topic, target.at))[place.partition]

    async def delete(self, name: str) -> None:
        """Take a group and its offsets away; a registered consumer of that name has to register again.

        Raises:
            GroupNotFound, GroupNotEmpty: nothing was changed.
        """
        await self._check(name)
        self._shared.check_idle(name)
        await self._shared.leave(name, lambda: self._admin.delete(name))

    async def forget_offsets(self, name: str, topic: str) -> None:
        """Take what a group has committed of one topic away.

        librdkafka has no request for it, so the group is deleted, and the offsets of its other topics are committed
        again at once; a gateway that dies between the two leaves the group without any, and it begins anew.

        Raises:
            GroupNotFound, UnknownTopic, GroupNotEmpty: nothing was changed.
        """
        await self._check(name)
        await self._views.bounds(topic)
        self._shared.check_idle(name, topic)
        if self._shared.locks(name):
            raise GroupNotEmpty(name, self._shared.locks(name), 0)
        await self._shared.leave(name, lambda: self._forget(name, topic))

    async def _forget(self, name: str, topic: str) -> None:
        committed = await self._admin.committed(name)
        kept = {place: one for place, one in committed.items() if place.topic != topic}
        if len(kept) < len(committed):
            await self._admin.delete(name)
            await self._admin.commit(name, kept)

    async def _check(self, name: str) -> None:
        kafka = (await self._admin.describe([name])).get(name, NOBODY)
        if not (kafka.gateways or kafka.consumers or await self._admin.committed(name)):
            raise GroupNotFound(name)


def _bounds_of(bounds: Mapping[str, Bounds], place: TopicPartition) -> tuple[int, int]:
    """Give where a partition's log begins and ends.

    Raises:
        UnknownPartition: the topic has fewer.
    """
    found = bounds[place.topic]
    if not 0 <= place.partition < len(found.ends):
        raise UnknownPartition(place.topic, place.partition, len(found.ends))
    return found.starts[place.partition], found.ends[place.partition]


def _each_partition(
    targets: Mapping[str | TopicPartition, OffsetTarget], bounds: Mapping[str, Bounds]
) -> dict[TopicPartition, OffsetTarget]:
    """Let a topic's name stand for its partitions; a partition that is named itself has its own target."""
    wanted = {}
    for topic, target in targets.items():
        if isinstance(topic, str):
            wanted.update({TopicPartition(topic, number): target for number in range(len(bounds[topic].ends))})
    for place, target in targets.items():
        if not isinstance(place, str):
            _bounds_of(bounds, place)
            wanted[place] = target
    return wanted
