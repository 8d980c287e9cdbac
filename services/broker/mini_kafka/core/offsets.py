"""Committed offsets: for a group and a partition, the next record to read.

They belong to the group, outlive every member, and move only when somebody commits. Whether an offset lies in
the log is the reader's question, not this room's.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mini_kafka.core.errors import GroupLimitReached, OffsetLimitReached
from mini_kafka.core.memory_budget import MemoryBudget

MAX_GROUPS = 10_000
"""How many groups may have offsets, unless the broker is told otherwise: what shows all of them stays fast."""
MAX_OFFSETS = 100_000
"""How many offsets all groups together may have, unless the broker is told otherwise: 60 bytes each, and up to 2 kB
where the group shares the partition's records."""


class TopicPartition(NamedTuple):
    """A partition of a topic, as a value."""

    topic: str
    partition: int


class CommitDetails(NamedTuple):
    """What a Kafka client commits along with an offset, and when it did, in milliseconds."""

    leader_epoch: int
    metadata: str
    committed_at_ms: int


class CommittedOffsets:
    """Every group's committed offsets."""

    def __init__(
        self, max_groups: int = MAX_GROUPS, max_offsets: int = MAX_OFFSETS, memory: MemoryBudget | None = None
    ) -> None:
        self._memory = memory or MemoryBudget(2**62)
        self._max_groups = max_groups
        self._max_offsets = max_offsets
        self._held = 0
        self._groups: dict[str, dict[TopicPartition, int]] = {}
        self._details: dict[str, dict[TopicPartition, CommitDetails]] = {}

    def groups(self) -> Iterable[str]:
        """Give the names of the groups that have committed something."""
        return self._groups.keys()

    def commit(self, group: str, partition: TopicPartition, offset: int, details: CommitDetails | None = None) -> None:
        """Keep `offset` as the group's next one to read; it may move back as well as forward.

        Raises:
            GroupLimitReached, OffsetLimitReached: it is a new one, and there is no room; nothing was changed.
            GroupMemoryReached: there is no memory for a new group's name or for the text in `details`; the same.
        """
        offsets = self._groups.get(group)
        text = 0 if details is None else len(details.metadata)
        if text:
            self._memory.check(text)
        if offsets is None or partition not in offsets:
            self.check_room(group, (partition,))
            if offsets is None:
                offsets = self._groups[group] = {}
                self._memory.charge(len(group))
            self._held += 1
        offsets[partition] = offset
        if self._details:  # whoever moves the offset without them leaves none behind
            self._drop_details(group, partition)
        if details is not None:
            self._details.setdefault(group, {})[partition] = details
            self._memory.charge(text)

    def _drop_details(self, group: str, partition: TopicPartition) -> None:
        details = self._details.get(group, {}).pop(partition, None)
        if details is not None:
            self._memory.release(len(details.metadata))

    def check_room(self, group: str, partitions: Iterable[TopicPartition] = ()) -> None:
        """Refuse a group that would be one too many, and offsets of it in partitions where it has none.

        Raises:
            GroupLimitReached: it has no offsets yet, and there are too many groups that do.
            GroupMemoryReached: the same, and there is no memory for its name.
            OffsetLimitReached: all groups together would have too many offsets.
        """
        offsets = self._groups.get(group)
        if offsets is None:
            if len(self._groups) >= self._max_groups:
                raise GroupLimitReached(group, self._max_groups)
            self._memory.check(len(group))
        new = sum(offsets is None or partition not in offsets for partition in partitions)
        if new and self._held + new > self._max_offsets:
            raise OffsetLimitReached(group, self._held, new, self._max_offsets)

    def committed(self, group: str, partition: TopicPartition) -> int | None:
        """Give a group's committed offset, or None where it has none."""
        offsets = self._groups.get(group)
        return None if offsets is None else offsets.get(partition)

    def details(self, group: str, partition: TopicPartition) -> CommitDetails | None:
        """Give what was committed along with a group's offset, or None where nothing was."""
        return self._details.get(group, {}).get(partition)

    def of_group(self, group: str) -> Mapping[TopicPartition, int]:
        """Give all committed offsets of a group."""
        return dict(self._groups.get(group, {}))

    def has_group(self, group: str) -> bool:
        """Tell whether a group has committed anything."""
        return group in self._groups

    def forget(self, group: str, partition: TopicPartition) -> None:
        """Drop one offset, if there is one; with its last, a group goes."""
        offsets = self._groups.get(group)
        if offsets is not None and offsets.pop(partition, None) is not None:
            self._held -= 1
            self._drop_details(group, partition)
            if not offsets:
                self.forget_group(group)

    def forget_group(self, group: str) -> None:
        """Drop all offsets of a group."""
        if group in self._groups:
            self._memory.release(len(group))
        self._held -= len(self._groups.pop(group, {}))
        self._memory.release(sum(len(details.metadata) for details in self._details.pop(group, {}).values()))

    def forget_topic(self, topic: str, group: str | None = None) -> None:
        """Drop every group's offsets for a topic that is gone, or those of one group; with its last, a group goes."""
        for name in list(self._groups) if group is None else [group]:
            for partition in [known for known in self._groups.get(name, {}) if known.topic == topic]:
                self.forget(name, partition)
