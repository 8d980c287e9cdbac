"""Workers that are Kafka clients written in Python, kafka-python and aiokafka: the work of `kafka_workers` with others.

Both retry, reconnect, read ahead and share partitions out by code of their own, and break other assumptions of a broker
than librdkafka does. The two libraries look the same from here: a producer that is told where its records lie, and a
consumer that is told what is assigned to it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Protocol

import aiokafka
import kafka
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor as AioRoundRobin
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from tests.checker.http_world import COMPACTED, KEYS, PARTITIONS, World, value_of
from tests.checker.journal import Pending
from tests.checker.kafka_workers import GROUP, MOST_UNDER_WAY, SESSION_MS, SUBSCRIBED

Place = tuple[str, int]
NotePlace = Callable[[int, int], None]
"""Takes the partition and the offset of a record that was appended."""
AIOKAFKA, KAFKA_PYTHON = "aiokafka", "kafka-python"
_RECONNECT = {"reconnect_backoff_ms": 10, "reconnect_backoff_max_ms": 100}
_MEMBER: dict[str, Any] = {
    "group_id": GROUP,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": SESSION_MS,
    "heartbeat_interval_ms": 300,
    "retry_backoff_ms": 20,
    "fetch_max_wait_ms": 50,
}


class ProducingLibrary(Protocol):
    """What a producer's work needs of a library."""

    def send(self, topic: str, value: bytes, key: bytes | None, partition: int | None, note: NotePlace) -> None:
        """Send a record some time, and tell where it lies if that becomes known."""

    def wait(self, most: int) -> None:
        """Wait until no more than so many records are under way, for a while."""


class ConsumingLibrary(Protocol):
    """What a member's work needs of a library; what it raises means that nobody knows whether it has happened."""

    def poll(self) -> Sequence[Any]:
        """Give some records."""

    def committed(self, place: Place) -> int | None:
        """Ask where the group is."""

    def seek(self, place: Place, offset: int) -> None:
        """Go on from an offset."""

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Commit, and wait for the answer."""


class PythonProducer:
    """Sends records one by one, as an idempotent producer."""

    def __init__(self, world: World, bootstrap: str, library: str) -> None:
        self._world = world
        self._numbers = count()
        self._library: ProducingLibrary = (
            AioProducing(bootstrap) if library == AIOKAFKA else KafkaPythonProducing(bootstrap)
        )

    def step(self) -> None:
        """Send some records, and hear of those before."""
        world, rng = self._world, self._world.rng
        topic = rng.choice(list(PARTITIONS))
        for _ in range(rng.randint(1, 20)):
            key = f"k{rng.randrange(KEYS)}" if topic in COMPACTED or world.chance(0.3) else None
            partition = rng.randrange(PARTITIONS[topic]) if world.chance(0.7) else None
            payload = f"{world.journal.client}-{next(self._numbers)}"
            pending = world.journal.invoke("append", topic=topic, payloads=[(payload, key, partition)], once=True)
            encoded = None if key is None else key.encode()
            self._library.send(topic, value_of(payload).encode(), encoded, partition, _noting(pending))
        self._library.wait(MOST_UNDER_WAY)


def _noting(pending: Pending) -> NotePlace:
    return lambda partition, offset: pending.returned(places=[(partition, offset)])


class PythonMember:
    """A member of the group: reads what is assigned to it, and commits how far it got."""

    def __init__(self, world: World, bootstrap: str, library: str) -> None:
        self._world = world
        self._tenure = 0
        self._positions: dict[Place, int] = {}
        self._begun: list[Place] = []
        """What was assigned and has no position yet."""
        self._library: ConsumingLibrary = (
            AioConsuming(bootstrap, self) if library == AIOKAFKA else KafkaPythonConsuming(bootstrap, self)
        )

    def assigned(self, partitions: Collection[Any]) -> None:
        """Begin a tenure."""
        self._tenure += 1
        self._positions.clear()
        self._begun = [(one.topic, one.partition) for one in partitions]
        self._world.journal.invoke("assigned", group=GROUP, tenure=self._tenure, partitions=self._begun)

    def revoked(self) -> None:
        """End a tenure."""
        self._positions.clear()
        self._begun = []

    def step(self) -> None:
        """Read on, and commit."""
        self._find_positions()
        pending = {topic: self._world.journal.invoke("fetch", topic=topic) for topic in SUBSCRIBED}
        with suppress(kafka.errors.KafkaError, aiokafka.errors.KafkaError):
            records = self._library.poll()
            for topic in SUBSCRIBED:
                self._note(pending[topic], topic, [one for one in records if one.topic == topic])
        if self._positions and self._world.chance(0.9):
            self._commit()

    def _find_positions(self) -> None:
        """Begin where the group is; without an answer, ask again later."""
        while self._begun:
            place, tenure = self._begun[-1], self._tenure
            pending = self._world.journal.invoke("committed", group=GROUP)
            try:
                offset = self._library.committed(place)
                if tenure == self._tenure and place in self._begun:
                    pending.returned(offsets=[(*place, -1 if offset is None else offset)])
                    self._library.seek(place, offset or 0)
                    self._positions[place] = offset or 0
                    self._begun.remove(place)
            except (kafka.errors.KafkaError, aiokafka.errors.KafkaError):
                return

    def _note(self, pending: Pending, topic: str, records: Sequence[Any]) -> None:
        parts = []
        for number in range(PARTITIONS[topic]):
            seen = [_seen(one) for one in records if one.partition == number]
            if seen and (topic, number) in self._positions:
                start, following = self._positions[topic, number], seen[-1][0] + 1
                parts.append((number, start, following, seen, False))
                self._positions[topic, number] = following
        if parts:
            pending.returned(partitions=parts)

    def _commit(self) -> None:
        offsets, tenure = dict(self._positions), self._tenure
        wanted = [(*place, offset) for place, offset in offsets.items()]
        pending = self._world.journal.invoke("commit", group=GROUP, tenure=tenure, offsets=wanted)
        with suppress(kafka.errors.KafkaError, aiokafka.errors.KafkaError):
            self._library.commit(offsets)
            if tenure == self._tenure:  # else nobody knows in which it was taken
                pending.returned()


def _seen(record: Any) -> tuple[Any, ...]:
    value = (record.value or b"").decode(errors="replace")
    payload = value.partition(" ")[0]
    key = None if record.key is None else record.key.decode()
    return record.offset, payload if value == value_of(payload) else f"garbled {value!r}", key, None


class KafkaPythonProducing:
    """A producer of kafka-python."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=2, retry_backoff_ms=20, **_RECONNECT
        )
        self._under_way: list[Any] = []

    def send(self, topic: str, value: bytes, key: bytes | None, partition: int | None, note: NotePlace) -> None:
        sent = self._producer.send(topic, value, key, partition=partition)
        sent.add_callback(lambda placed: note(placed.partition, placed.offset))
        self._under_way.append(sent)

    def wait(self, most: int) -> None:
        self._under_way = [sent for sent in self._under_way if not sent.is_done]
        if len(self._under_way) > most:
            with suppress(kafka.errors.KafkaError):
                self._producer.flush(1)


class KafkaPythonConsuming:
    """A consumer of kafka-python."""

    def __init__(self, bootstrap: str, member: PythonMember) -> None:
        class Listener(kafka.ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
            def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
                member.revoked()

            def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
                member.assigned(assigned)

        self._consumer = kafka.KafkaConsumer(
            bootstrap_servers=bootstrap, max_poll_interval_ms=SESSION_MS,
            partition_assignment_strategy=[RoundRobinPartitionAssignor], **_MEMBER, **_RECONNECT,
        )  # fmt: skip
        self._consumer.subscribe(list(SUBSCRIBED), listener=Listener())

    def poll(self) -> Sequence[Any]:
        # kafka-python 3.0.12 never goes on after a rebalance that ends between two polls of a leader.
        found = self._consumer.poll(timeout_ms=2000, max_records=100)
        return [record for records in found.values() for record in records]

    def committed(self, place: Place) -> int | None:
        found: int | None = self._consumer.committed(kafka.TopicPartition(*place), timeout_ms=1000)
        return found

    def seek(self, place: Place, offset: int) -> None:
        self._consumer.seek(kafka.TopicPartition(*place), offset)

    def commit(self, offsets: Mapping[Place, int]) -> None:
        wanted = {
            kafka.TopicPartition(*place): kafka.OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()
        }
        self._consumer.commit(wanted, timeout_ms=1000)


class AioProducing:
    """A producer of aiokafka, and a loop that runs while it is asked for something."""

    def __init__(self, bootstrap: str) -> None:
        self._runner = asyncio.Runner()
        self._producer = self._runner.run(self._start(bootstrap))
        self._under_way: set[asyncio.Future[Any]] = set()

    async def _start(self, bootstrap: str) -> aiokafka.AIOKafkaProducer:
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=2, retry_backoff_ms=20
        )
        await _started(producer)
        return producer

    def send(self, topic: str, value: bytes, key: bytes | None, partition: int | None, note: NotePlace) -> None:
        sent = self._runner.run(self._producer.send(topic, value, key, partition))
        self._under_way.add(sent)

        def done(sent: "asyncio.Future[Any]") -> None:
            self._under_way.discard(sent)
            if sent.exception() is None:
                note(sent.result().partition, sent.result().offset)

        sent.add_done_callback(done)

    def wait(self, most: int) -> None:
        if self._under_way:
            self._runner.run(self._wait(1 if len(self._under_way) > most else 0.005))

    async def _wait(self, seconds: float) -> None:
        await asyncio.wait(self._under_way, timeout=seconds)


class AioConsuming:
    """A consumer of aiokafka, and a loop that runs while it is asked for something."""

    def __init__(self, bootstrap: str, member: PythonMember) -> None:
        class Listener(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
            def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
                member.revoked()

            def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
                member.assigned(assigned)

        self._runner = asyncio.Runner()
        self._consumer = self._runner.run(self._start(bootstrap, Listener()))

    async def _start(self, bootstrap: str, listener: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=bootstrap, partition_assignment_strategy=[AioRoundRobin], **_MEMBER
        )
        consumer.subscribe(list(SUBSCRIBED), listener=listener)
        await _started(consumer)
        return consumer

    def poll(self) -> Sequence[Any]:
        found = self._runner.run(self._consumer.getmany(timeout_ms=100, max_records=100))
        return [record for records in found.values() for record in records]

    def committed(self, place: Place) -> int | None:
        found: int | None = self._runner.run(self._consumer.committed(aiokafka.TopicPartition(*place)))
        return found

    def seek(self, place: Place, offset: int) -> None:
        async def seek() -> None:
            self._consumer.seek(aiokafka.TopicPartition(*place), offset)

        self._runner.run(seek())

    def commit(self, offsets: Mapping[Place, int]) -> None:
        wanted = {aiokafka.TopicPartition(*place): offset for place, offset in offsets.items()}
        self._runner.run(self._consumer.commit(wanted))


async def _started(client: Any) -> None:
    """Start a client, and again while its first connections are cut."""
    while True:
        try:
            await client.start()
        except aiokafka.errors.KafkaError:
            await asyncio.sleep(0.05)
        else:
            return
