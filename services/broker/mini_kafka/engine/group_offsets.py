"""Committed offsets as Kafka clients ask for them: commit as a member or from outside, fetch, delete.

Each partition has an answer of its own. Unlike a commit over HTTP, one from Kafka may name an offset that the log does
not hold: it is Kafka's way, and what a client then reads is its own `auto.offset.reset`.
"""

from collections.abc import Iterable, Mapping

from mini_kafka.core.consumer_groups import ConsumerGroups, read_topics
from mini_kafka.core.consumer_protocol import PROTOCOL_TYPE
from mini_kafka.core.errors import (
    BrokerError,
    CommitMetadataTooLarge,
    GroupIsSubscribed,
    GroupMemoryReached,
    GroupNotEmpty,
    GroupNotFound,
    InvalidGroupName,
    UnknownMember,
    UnknownPartition,
    UnknownTopic,
)
from mini_kafka.core.group_member import Place
from mini_kafka.core.offsets import CommitDetails, CommittedOffsets, TopicPartition
from mini_kafka.core.topic import Topics
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.group_coordinator import GroupCoordinator
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.port import Caller
from mini_kafka.engine.shared_groups import SharedGroups

NO_DETAILS = CommitDetails(-1, "", 0)
"""What is shown where an offset was committed over HTTP."""


class GroupOffsets:
    """The offsets that groups have committed, for Kafka clients."""

    def __init__(
        self,
        clock: Clock,
        topics: Topics,
        offsets: CommittedOffsets,
        groups: ConsumerGroups,
        shared: SharedGroups,
        coordinator: GroupCoordinator,
    ) -> None:
        self._clock = clock
        self._topics = topics
        self._offsets = offsets
        self._groups = groups
        self._shared = shared
        self._coordinator = coordinator

    def commit(
        self, caller: Caller, name: str, place: Place, wanted: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> dict[TopicPartition, BrokerError]:
        """Keep the next offsets to read, and give what was refused.

        Raises:
            GroupNotFound, UnknownMember, MemberFenced, IllegalGeneration, RebalanceInProgress, GroupKindConflict,
            GroupLimitReached, OffsetLimitReached: nothing was committed.
        """
        refused = self._unknown(wanted)
        if len(refused) < len(wanted):
            try:
                self._commit(name, place, wanted, refused)
            finally:
                self._coordinator.forget_unused(name)
        return refused

    def _commit(
        self,
        name: str,
        place: Place,
        wanted: Mapping[TopicPartition, OffsetAndMetadata],
        refused: dict[TopicPartition, BrokerError],
    ) -> None:
        self._check(name, place)
        self._offsets.check_room(name, [it for it in wanted if it not in refused and wanted[it].offset >= 0])
        now_ms = self._clock.now_ms()
        limit = self._groups.limits.offset_metadata_max_size
        for partition, (offset, leader_epoch, metadata) in wanted.items():
            if partition in refused:
                continue
            if len(metadata) > limit:
                refused[partition] = CommitMetadataTooLarge(len(metadata), limit)
            elif offset < 0:  # what Kafka answers to who has committed nothing
                self._offsets.forget(name, partition)
            else:
                try:
                    self._offsets.commit(name, partition, offset, CommitDetails(leader_epoch, metadata, now_ms))
                except GroupMemoryReached as error:
                    refused[partition] = error

    def _check(self, name: str, place: Place) -> None:
        """Refuse the commit of somebody who is no member of this generation, or no member while there are some."""
        group = self._groups.find(name)
        if group is None and place.generation >= 0:
            raise UnknownMember(name, place.member_id) if self._offsets.has_group(name) else GroupNotFound(name)
        if group is None or not len(group.members):
            self._shared.make_way_for_members(name)
        self._coordinator.open(name).check_commit(self._clock.now_ms(), place)

    def partitions(self, caller: Caller, name: str) -> list[TopicPartition]:
        """List the partitions in which a group has committed something, in order."""
        return sorted(self._offsets.of_group(name))

    def fetch(
        self, caller: Caller, name: str, partitions: Iterable[TopicPartition] | None = None
    ) -> dict[TopicPartition, OffsetAndMetadata | None]:
        """Give what a group has committed in these partitions, or in all where it has; None where it has not."""
        found: dict[TopicPartition, OffsetAndMetadata | None] = {}
        for partition in self.partitions(caller, name) if partitions is None else partitions:
            offset = self._offsets.committed(name, partition)
            details = self._offsets.details(name, partition) or NO_DETAILS
            found[partition] = None if offset is None else OffsetAndMetadata(offset, *details[:2])
        return found

    def delete(
        self, caller: Caller, name: str, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, BrokerError]:
        """Forget what a group has committed in partitions that none of its members reads, and give what was refused.

        Raises:
            InvalidGroupName: it has no name.
            GroupNotFound: nobody knows the group.
            GroupNotEmpty: it has members, and what they read cannot be known.
        """
        if not name:
            raise InvalidGroupName
        wanted = list(partitions)
        group = self._groups.find(name)
        if group is None and not self._offsets.has_group(name):
            raise GroupNotFound(name)
        read: set[str] = set()
        if group is not None and len(group.members):
            if group.cycle.protocol_type != PROTOCOL_TYPE:
                raise GroupNotEmpty(name, 0, len(group.members))
            known = read_topics(group)
            read = {partition.topic for partition in wanted} if known is None else known
        else:
            self._shared.check_idle(name)
        refused = self._unknown(wanted)
        for partition in wanted:
            if partition in refused:
                continue
            if partition.topic in read:
                refused[partition] = GroupIsSubscribed(name, partition.topic)
            else:
                self._shared.forget(name, self._topics.get(partition.topic))
                self._offsets.forget(name, partition)
        return refused

    def _unknown(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, BrokerError]:
        unknown: dict[TopicPartition, BrokerError] = {}
        for partition in partitions:
            topic = self._topics.find(partition.topic)
            if topic is None:
                unknown[partition] = UnknownTopic(partition.topic)
            elif not 0 <= partition.partition < len(topic.logs):
                unknown[partition] = UnknownPartition(*partition, len(topic.logs))
        return unknown
