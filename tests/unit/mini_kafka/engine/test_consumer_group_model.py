"""Kafka consumers that come, go, crash, freeze and start anew, in one group and under a clock that is moved by hand.

At any time a partition has one owner a generation; soon after the last change every partition has an owner, who is
there; and a committed offset moves only when somebody commits it. The consumers do what Kafka's own do: they join with
the id that they are given, the leader shares the partitions out, and they join again when a heartbeat says so.
"""

import asyncio
import struct
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.consumer_groups import GROUP_BYTES
from mini_kafka.core.errors import BrokerError, MemberFenced, MemberIdRequired, RebalanceInProgress
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import MEMBER_BYTES, Joined, JoinWish, Leaver, Place, Protocol
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.memory import EngineConfig
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import Caller
from tests.support.clock import ManualClock
from tests.support.tasks import settle

ME = Caller("test")
GROUP = "g"
PARTITIONS = 5
NAMES = ("a", "b", "c", "static")
SESSION_MS, REBALANCE_MS, HEARTBEAT_MS = 9_000, 15_000, 3_000
LONG_MS = 2 * (SESSION_MS + REBALANCE_MS)
"""Long enough for who is gone to be missed, and for the rebalance that follows, also when one follows on another."""

names = st.sampled_from(NAMES)
steps = st.one_of(
    st.tuples(st.just("start"), names),
    st.tuples(st.sampled_from(["crash", "leave", "freeze", "thaw", "hang up"]), names),
    st.tuples(st.just("commit"), names, st.integers(0, PARTITIONS - 1)),
    st.tuples(st.just("commit from outside"), st.integers(0, PARTITIONS - 1)),
    st.tuples(st.just("pass"), st.sampled_from([1, HEARTBEAT_MS, SESSION_MS, REBALANCE_MS])),
)


@dataclass
class Consumer:
    """A consumer, and what it believes; a frozen one believes it for long."""

    engine: MemoryLogEngine
    name: str
    member_id: str = ""
    generation: int = -1
    owned: set[int] = field(default_factory=set)
    frozen: bool = False
    work: "asyncio.Task[None] | None" = None
    dead: bool = False

    @property
    def instance_id(self) -> str | None:
        return self.name if self.name == "static" else None

    @property
    def place(self) -> Place:
        return Place(self.member_id, self.generation, self.instance_id)

    def take_turn(self) -> None:
        """Go on joining, or send a heartbeat, unless it is frozen."""
        if self.frozen or self.dead or (self.work is not None and not self.work.done()):
            return
        try:
            if self.generation >= 0:
                self.engine.coordinator.heartbeat(ME, GROUP, self.place)
                return
        except MemberFenced:
            self.die()
            return
        except RebalanceInProgress:
            pass
        except BrokerError:
            self.member_id = ""
        self.generation = -1
        self.owned = set()
        self.work = asyncio.create_task(self._join())

    async def _join(self) -> None:
        while True:
            try:
                joined = await self.engine.coordinator.join(ME, GROUP, self._wish())
                self.member_id = joined.member_id
                place = Place(joined.member_id, joined.generation, self.instance_id)
                synced = await self.engine.coordinator.sync(ME, GROUP, place, ("consumer", "range"), shared_out(joined))
            except MemberIdRequired as required:
                self.member_id = required.member_id
            except RebalanceInProgress:
                continue
            except MemberFenced:
                self.die()
                return
            except BrokerError:
                self.member_id = ""
            else:
                self.generation, self.owned = joined.generation, set(synced.assignment)
                return

    def _wish(self) -> JoinWish:
        protocols = (Protocol("range", struct.pack(">hi", 0, 0)),)
        return JoinWish(
            self.member_id, self.name, "", SESSION_MS, REBALANCE_MS, "consumer", protocols, self.instance_id
        )

    def die(self) -> None:
        """Be gone without a word; what it owned it no longer reads."""
        self.hang_up()
        self.dead = True

    def hang_up(self) -> None:
        """Lose the connection, and with it the answer that it waits for."""
        if self.work is not None:
            self.work.cancel()
            self.work = None


def shared_out(joined: Joined) -> dict[str, bytes]:
    """Give each member its partitions, a byte each, if this is the leader's answer."""
    assignment = {member.member_id: b"" for member in joined.members}
    for number in range(PARTITIONS if assignment else 0):
        member_id = sorted(assignment)[number % len(assignment)]
        assignment[member_id] += bytes([number])
    return assignment


@dataclass
class World:
    """A broker, its group's consumers, and what was committed."""

    engine: MemoryLogEngine
    clock: ManualClock
    consumers: dict[str, Consumer] = field(default_factory=dict)
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    owners: dict[tuple[int, int], str] = field(default_factory=dict)
    next_offset: int = 0

    async def step(self, what: str, *where: object) -> None:
        match what, where:
            case "pass", (int(duration_ms),):
                await self.let_pass(duration_ms)
            case "commit", (str(name), int(partition)):
                self.commit(self.consumers.get(name), partition)
            case "commit from outside", (int(partition),):
                self.commit(None, partition)
            case "start", (str(name),):
                self.start(name)
            case _, (str(name),) if name in self.consumers:
                self.happen(what, self.consumers[name])
        await self.quiet()

    def start(self, name: str) -> None:
        """Start a consumer; of a static one a second process may be up, and takes the first one's place."""
        running = self.consumers.get(name)
        if running is None or running.dead or running.frozen or running.instance_id:
            self.consumers[name] = Consumer(self.engine, name)

    def happen(self, what: str, consumer: Consumer) -> None:
        if what == "crash":
            consumer.die()
        elif what in {"freeze", "thaw"}:
            consumer.frozen = what == "freeze"
        elif what == "hang up":
            consumer.hang_up()
        elif consumer.member_id:
            consumer.die()
            self.engine.coordinator.leave(ME, GROUP, [Leaver(consumer.member_id, consumer.instance_id)])

    def commit(self, consumer: Consumer | None, number: int) -> None:
        """Commit as a consumer that may long be out, or from outside; only an owner of now succeeds."""
        self.next_offset += 1
        partition = TopicPartition("t", number)
        place = Place("", -1) if consumer is None else consumer.place
        wanted = {partition: OffsetAndMetadata(self.next_offset, -1, "")}
        try:
            refused = self.engine.group_offsets.commit(ME, GROUP, place, wanted)
        except BrokerError:
            return
        assert not refused
        described = self.engine.coordinator.describe(ME, GROUP)
        assert described is not None
        members = {member.member_id for member in described.members}
        assert place.member_id in members if place.generation >= 0 else not members
        assert place.generation < 0 or place.generation >= max(generation for generation, _ in self.owners)
        self.committed[partition] = self.next_offset

    async def let_pass(self, duration_ms: int) -> None:
        while duration_ms > 0:
            step = min(duration_ms, HEARTBEAT_MS)
            duration_ms -= step
            self.clock.advance(step)
            await self.quiet()

    async def quiet(self) -> None:
        """Let everybody do what there is to do now."""
        for _ in range(3):
            for consumer in self.consumers.values():
                consumer.take_turn()
            await settle()
            self.clock.advance(0)
            await settle()
        self.check()

    def check(self) -> None:
        for consumer in self.consumers.values():
            for number in consumer.owned if consumer.generation >= 0 else ():
                me = consumer.instance_id or consumer.member_id  # a static member's new self owns what the old one did
                assert self.owners.setdefault((consumer.generation, number), me) == me
        assert self.engine._consumer_groups.memory.used == self.memory_held()
        found = self.engine.group_offsets.fetch(ME, GROUP)
        assert {partition: place.offset for partition, place in found.items() if place} == self.committed

    def memory_held(self) -> int:
        """Count anew what the group holds."""
        group = self.engine._consumer_groups.find(GROUP)
        held = len(GROUP) if self.committed else 0
        if group is None:
            return held
        members = sum(member.wish.cost + len(member.assignment) for member in group.members)
        pending = sum(MEMBER_BYTES + len(member_id) for member_id in group.members.pending)
        return held + GROUP_BYTES + len(GROUP) + members + pending

    def check_all_owned(self) -> None:
        """Everybody who is there owns something of its own, and together they own all."""
        there = [consumer for consumer in self.consumers.values() if not consumer.dead and not consumer.frozen]
        described = self.engine.coordinator.describe(ME, GROUP)
        if described is None:
            assert not there
            return
        assert {member.member_id for member in described.members} == {consumer.member_id for consumer in there}
        assert described.state == ("Stable" if there else "Empty")
        assert sorted(number for consumer in there for number in consumer.owned) == (
            list(range(PARTITIONS)) if there else []
        )
        assert len({consumer.generation for consumer in there}) <= 1


@given(st.lists(steps, max_size=40), st.sampled_from([0, 3_000]))
def test_a_partition_has_one_owner_a_generation_and_soon_one_who_is_there(
    story: list[tuple[object, ...]], delay_ms: int
) -> None:
    async def run() -> None:
        clock = ManualClock()
        limits = GroupLimits(initial_rebalance_delay_ms=delay_ms)
        engine = MemoryLogEngine(EngineConfig(memory_limit=2**40, group_limits=limits), clock)
        await engine.create_topic(ME, "t", partitions=PARTITIONS)
        world = World(engine, clock)
        for name in NAMES[:2]:
            await world.step("start", name)
        for what, *where in story:
            await world.step(str(what), *where)
        await world.let_pass(LONG_MS)
        world.check_all_owned()
        for consumer in world.consumers.values():
            consumer.die()
        await world.let_pass(LONG_MS)
        world.check_all_owned()
        await engine.close()

    asyncio.run(run())
