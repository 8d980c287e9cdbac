"""Groups as the cluster keeps them: who is a member, what is committed, and changing that from outside.

Thin ways to librdkafka's admin client and nothing else; what a group is to the port is `groups`'. A commit from
outside is refused by Kafka while the group has members, with UNKNOWN_MEMBER_ID (seen with 4.3.1).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError

from mini_kafka.core.errors import BrokerError, GroupKindConflict, GroupNotEmpty, GroupNotFound
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import GroupMember
from mini_kafka.engine.kafka_cluster.cluster_config import CLIENT_ID
from mini_kafka.engine.kafka_cluster.cluster_errors import translated
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.group_marks import Committed, read_mark

AT_ONCE = 32
"""Groups whose offsets are asked for at the same time: the protocol's request for several is not in librdkafka yet."""
DESCRIBED_AT_ONCE = 500
MEMBER_CLIENT_ID = f"{CLIENT_ID}:"
"""What the client id of a gateway's member begins with; its name follows."""
HAS_MEMBERS = frozenset(
    {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.NON_EMPTY_GROUP,
     KafkaError.REBALANCE_IN_PROGRESS, KafkaError.FENCED_MEMBER_EPOCH}
)  # fmt: skip

STATES: Mapping[object, str] = {
    ConsumerGroupState.PREPARING_REBALANCING: "PreparingRebalance",
    ConsumerGroupState.COMPLETING_REBALANCING: "CompletingRebalance",
    ConsumerGroupState.STABLE: "Stable",
    ConsumerGroupState.DEAD: "Dead",
    ConsumerGroupState.EMPTY: "Empty",
}


class KafkaGroup(NamedTuple):
    """A group's members as Kafka knows them: those of gateways, and Kafka clients' own."""

    state: str
    gateways: tuple[GroupMember, ...] = ()
    consumers: tuple[GroupMember, ...] = ()


NOBODY = KafkaGroup("Dead")


class GroupAdmin:
    """Asks the cluster about groups, and changes what is committed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def names(self) -> list[str]:
        """List the groups of consumers, and those that only have offsets."""
        listed = await self._connection.ask(
            self._connection.admin.list_consumer_groups(request_timeout=self._connection.config.timeout_s)
        )
        return sorted(group.group_id for group in listed.valid)

    async def describe(self, names: Sequence[str]) -> dict[str, KafkaGroup]:
        """Say who the members of groups are; a group that nobody knows has none."""
        found = {}
        for first in range(0, len(names), DESCRIBED_AT_ONCE):
            part = list(names[first : first + DESCRIBED_AT_ONCE])
            asked = self._connection.admin.describe_consumer_groups(
                part, request_timeout=self._connection.config.timeout_s
            )
            for name, future in asked.items():
                try:
                    found[name] = _group(await self._connection.ask(future, name))
                except GroupNotFound:
                    found[name] = NOBODY
        return found

    async def committed(self, group: str) -> dict[TopicPartition, Committed]:
        """Give what a group has committed, of every topic."""
        [future] = self._connection.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=self._connection.config.timeout_s
        ).values()
        try:
            answer = await self._connection.ask(future, group)
        except GroupNotFound:
            return {}
        return {
            TopicPartition(one.topic, one.partition): Committed(one.offset, read_mark(one.metadata))
            for one in answer.topic_partitions
            if one.error is None and one.offset >= 0
        }

    async def all_committed(
        self, groups: Iterable[str]
    ) -> AsyncIterator[tuple[str, Mapping[TopicPartition, Committed]]]:
        """Give what each group has committed, asking for some groups at a time."""
        waiting = list(groups)
        for first in range(0, len(waiting), AT_ONCE):
            part = waiting[first : first + AT_ONCE]
            for name, committed in zip(part, await asyncio.gather(*map(self.committed, part)), strict=True):
                yield name, committed

    async def commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit offsets of a group that has no members, in one request.

        Raises:
            GroupKindConflict: it has members; nothing was committed.
            BrokerError: what the cluster answered.
        """
        if not offsets:
            return
        wanted = [
            confluent_kafka.TopicPartition(*partition, offset, metadata=str(mark) if mark else None)
            for partition, (offset, mark) in offsets.items()
        ]
        [future] = self._connection.admin.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=self._connection.config.timeout_s
        ).values()
        answer = await self._connection.ask(future, group)
        for one in answer.topic_partitions:
            if one.error is not None:
                raise _refusal(one.error, group, one.topic)

    async def delete(self, group: str) -> None:
        """Take a group and its offsets away.

        Raises:
            GroupNotFound: there is none.
            GroupNotEmpty: it has members.
        """
        [future] = self._connection.admin.delete_consumer_groups(
            [group], request_timeout=self._connection.config.timeout_s
        ).values()
        try:
            await self._connection.ask(future, group)
        except BrokerError as error:
            cause = error.__cause__
            if isinstance(cause, confluent_kafka.KafkaException) and cause.args[0].code() in HAS_MEMBERS:
                members = (await self.describe([group])).get(group, NOBODY)
                raise GroupNotEmpty(group, 0, len(members.gateways) + len(members.consumers)) from error
            raise


def _refusal(error: KafkaError, group: str, topic: str) -> BrokerError:
    if error.code() in HAS_MEMBERS:
        return GroupKindConflict(group, "has members", "Kafka consumers, or gateways that share its records")
    return translated(error, topic)


def _group(described: "confluent_kafka.admin.ConsumerGroupDescription") -> KafkaGroup:
    gateways: list[GroupMember] = []
    consumers: list[GroupMember] = []
    for member in described.members:
        assignment = tuple(TopicPartition(one.topic, one.partition) for one in member.assignment.topic_partitions)
        shown = GroupMember(member.member_id, 0, member.client_id, member.host, member.group_instance_id, assignment)
        (gateways if member.client_id.startswith(MEMBER_CLIENT_ID) else consumers).append(shown)
    return KafkaGroup(STATES.get(described.state, "Stable"), tuple(gateways), tuple(consumers))
