"""A share group under random work, kills and passing time: nothing is held by two, nothing lost, nothing twice.

The model is what the members know themselves: the locks that they hold, until when, and what they have settled.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.record_batch import NewRecord, Record
from mini_kafka.engine.dead_letters import RETRY_MS
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import AcquiredRecord, Caller, Release, runs
from tests.support.clock import ManualClock
from tests.support.tasks import settle

ME = Caller("test")
TOPICS = ("orders", "bills")
MEMBERS = ("a", "b", "c")
MAX_DELIVERIES = 3
MAX_IN_FLIGHT = 12

Place = tuple[str, int, int]

members = st.sampled_from(MEMBERS)
numbers = st.integers(1, 8)
steps = st.one_of(
    st.tuples(st.just("produce"), st.sampled_from(TOPICS), st.integers(0, 1), numbers),
    st.tuples(st.just("acquire"), members, numbers, st.sampled_from([5, 50, 500])),
    st.tuples(st.just("wait"), members, numbers, st.sampled_from([5, 50, 500])),
    st.tuples(st.just("accept"), members, numbers),
    st.tuples(st.just("reject"), members, numbers),
    st.tuples(st.just("release"), members, numbers, st.sampled_from([0, 0, 20])),
    st.tuples(st.just("renew"), members, numbers, st.sampled_from([1, 100])),
    st.tuples(st.just("kill"), members),
    st.tuples(st.just("leave"), members),
    st.tuples(st.just("pass"), st.sampled_from([1, 10, 100])),
)


@dataclass
class World:
    """A broker, and what its members know."""

    engine: MemoryEngine
    clock: ManualClock
    held: dict[str, dict[Place, AcquiredRecord]] = field(default_factory=lambda: {member: {} for member in MEMBERS})
    until: dict[Place, int] = field(default_factory=dict)
    holder: dict[Place, str] = field(default_factory=dict)
    delivered: Counter[Place] = field(default_factory=Counter)
    accepted: Counter[Place] = field(default_factory=Counter)
    sent: set[Place] = field(default_factory=set)
    waiting: list[tuple[str, "asyncio.Task[list[AcquiredRecord]]"]] = field(default_factory=list)

    async def produce(self, topic: str, partition: int, count: int) -> None:
        appended = await self.engine.produce(ME, topic, [NewRecord(b"", partition=partition)] * count)
        self.sent.update((topic, one.partition, one.offset) for one in appended)

    async def _ask(self, member: str, count: int, lock_ms: int, wait_ms: int) -> list[AcquiredRecord]:
        return list(
            await self.engine.acquire(
                ME, "g", TOPICS, max_records=count, wait_ms=wait_ms, lock_ms=lock_ms, member=member
            )
        )

    async def acquire(self, member: str, count: int, lock_ms: int) -> None:
        self.take(member, await self._ask(member, count, lock_ms, 0))

    async def wait(self, member: str, count: int, lock_ms: int) -> None:
        self.waiting.append((member, asyncio.create_task(self._ask(member, count, lock_ms, 50))))

    def take(self, member: str, records: list[AcquiredRecord]) -> None:
        """Check what a member was given against what all of them know."""
        for one in records:
            place = (one.topic, one.partition, one.record.offset)
            assert self.until.get(place, 0) <= self.clock.now_ms(), "somebody else holds it"
            assert not self.accepted[place]
            self.delivered[place] += 1
            assert one.delivery_count == self.delivered[place] <= MAX_DELIVERIES
            for others in self.held.values():
                others.pop(place, None)
            self.held[member][place] = one
            self.until[place] = one.deadline_ms
            self.holder[place] = member
        assert sum(until > self.clock.now_ms() for until in self.until.values()) <= MAX_IN_FLIGHT

    def pick(self, member: str, count: int) -> list[tuple[Place, AcquiredRecord]]:
        return list(self.held[member].items())[-count:]

    def on_time(self, picked: list[tuple[Place, AcquiredRecord]]) -> list[Place]:
        return [place for place, _ in picked if self.until[place] > self.clock.now_ms()]

    def let_go(self, member: str, picked: list[tuple[Place, AcquiredRecord]]) -> None:
        for place, _ in picked:
            del self.held[member][place]
            self.until[place] = 0

    async def accept(self, member: str, count: int) -> None:
        picked = self.pick(member, count)
        done = await self.engine.acknowledge(ME, "g", accept=list(runs(one.lock for _, one in picked)))
        on_time = self.on_time(picked)
        assert (done.accepted, len(done.late)) == (len(on_time), len(picked) - len(on_time))
        self.accepted.update(on_time)
        self.let_go(member, picked)

    async def reject(self, member: str, count: int) -> None:
        picked = self.pick(member, count)
        done = await self.engine.acknowledge(ME, "g", reject=[one.lock for _, one in picked])
        assert done.rejected == len(self.on_time(picked))
        self.let_go(member, picked)

    async def release(self, member: str, count: int, delay_ms: int) -> None:
        picked = self.pick(member, count)
        done = await self.engine.acknowledge(ME, "g", release=[Release(one.lock, delay_ms) for _, one in picked])
        assert done.released == len(self.on_time(picked))
        self.let_go(member, picked)

    async def renew(self, member: str, count: int, lock_ms: int) -> None:
        picked = self.pick(member, count)
        on_time = self.on_time(picked)
        locks = [one.lock for _, one in picked]
        assert (await self.engine.acknowledge(ME, "g", renew=locks, lock_ms=lock_ms)).renewed == len(on_time)
        self.until.update(dict.fromkeys(on_time, self.clock.now_ms() + lock_ms))

    async def kill(self, member: str) -> None:
        """Let a member forget everything; its locks have to run out."""
        self.held[member].clear()

    async def leave(self, member: str) -> None:
        picked = self.pick(member, 10_000)
        assert await self.engine.release_member(ME, "g", member) >= len(self.on_time(picked))
        self.let_go(member, picked)
        for place, holder in self.holder.items():  # also what it was given before it was killed
            if holder == member:
                self.until[place] = 0

    async def step(self, name: str, *arguments: object) -> None:
        if name == "pass":
            self.clock.advance(arguments[0])  # type: ignore[arg-type]
        else:
            await getattr(self, name)(*arguments)
        await settle()
        for member, task in [one for one in self.waiting if one[1].done()]:
            self.waiting.remove((member, task))
            self.take(member, task.result())

    async def finish(self) -> None:
        """Let time pass, and one last member accept whatever comes."""
        for _ in range(100):
            await self.step("pass", RETRY_MS)
            await self.step("acquire", "a", 1000, 10_000)
            await self.step("accept", "a", 1000)
            if sum(place.lag for place in (await self.engine.describe_group(ME, "g")).partitions) == 0:
                return
        raise AssertionError("records are left over")

    async def dead(self) -> Counter[Place]:
        found: Counter[Place] = Counter()
        for topic in TOPICS:
            if self.engine._topics.find(f"{topic}.dlq") is not None:
                for one in (await self.engine.read(ME, f"{topic}.dlq", {}, max_records=100_000)).records:
                    assert isinstance(one.record, Record)
                    facts = dict(one.record.headers)
                    partition, offset = facts["__dlq.errors.partition"], facts["__dlq.errors.offset"]
                    found[(topic, int(partition or b""), int(offset or b""))] += 1
        return found


@given(st.lists(steps, max_size=60))
def test_every_record_is_accepted_once_or_in_the_dead_letter_topic_once_and_never_held_by_two(
    story: list[tuple[object, ...]],
) -> None:
    async def live() -> None:
        clock = ManualClock()
        engine = MemoryEngine(
            EngineConfig(
                memory_limit=2**30,
                num_partitions=2,
                share_max_delivery_count=MAX_DELIVERIES,
                share_max_in_flight=MAX_IN_FLIGHT,
            ),
            clock,
        )
        world = World(engine, clock)
        await world.step("acquire", "a", 1, 5)
        for name, *arguments in story:
            await world.step(str(name), *arguments)
        await world.finish()
        dead = await world.dead()
        assert set(world.accepted) | set(dead) == world.sent
        assert all(count == 1 for count in (world.accepted + dead).values())
        group = engine._groups._share_groups.find("g")
        assert group is not None
        assert (group.in_flight.in_flight, len(engine._shared._sharing._deadlines)) == (0, 0)
        await engine.close()

    asyncio.run(live())
