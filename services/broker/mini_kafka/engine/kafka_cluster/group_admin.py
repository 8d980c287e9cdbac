"""Groups as the cluster keeps them: who is a member, what is committed, and changing that from outside.

Thin ways to librdkafka's admin client and nothing else; what a group is to the port is `groups`'. A commit from
outside is refused by Kafka while the group has members, with UNKNOWN_MEMBER_ID (seen with 4.3.1).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, TypeVar

import confluent_kafka
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError

from mini_kafka.core.errors import (
    BrokerError,
    ClusterUnavailable,
    GroupKindConflict,
    GroupNotEmpty,
    GroupNotFound,
    InvalidGroupName,
)
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.group_values import GroupMember
from mini_kafka.engine.kafka_cluster.cluster_config import CLIENT_ID, reader_config
from mini_kafka.engine.kafka_cluster.cluster_errors import is_moving, of_exception
from mini_kafka.engine.kafka_cluster.committed_offsets import CommittedOffsets
from mini_kafka.engine.kafka_cluster.connection import Connection, settled
from mini_kafka.engine.kafka_cluster.group_marks import Committed, read_mark
from mini_kafka.engine.kafka_cluster.open_questions import GIVEN_S, LOOK_S, OpenQuestions

MOVING_S = 0.1
"""How soon a question is put again while a coordinator moves."""
NO_GROUPS = tuple(f"{CLIENT_ID}-nobody-{number}" for number in range(12))
"""Names of one group more than librdkafka remembers coordinators of."""
FORGET_S = 1.0
MAX_OPEN = 1000
"""Questions that librdkafka keeps at the same time."""
AT_ONCE = 32
"""Groups whose offsets are asked for at the same time: the protocol's request for several is not in librdkafka yet."""
DESCRIBED_AT_ONCE = 500
MEMBER_CLIENT_ID = f"{CLIENT_ID}:"
"""What the client id of a gateway's member begins with; its name follows."""
C_WHITE_SPACE = (" ", "\t", "\n", "\v", "\f", "\r")
HAS_MEMBERS = frozenset(
    {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.NON_EMPTY_GROUP,
     KafkaError.REBALANCE_IN_PROGRESS, KafkaError.FENCED_MEMBER_EPOCH}
)  # fmt: skip

T = TypeVar("T")

STATES: Mapping[object, str] = {
    ConsumerGroupState.PREPARING_REBALANCING: "PreparingRebalance",
    ConsumerGroupState.COMPLETING_REBALANCING: "CompletingRebalance",
    ConsumerGroupState.STABLE: "Stable",
    ConsumerGroupState.DEAD: "Dead",
    ConsumerGroupState.EMPTY: "Empty",
}


def check_group_name(name: str, *, to_join: bool = False) -> None:
    """Refuse a name that librdkafka would take for another one (seen with 2.16).

    To its C functions a name ends at a zero. A setting, which is how a member says its group's name, begins after its
    white space; where nothing follows, the process is aborted.

    Raises:
        InvalidGroupName: it has a zero, or begins with white space and is to be joined.
    """
    if "\0" in name:
        raise InvalidGroupName(
            f"group name {name!r} has a zero character, which ends a name on a Kafka cluster: leave it out"
        )
    if to_join and name.startswith(C_WHITE_SPACE):
        raise InvalidGroupName(
            f"group name {name!r} begins with white space, and a gateway shares no records in such a one: leave it out"
        )


class KafkaGroup(NamedTuple):
    """A group's members as Kafka knows them: those of gateways, and Kafka clients' own."""

    state: str
    gateways: tuple[GroupMember, ...] = ()
    consumers: tuple[GroupMember, ...] = ()


NOBODY = KafkaGroup("Dead")


class GroupAdmin:
    """Asks the cluster about groups, and changes what is committed."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._offsets = CommittedOffsets(reader_config(connection.config))
        self._clock = clock
        self._given_up: list[CommittedOffsets] = []
        self._open = OpenQuestions(clock, connection.config.timeout_s + LOOK_S, self._renew)
        self._forgetting: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Ask no more for what is committed."""
        for offsets in (self._offsets, *self._given_up):
            offsets.close()

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Ask about a group, and again while its coordinator moves to another node, as long as a call may take.

        Raises:
            BrokerError: what the cluster has answered, or that it has not in time.
        """
        if len(self._open) >= MAX_OPEN:
            raise ClusterUnavailable("thousands of questions about groups wait for their coordinators")
        reason = "the coordinator of the group does not answer"
        try:
            async with asyncio.timeout(self._connection.config.timeout_s):
                while True:
                    try:
                        return await work()
                    except BrokerError as error:
                        if not is_moving(error):
                            raise
                        reason = str(error.__cause__)
                    await asyncio.sleep(MOVING_S)
                    await self._forget_coordinators()
        except TimeoutError:
            raise ClusterUnavailable(reason) from None

    async def _ask(self, future: "Future[T]", named: str = "") -> T:
        """Await an answer, and know of the question as long as librdkafka does."""
        self._open.add(future)
        return await self._connection.ask(future, named)

    def _renew(self) -> None:
        """Give up the clients that have a question open for too long, when whoever asked them last has been told."""
        self._connection.renew()
        self._given_up.append(self._offsets)
        self._offsets = CommittedOffsets(reader_config(self._connection.config))
        self._clock.call_later(self._connection.config.timeout_ms, lambda: self._given_up.pop(0).close())
        if self._forgetting is not None:
            self._forgetting.cancel()

    async def _forget_coordinators(self) -> None:
        """Let librdkafka look for coordinators anew: it keeps one that has answered that it is none (seen with 2.16).

        It forgets no coordinator that is asked again and again, but remembers only those of the last few groups.
        """
        if self._forgetting is None or self._forgetting.done():
            asked = self._connection.admin.describe_consumer_groups(list(NO_GROUPS), request_timeout=GIVEN_S)
            both = [*asked.values(), *(self._offsets.ask(name, GIVEN_S) for name in NO_GROUPS)]
            for future in both:
                self._open.add(future)
            self._forgetting = asyncio.ensure_future(settled(both))
        await asyncio.wait([self._forgetting], timeout=FORGET_S)

    async def names(self) -> list[str]:
        """List the groups of consumers, and those that only have offsets.

        Raises:
            BrokerError: not all nodes have answered, and each knows other groups.
        """
        return await self._patiently(self._names)

    async def _names(self) -> list[str]:
        listed = await self._connection.ask(
            self._connection.admin.list_consumer_groups(request_timeout=self._connection.config.timeout_s)
        )
        for error in listed.errors:
            refused = confluent_kafka.KafkaException(error)
            raise of_exception(refused) from refused
        return sorted(group.group_id for group in listed.valid)

    async def describe(self, names: Sequence[str]) -> dict[str, KafkaGroup]:
        """Say who the members of groups are; a group that nobody knows has none.

        Raises:
            InvalidGroupName: no group can have one of the names.
        """
        for name in names:
            check_group_name(name)
        found = {}
        for first in range(0, len(names), DESCRIBED_AT_ONCE):
            part = list(names[first : first + DESCRIBED_AT_ONCE])
            found.update(await self._patiently(partial(self._describe, part)))
        return found

    async def _describe(self, names: list[str]) -> dict[str, KafkaGroup]:
        asked = self._connection.admin.describe_consumer_groups(names, request_timeout=GIVEN_S)
        found = {}
        for name, future in asked.items():
            try:
                found[name] = _group(await self._ask(future, name))
            except GroupNotFound:
                found[name] = NOBODY
        return found

    async def committed(self, group: str) -> dict[TopicPartition, Committed]:
        """Give what a group has committed, of every topic.

        Raises:
            InvalidGroupName: no group can have the name.
        """
        check_group_name(group)
        try:
            found = await self._patiently(lambda: self._ask(self._offsets.ask(group, GIVEN_S), group))
        except GroupNotFound:
            return {}
        return {
            TopicPartition(one.topic, one.partition): Committed(one.offset, read_mark(one.metadata))
            for one in found
            if one.offset >= 0
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
            InvalidGroupName: no group can have the name.
            GroupKindConflict: it has members; nothing was committed.
            BrokerError: what the cluster answered.
        """
        check_group_name(group)
        if offsets:
            await self._patiently(lambda: self._commit(group, offsets))

    async def _commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        wanted = [
            confluent_kafka.TopicPartition(*partition, offset, metadata=str(mark) if mark else "")
            for partition, (offset, mark) in offsets.items()
        ]
        [future] = self._connection.admin.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=GIVEN_S
        ).values()
        answer = await self._ask(future, group)
        for one in answer.topic_partitions:
            if one.error is not None:
                if one.error.code() in HAS_MEMBERS:
                    raise GroupKindConflict(group, "has members", "Kafka consumers, or gateways that share its records")
                if one.error.code() == KafkaError.GROUP_ID_NOT_FOUND:  # a commit makes a group, unless it is there
                    raise GroupKindConflict(group, "takes no commits", "a share group of Kafka's")
                refused = confluent_kafka.KafkaException(one.error)
                raise of_exception(refused, one.topic) from refused

    async def delete(self, group: str) -> None:
        """Take a group and its offsets away.

        Raises:
            InvalidGroupName: no group can have the name.
            GroupNotFound: there is none.
            GroupNotEmpty: it has members.
        """
        check_group_name(group)
        try:
            await self._patiently(lambda: self._delete(group))
        except BrokerError as error:
            cause = error.__cause__
            if isinstance(cause, confluent_kafka.KafkaException) and cause.args[0].code() in HAS_MEMBERS:
                members = (await self.describe([group])).get(group, NOBODY)
                raise GroupNotEmpty(group, 0, len(members.gateways) + len(members.consumers)) from error
            raise

    async def _delete(self, group: str) -> None:
        [future] = self._connection.admin.delete_consumer_groups([group], request_timeout=GIVEN_S).values()
        await self._ask(future, group)


def _group(described: "confluent_kafka.admin.ConsumerGroupDescription") -> KafkaGroup:
    gateways: list[GroupMember] = []
    consumers: list[GroupMember] = []
    for member in described.members:
        assignment = tuple(TopicPartition(one.topic, one.partition) for one in member.assignment.topic_partitions)
        shown = GroupMember(member.member_id, 0, member.client_id, member.host, member.group_instance_id, assignment)
        (gateways if member.client_id.startswith(MEMBER_CLIENT_ID) else consumers).append(shown)
    return KafkaGroup(STATES.get(described.state, "Stable"), tuple(gateways), tuple(consumers))
