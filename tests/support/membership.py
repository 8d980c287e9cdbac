"""What tests of the group coordinator share: members that join and sync in one call, as a listener asks for them."""

import asyncio
import struct
from collections.abc import Mapping

from mini_kafka.core.errors import MemberIdRequired
from mini_kafka.core.group_member import Joined, JoinWish, Place, Protocol, Synced
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import Caller
from tests.support.clock import ManualClock
from tests.support.tasks import settle

KAFKA = Caller("kafka", client_id="client", address="10.0.0.1")
SESSION_MS, REBALANCE_MS = 10_000, 60_000
OUTSIDE = Place("", -1)


def subscription(*topics: str) -> bytes:
    texts = b"".join(struct.pack(">h", len(topic)) + topic.encode() for topic in topics)
    return struct.pack(">hi", 0, len(topics)) + texts


def assignment(topic: str, *partitions: int) -> bytes:
    return struct.pack(">hih", 0, 1, len(topic)) + topic.encode() + struct.pack(f">{len(partitions) + 1}i",
                                                                             len(partitions), *partitions)  # fmt: skip


def wish(
    member_id: str = "", *topics: str, protocol_type: str = "consumer", instance_id: str | None = None
) -> JoinWish:
    protocols = (Protocol("range", subscription(*topics)),)
    return JoinWish(member_id, "client", "10.0.0.1", SESSION_MS, REBALANCE_MS, protocol_type, protocols, instance_id)


class Kafka:
    """Kafka clients of an engine, under a clock that is moved by hand."""

    def __init__(self, engine: MemoryLogEngine, clock: ManualClock) -> None:
        self.engine = engine
        self.clock = clock

    async def ask_for_id(self, group: str) -> str:
        try:
            await self.engine.coordinator.join(KAFKA, group, wish())
        except MemberIdRequired as required:
            return required.member_id
        raise AssertionError("it was let in without an id")

    async def joining(self, group: str, wanted: JoinWish) -> "asyncio.Task[Joined]":
        """Let a member join, and go as far as it gets without the others."""
        task = asyncio.create_task(self.engine.coordinator.join(KAFKA, group, wanted))
        await settle()
        self.clock.advance(0)
        await settle()
        return task

    async def enter(self, group: str, *topics: str, protocol_type: str = "consumer") -> Place:
        """Let a new member join alone, with its id."""
        member_id = await self.ask_for_id(group)
        task = await self.joining(group, wish(member_id, *topics, protocol_type=protocol_type))
        return Place(member_id, task.result().generation)

    async def sync(self, group: str, place: Place, assignments: Mapping[str, bytes] | None = None) -> Synced:
        return await self.engine.coordinator.sync(KAFKA, group, place, (None, None), assignments or {})

    async def stable(self, group: str, topic: str, *partitions: int) -> Place:
        """Let a new member have these partitions alone."""
        place = await self.enter(group, topic)
        await self.sync(group, place, {place.member_id: assignment(topic, *partitions)})
        return place

    def commit(self, group: str, place: Place, partition: TopicPartition, offset: int, metadata: str = "") -> None:
        """Commit one offset; a refusal of the partition is raised like one of the group."""
        wanted = {partition: OffsetAndMetadata(offset, 0, metadata)}
        for error in self.engine.group_offsets.commit(KAFKA, group, place, wanted).values():
            raise error
