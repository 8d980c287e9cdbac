"""Groups as a whole, whatever their kind: list, describe, reset, delete, forget.

A group exists as long as it has a committed offset, or Kafka clients have it. It is shared while its members acquire
records, classic while Kafka consumers share its partitions, else it is what the guide's consumer or whoever commits
makes of it; `shared_groups` keeps them apart. A reset takes an offset
outside the log to the log's nearer end, as kafka-consumer-groups does (seen with 4.3.1).
"""

from collections.abc import Mapping, Sequence

from mini_kafka.core.consumer_group import ConsumerGroup
from mini_kafka.core.consumer_groups import ConsumerGroups
from mini_kafka.core.consumer_protocol import PROTOCOL_TYPE, assigned_partitions
from mini_kafka.core.errors import GroupKindConflict, GroupNotFound, UnknownTopic
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.offsets import CommittedOffsets, TopicPartition
from mini_kafka.core.partition_log import PartitionLog
from mini_kafka.core.rebalance import GroupState
from mini_kafka.core.registered_consumer import RegisteredConsumers
from mini_kafka.core.share_group import ShareGroups
from mini_kafka.core.topic import Topics
from mini_kafka.engine.calls import Calls
from mini_kafka.engine.group_values import (
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
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.reader import Reader
from mini_kafka.engine.shared_groups import SharedGroups

AT_ONCE = 500
"""Groups, shares or partitions that are looked at before others get their turn: about a millisecond."""


class Groups:
    """Shows all groups, and moves or drops what they have committed."""

    def __init__(
        self,
        topics: Topics,
        offsets: CommittedOffsets,
        consumers: RegisteredConsumers,
        share_groups: ShareGroups,
        consumer_groups: ConsumerGroups,
        shared: SharedGroups,
        offset_calls: Calls,
        reader: Reader,
    ) -> None:
        self._topics = topics
        self._offsets = offsets
        self._consumers = consumers
        self._share_groups = share_groups
        self._consumer_groups = consumer_groups
        self._shared = shared
        self._offset_calls = offset_calls
        self._reader = reader

    async def summaries(self) -> list[GroupSummary]:
        """List all groups by name; other work goes on in between."""
        pace = Pace(AT_ONCE)
        summaries = []
        for name in sorted({*self._offsets.groups(), *(group.name for group in self._consumer_groups)}):
            group = self._share_groups.find(name)
            await pace.step(1 + (len(group.shares) if group else self._consumer_groups.members(name)))
            if self._exists(name):
                members = self._members(name)
                kafka = self._consumer_groups.find(name)
                protocol_type = (kafka.cycle.protocol_type if kafka else None) or ""
                summaries.append(
                    GroupSummary(name, self._kind(name), self._state(name, members), len(members), protocol_type)
                )
        return summaries

    async def describe(self, name: str) -> GroupDescription:
        """Show one group.

        Raises:
            GroupNotFound: nobody knows it.
        """
        self._check(name)
        pace = Pace(AT_ONCE)
        partitions = []
        for partition in sorted(self._offsets.of_group(name)):
            await pace.step()
            committed = self._offsets.committed(name, partition)
            if committed is not None:  # else its topic went meanwhile, or what was committed of it
                log = self._topics.get(partition.topic).log(partition.partition)
                partitions.append(self._place(name, partition, log, committed))
        members = self._members(name)
        return GroupDescription(name, self._kind(name), self._state(name, members), members, tuple(partitions))

    def _place(self, name: str, partition: TopicPartition, log: PartitionLog, committed: int) -> GroupPartition:
        group = self._share_groups.find(name)
        shared = group.shares.get(partition) if group else None
        end = log.log_end_offset
        if shared is None:  # a Kafka client may commit an offset that is still to come
            return GroupPartition(*partition, committed, end, max(end - committed, 0))
        committed, count = shared.share.committed_offset, shared.share.count
        return GroupPartition(
            *partition, committed, end, end - committed,
            count(State.ACQUIRED), count(State.AVAILABLE), count(State.DELAYED), count(State.CONDEMNED),
        )  # fmt: skip

    async def reset(
        self, name: str, targets: Mapping[str | TopicPartition, OffsetTarget], *, dry_run: bool
    ) -> list[OffsetChange]:
        """Move committed offsets, all or none, and say from where to where; locks on what moves end.

        Raises:
            UnknownTopic, UnknownPartition, GroupNotFound, GroupLimitReached, OffsetLimitReached: nothing was moved.
            GroupKindConflict: Kafka consumers are its members, and would not notice; nothing was moved.
        """
        self._check_no_consumers(name)
        wanted = self._each_partition(targets)
        logs = {partition: self._topics.get(partition.topic).log(partition.partition) for partition in wanted}
        changes = []
        pace = Pace(AT_ONCE)
        for partition, target in wanted.items():
            await pace.step()
            before = self._offsets.committed(name, partition)
            after = await self._resolve(name, partition, logs[partition], target)
            changes.append(OffsetChange(*partition, before, after))
        for partition, log in logs.items():  # a look-up by time may have waited
            if self._topics.get(partition.topic).log(partition.partition) is not log:
                raise UnknownTopic(partition.topic)
        self._offsets.check_room(name, wanted)
        if not dry_run:
            self._check_no_consumers(name)
            for change in changes:
                partition = TopicPartition(change.topic, change.partition)
                self._offsets.commit(name, partition, change.after)
                self._shared.reset(name, partition)
        return changes

    def _each_partition(
        self, targets: Mapping[str | TopicPartition, OffsetTarget]
    ) -> dict[TopicPartition, OffsetTarget]:
        """Let a topic's name stand for its partitions; a partition that is named itself has its own target."""
        wanted = {}
        for place, target in targets.items():
            if isinstance(place, str):
                wanted.update(dict.fromkeys(self._topics.get(place).partitions, target))
        wanted.update({place: target for place, target in targets.items() if not isinstance(place, str)})
        return wanted

    async def _resolve(self, name: str, partition: TopicPartition, log: PartitionLog, target: OffsetTarget) -> int:
        """Find the offset that a target means; who has committed nothing stands at the log start."""
        if isinstance(target, ToOffset):
            offset = target.offset
        elif isinstance(target, ShiftBy):
            committed = self._offsets.committed(name, partition)
            offset = (log.log_start_offset if committed is None else committed) + target.offsets
        elif isinstance(target, ToGroup):
            self._check(target.group)
            committed = self._offsets.committed(target.group, partition)
            offset = log.log_start_offset if committed is None else committed
        else:
            offset = await self._reader.offset_at(log, target.at)
        return min(max(offset, log.log_start_offset), log.log_end_offset)

    def delete(self, name: str) -> None:
        """Take a group and its offsets away; a registered consumer of that name has to register again.

        Raises:
            GroupNotFound, GroupNotEmpty: nothing was changed.
        """
        self._check(name)
        self._shared.check_idle(name)
        self._shared.forget(name)
        self._consumer_groups.forget(name)
        self._offsets.forget_group(name)
        self._consumers.forget(name)

    def forget_offsets(self, name: str, topic: str) -> None:
        """Take what a group has committed of one topic away.

        Raises:
            GroupNotFound, UnknownTopic, GroupNotEmpty: nothing was changed.
        """
        self._check(name)
        known = self._topics.get(topic)
        self._shared.check_idle(name, known)
        self._shared.forget(name, known)
        self._offsets.forget_topic(topic, name)

    def _check(self, name: str) -> None:
        if not self._exists(name):
            raise GroupNotFound(name)

    def _exists(self, name: str) -> bool:
        return self._offsets.has_group(name) or self._consumer_groups.find(name) is not None

    def _check_no_consumers(self, name: str) -> None:
        members = self._consumer_groups.members(name)
        if members:
            raise GroupKindConflict(
                name, "has Kafka consumers, which keep to their own positions", f"{members} members"
            )

    def _kind(self, name: str) -> GroupKind:
        if self._share_groups.find(name) is not None:
            return "shared"
        return "offsets" if self._consumer_groups.find(name) is None else "classic"

    def _state(self, name: str, members: Sequence[GroupMember]) -> str:
        group = self._consumer_groups.find(name)
        if group is not None and len(group.members):
            return group.cycle.state
        return GroupState.STABLE if members else GroupState.EMPTY

    def _members(self, name: str) -> tuple[GroupMember, ...]:
        """Give who is at work in a group: who is in a call, who holds locks, and which Kafka consumers share it."""
        consumers = self._consumer_groups.find(name)
        if consumers is not None and len(consumers.members):
            return _consumers(consumers)
        if self._share_groups.find(name) is None:
            return (GroupMember(name, 0),) if self._offset_calls.of(name) else ()
        return self._shared.members(name)


def _consumers(group: ConsumerGroup) -> tuple[GroupMember, ...]:
    members = []
    for member in group.members:
        has = assigned_partitions(member.assignment) if group.cycle.protocol_type == PROTOCOL_TYPE else None
        wish = member.wish
        members.append(
            GroupMember(member.member_id, 0, wish.client_id, wish.client_host, wish.instance_id, tuple(has or ()))
        )
    return tuple(members)
