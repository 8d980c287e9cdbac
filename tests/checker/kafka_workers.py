"""Workers that are ordinary Kafka clients (confluent-kafka, which is librdkafka), on the topics of those of HTTP.

`python_kafka_workers` does the same with two other libraries.

What librdkafka does by itself, such as sending a batch again, cannot be seen from here: an append of a producer that is
not idempotent counts as sent as often as it may be. What it reads ahead cannot be dated either, so that a reader that
wants to know where a log ends makes it forget that first.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from tests.checker.http_world import COMPACTED, KEYS, PARTITIONS, World, value_of
from tests.checker.journal import Pending

GROUP = "kafka-workers"
SUBSCRIBED = ("orders", "jobs")
RETRIES = 5
"""How often a producer that is not idempotent sends a batch again, which may append it again."""
SESSION_MS = 3000
"""When a member that is killed or stopped is out: longer than the broker is stopped."""
MOST_UNDER_WAY = 200
SECONDS = 20
"""How long a call may take before it counts as lost: longer than the broker is paused."""

_CONNECTION: dict[str, Any] = {
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 100,
    "retry.backoff.ms": 20,
    "log_level": 0,  # cut connections are no news
}


class KafkaProducer:
    """Sends records one by one, which librdkafka puts into batches; each is an append of its own."""

    def __init__(self, world: World, bootstrap: str, *, idempotent: bool) -> None:
        self._world = world
        self._once = idempotent
        self._numbers = count()
        config = {"enable.idempotence": True} if idempotent else {"message.send.max.retries": RETRIES, "acks": "all"}
        self._producer = Producer({**_CONNECTION, **config, "bootstrap.servers": bootstrap, "linger.ms": 2})

    def step(self) -> None:
        """Send some records, and hear of those before."""
        rng = self._world.rng
        topic = rng.choice(list(PARTITIONS))
        for _ in range(rng.randint(1, 20)):
            self._send(topic)
        self._producer.poll(0)
        if len(self._producer) > MOST_UNDER_WAY:
            self._producer.flush(SECONDS)

    def _send(self, topic: str) -> None:
        world, rng = self._world, self._world.rng
        key = f"k{rng.randrange(KEYS)}" if topic in COMPACTED or world.chance(0.3) else None
        partition = rng.randrange(PARTITIONS[topic]) if world.chance(0.7) else None
        payload = f"{world.journal.client}-{next(self._numbers)}"
        facts = {"once": self._once} if self._once else {"once": False, "sent": 1 + RETRIES}
        pending = world.journal.invoke("append", topic=topic, payloads=[(payload, key, partition)], **facts)
        self._producer.produce(
            topic, value_of(payload), key, -1 if partition is None else partition, on_delivery=_note_place(pending)
        )


def _note_place(pending: Pending) -> Callable[[KafkaError | None, Message], None]:
    def note(error: KafkaError | None, message: Message) -> None:
        if error is None:
            pending.returned(places=[(message.partition(), message.offset())])

    return note


class KafkaReader:
    """Reads partitions that it has assigned to itself, from where it was; now and then asks where a topic ends."""

    def __init__(self, world: World, bootstrap: str) -> None:
        self._world = world
        self._bootstrap = bootstrap
        self._positions = {(topic, number): 0 for topic, count in PARTITIONS.items() for number in range(count)}
        self._consumer = Consumer(
            {
                **_CONNECTION,
                "bootstrap.servers": bootstrap,
                "group.id": "nobody",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
            }
        )

    def step(self) -> None:
        """Read one partition on."""
        world = self._world
        topic, number = world.rng.choice(list(self._positions))
        if world.chance(0.02):
            self._positions[topic, number] = 0
        self._read(topic, number, world.rng.choice([1, 20, 5000]))
        if world.chance(0.1):
            self._look_at_watermarks(topic)

    def read_everything(self) -> None:
        """Read every partition from its start to its end."""
        self._positions = dict.fromkeys(self._positions, 0)
        for topic, number in self._positions:
            before = -1
            while before < self._positions[topic, number]:
                before = self._positions[topic, number]
                self._read(topic, number, 100_000)

    def look_at_commits(self) -> None:
        """Ask how far the group is."""
        consumer = Consumer({**_CONNECTION, "bootstrap.servers": self._bootstrap, "group.id": GROUP})
        places = [place for place in self._positions if place[0] in SUBSCRIBED]
        committed_offsets(self._world, consumer, [TopicPartition(*place) for place in places])
        consumer.close()

    def _read(self, topic: str, number: int, most: int) -> None:
        start = self._positions[topic, number]
        pending = self._world.journal.invoke("fetch", topic=topic)
        self._consumer.assign([TopicPartition(topic, number, start)])  # which forgets what was read ahead
        messages: list[Message] = []
        at_end = False
        while len(messages) < most and not at_end:
            found = self._consumer.consume(min(most - len(messages), 500), self._world.wait_ms / 1000)
            messages += (one for one in found if one.error() is None)
            at_end = any(_is_end(one, topic, number) for one in found)
            if not found:
                break
        records = list(map(_seen_in, messages))
        following = int(records[-1][0]) + 1 if records else start
        if records or at_end:
            pending.returned(partitions=[(number, start, following, records, at_end)])
        self._positions[topic, number] = following

    def _look_at_watermarks(self, topic: str) -> None:
        pending = self._world.journal.invoke("watermark", topic=topic)
        try:
            bounds = [
                self._consumer.get_watermark_offsets(TopicPartition(topic, number), SECONDS)
                for number in range(PARTITIONS[topic])
            ]
        except KafkaException:
            return
        pending.returned(offsets=[high for _, high in bounds])


def _is_end(message: Message, topic: str, number: int) -> bool:
    error = message.error()
    if error is None or error.code() != KafkaError._PARTITION_EOF:
        return False
    return (message.topic(), message.partition()) == (topic, number)


def _seen_in(message: Message) -> tuple[Any, ...]:
    value = (message.value() or b"").decode(errors="replace")
    payload = value.partition(" ")[0]
    key = message.key()
    text = key.decode() if isinstance(key, bytes) else key
    return message.offset(), payload if value == value_of(payload) else f"garbled {value!r}", text, None


class KafkaMember:
    """A member of a consumer group: reads what is assigned to it, and commits how far it got."""

    def __init__(self, world: World, bootstrap: str) -> None:
        self._world = world
        self._tenure = 0
        self._positions: dict[tuple[str, int], int] = {}
        self._consumer = Consumer(
            {
                **_CONNECTION,
                "bootstrap.servers": bootstrap,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": 300,
                "partition.assignment.strategy": "roundrobin",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
            }
        )
        self._consumer.subscribe(list(SUBSCRIBED), on_assign=self._assigned, on_revoke=self._revoked)

    def step(self) -> None:
        """Read on, and commit."""
        world = self._world
        pending = {topic: world.journal.invoke("fetch", topic=topic) for topic in SUBSCRIBED}
        found = [one for one in self._consumer.consume(100, world.wait_ms / 1000) if one.error() is None]
        for topic in SUBSCRIBED:
            self._note(pending[topic], topic, [one for one in found if one.topic() == topic])
        if world.chance(0.9):
            self._commit()
        if self._positions and world.chance(0.1):
            committed_offsets(world, self._consumer, [TopicPartition(*place) for place in self._positions])

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin a tenure where the group is; without an answer, where the group never was."""
        self._tenure += 1
        self._positions.clear()
        self._world.journal.invoke("assigned", group=GROUP, tenure=self._tenure, partitions=_places(partitions))
        committed = committed_offsets(self._world, consumer, partitions)
        for partition in committed:
            partition.offset = max(partition.offset, 0)
            self._positions[partition.topic, partition.partition] = partition.offset
        consumer.assign(committed)

    def _revoked(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._positions.clear()

    def _note(self, pending: Pending, topic: str, messages: Sequence[Message]) -> None:
        parts = []
        for number in range(PARTITIONS[topic]):
            records = [_seen_in(one) for one in messages if one.partition() == number]
            if records and (topic, number) in self._positions:
                start, following = self._positions[topic, number], records[-1][0] + 1
                parts.append((number, start, following, records, False))
                self._positions[topic, number] = following
        if parts:
            pending.returned(partitions=parts)

    def _commit(self) -> None:
        if not self._positions:
            return
        offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in self._positions.items()]
        wanted = [(*place, self._positions[place]) for place in self._positions]
        pending = self._world.journal.invoke("commit", group=GROUP, tenure=self._tenure, offsets=wanted)
        try:
            results = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException:
            return  # the group has gone on without this member, or the answer was lost
        pending.returned(refused=[(*place,) for place in _places([one for one in results or () if one.error])])


def committed_offsets(world: World, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """Ask what a group has committed, and again if the answer is lost."""
    while True:
        pending = world.journal.invoke("committed", group=GROUP)
        try:
            found = consumer.committed(partitions, SECONDS)
        except KafkaException:
            world.sleep_ms(10)
            continue
        if any(one.error for one in found):
            world.sleep_ms(10)
            continue
        pending.returned(offsets=[(one.topic, one.partition, one.offset) for one in found])
        return found


def _places(partitions: Sequence[TopicPartition]) -> list[tuple[str, int]]:
    return [(one.topic, one.partition) for one in partitions]
