"""All groups of Kafka clients: found or made by name, and taken away when nothing is left of them.

A group that only ever committed has no members and no protocol type; Kafka calls it a simple group. What is committed
is in `offsets`, for every kind of group; this room says how long Kafka clients' offsets outlive their group's members
(`offsets.retention.minutes`, KIP-211).
"""

from collections.abc import Iterator

from mini_kafka.core.consumer_group import ConsumerGroup
from mini_kafka.core.consumer_protocol import PROTOCOL_TYPE, subscribed_topics
from mini_kafka.core.errors import GroupKindConflict, GroupLimitReached, GroupMemoryReached, InvalidSessionTimeout
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import MAX_GROUPS, CommittedOffsets, TopicPartition
from mini_kafka.core.rebalance import GroupState

GROUP_BYTES = 3000
"""What a group costs in RAM beside its name: the objects of a group without members, and its timers."""


class ConsumerGroups:
    """The groups that Kafka clients have joined or committed for."""

    def __init__(
        self,
        offsets: CommittedOffsets,
        limits: GroupLimits | None = None,
        max_groups: int = MAX_GROUPS,
        memory: MemoryBudget | None = None,
    ) -> None:
        self.limits = limits or GroupLimits()
        self._offsets = offsets
        self._max_groups = max_groups
        self.memory = memory or group_memory(self.limits)
        self._groups: dict[str, ConsumerGroup] = {}
        self._new: dict[str, None] = {}
        """The names of groups that had no member when somebody last looked, the oldest first."""

    def __iter__(self) -> Iterator[ConsumerGroup]:
        return iter(list(self._groups.values()))

    def find(self, name: str) -> ConsumerGroup | None:
        """Give a group, or None where no Kafka client has made one of this name."""
        return self._groups.get(name)

    def open(self, name: str) -> ConsumerGroup:
        """Give a group, and make it if it is not there.

        Raises:
            GroupLimitReached, GroupMemoryReached: it would be one group too many.
        """
        group = self._groups.get(name)
        if group is None:
            self._offsets.check_room(name)
            if len(self._groups) >= self._max_groups:
                raise GroupLimitReached(name, self._max_groups)
            self.memory.check(_cost(name))
            self.memory.charge(_cost(name))
            group = self._groups[name] = ConsumerGroup(name, self.limits, self.memory)
            self._new[name] = None
        return group

    def make_room(self) -> ConsumerGroup | None:
        """Where there are as many groups as may be, drop the oldest that only gave ids out, and give it.

        Whoever got one of its ids begins anew.
        """
        while self._new and len(self._groups) >= self._max_groups:
            name = next(iter(self._new))
            del self._new[name]
            group = self._groups.get(name)
            if group is not None and group.never_had_members and not self._offsets.has_group(name):
                self.forget(name)
                return group
        return None

    def forget_unused(self, name: str) -> bool:
        """Let go of a group that never had a member, waits for none and has committed nothing, and say if there was."""
        group = self._groups.get(name)
        if group is None or not group.never_had_members or group.members.pending or self._offsets.has_group(name):
            return False
        self.forget(name)
        return True

    def check_session(self, timeout_ms: int) -> None:
        """Refuse a session time-out that is too short or too long.

        Raises:
            InvalidSessionTimeout: it is.
        """
        least, most = self.limits.min_session_timeout_ms, self.limits.max_session_timeout_ms
        if not least <= timeout_ms <= most:
            raise InvalidSessionTimeout(timeout_ms, least, most)

    def members(self, name: str) -> int:
        """Count a group's members; 0 where there is no such group."""
        group = self._groups.get(name)
        return 0 if group is None else len(group.members)

    def make_way(self, name: str) -> None:
        """Let go of a group that has no members, because a call of another kind came.

        Raises:
            GroupKindConflict: it has members; nothing was changed.
        """
        members = self.members(name)
        if members:
            raise GroupKindConflict(name, "is shared by Kafka consumers", f"{members} members")
        self.forget(name)

    def forget(self, name: str) -> None:
        """Let go of a group that has no members; what it has committed is not touched."""
        group = self._groups.get(name)
        if group is not None and group.cycle.state is GroupState.EMPTY:
            group.end()
            del self._groups[name]
            self._new.pop(name, None)
            self.memory.release(_cost(name))

    def expire(self, now_ms: int, name: str) -> bool:
        """Drop the offsets of a group that nobody has used for too long, and say whether anything is left of it."""
        group = self._groups.get(name)
        if group is None:
            return False
        for partition in list(self._expired(now_ms, group)):
            self._offsets.forget(name, partition)
        if not group.members.pending and not self._offsets.has_group(name):
            self.forget(name)
        return name in self._groups

    def _expired(self, now_ms: int, group: ConsumerGroup) -> Iterator[TopicPartition]:
        """Give the partitions whose offsets are too old.

        A group without a protocol type counts from each commit, an empty one from when its last member went. While
        consumers are there, what none of them reads counts from its commit.
        """
        limit_ms = now_ms - self.limits.offsets_retention_ms
        empty = group.cycle.state is GroupState.EMPTY
        topics = set() if empty else read_topics(group)
        for partition in self._offsets.of_group(group.name):
            details = self._offsets.details(group.name, partition)
            if empty and group.cycle.protocol_type is not None:
                used_ms = group.cycle.empty_since_ms
            elif details is None or topics is None or partition.topic in topics:
                continue
            else:
                used_ms = details.committed_at_ms
            if used_ms <= limit_ms:
                yield partition


def group_memory(limits: GroupLimits) -> MemoryBudget:
    """Make the budget that all groups share, and what they commit."""
    return MemoryBudget(limits.memory_bytes, GroupMemoryReached)


def _cost(name: str) -> int:
    return GROUP_BYTES + len(name)


def read_topics(group: ConsumerGroup) -> set[str] | None:
    """Give the topics that a group's consumers read now; None where that cannot be known."""
    cycle = group.cycle
    if cycle.state is GroupState.EMPTY:
        return set()
    if cycle.protocol_type != PROTOCOL_TYPE or cycle.protocol is None:
        return None
    topics: set[str] = set()
    for member in group.members:
        wanted = subscribed_topics(
            next((one.metadata for one in member.wish.protocols if one.name == cycle.protocol), b"")
        )
        if wanted is None:
            return None
        topics.update(wanted)
    return topics
