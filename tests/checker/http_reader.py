"""Readers that speak `/v1`: pages by token or by offset, as JSON or as lines, one record, and server-sent events."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from tests.checker.http_clients import Lost
from tests.checker.http_world import COMPACTED, PARTITIONS, World, look_at_watermarks, seen_in
from tests.checker.journal import Pending


class Reader:
    """Reads a topic: by token, as JSON or as lines, or one partition by offset. It goes on where it was, or anew."""

    def __init__(self, world: World, topic: str, partitions: int | None = None) -> None:
        self.world = world
        self.topic = topic
        self.partitions = PARTITIONS[topic] if partitions is None else partitions
        self.positions: dict[int, int] = {}
        self.token = "earliest"
        self.ended = False

    def step(self) -> None:
        """Read once."""
        if self.world.chance(0.02):
            self.begin_anew()
        try:
            if self.world.chance(0.2):
                self._read_partition()
            else:
                self.read_all()
        except Lost:
            return

    def begin_anew(self) -> None:
        """Read from the log's start again."""
        self.positions.clear()
        self.token = "earliest"
        self.ended = False

    def read_all(self) -> None:
        world = self.world
        as_lines = world.chance(0.5)
        query = urlencode({"from": self.token, "wait_ms": world.wait_ms, "max_records": world.rng.choice([1, 20, 500])})
        accept = "application/x-ndjson" if as_lines else "application/json"
        pending = world.journal.invoke("fetch", topic=self.topic)
        answer = world.ask("GET", f"/v1/topics/{self.topic}/records?{query}", accept=accept)
        if as_lines:
            assert answer.status == 200, answer
            records = list(map(json.loads, answer.body.splitlines()))
            self.token, self.ended = (
                answer.headers["mini-kafka-next"],
                answer.headers["mini-kafka-up-to-date"] == "true",
            )
        else:
            content = world.expect(answer, 200)
            records, self.token, self.ended = content["records"], content["next"], content["up_to_date"]
        self.note(pending, records, at_end=self.ended or not records)

    def note(self, pending: Pending, records: list[dict[str, Any]], *, at_end: bool) -> None:
        """Write down what was read of each partition since the last time."""
        parts = []
        for number in range(self.partitions):
            mine = [seen_in(record) for record in records if record["partition"] == number]
            start = self.positions.get(number, 0)
            following = int(str(mine[-1][0])) + 1 if mine else start
            if mine or at_end:
                parts.append((number, start, following, mine, at_end))
            self.positions[number] = following
        pending.returned(partitions=parts)

    def _read_partition(self) -> None:
        """Read one partition from somewhere that was read before; it changes nothing about where the reader stands."""
        world = self.world
        number = world.rng.randrange(self.partitions)
        start = world.rng.randint(0, self.positions.get(number, 0))
        pending = world.journal.invoke("fetch", topic=self.topic)
        path = f"/v1/topics/{self.topic}/records?partition={number}&from={start}&max_records=50"
        content = world.expect(world.ask("GET", path), 200)
        records = [seen_in(record) for record in content["records"]]
        following = int(str(records[-1][0])) + 1 if records else start
        pending.returned(partitions=[(number, start, following, records, content["up_to_date"])])


class Follower(Reader):
    """Follows a topic by server-sent events, on one connection after the other."""

    def __init__(self, world: World, topic: str, lines: Callable[..., Iterator[bytes]]) -> None:
        super().__init__(world, topic)
        self._lines = lines

    def step(self) -> None:
        """Take some events, cut the connection, and go on after the last one next time."""
        world = self.world
        fields = {} if self.token == "earliest" else {"last_event_id": self.token}
        wanted = world.rng.choice([1, 5, 100])
        records: list[dict[str, Any]] = []
        pending = world.journal.invoke("fetch", topic=self.topic)
        name = ""
        try:
            path = f"/v1/topics/{self.topic}/records"
            for line in self._lines(path, world.wait_ms / 1000, accept="text/event-stream", **fields):
                if line.startswith(b"id: "):
                    name = line[4:].decode()
                elif line.startswith(b"data: "):
                    records.append(json.loads(line[6:]))
                    self.token = name
                    if len(records) >= wanted:
                        break
        except Lost:
            world.sleep_ms(10)  # what has come has come
        self.note(pending, records, at_end=False)


def read_one(world: World, topic: str, partition: int, offset: int) -> None:
    """Read one record that was acknowledged."""
    pending = world.journal.invoke("fetch", topic=topic)
    answer = world.ask("GET", f"/v1/topics/{topic}/partitions/{partition}/records/{offset}")
    if topic in COMPACTED and answer.status == 410:
        return pending.returned(partitions=[(partition, offset, offset + 1, [], False)])
    if answer.status == 404:
        return pending.returned(partitions=[(partition, offset, offset, [], True)])
    record = world.expect(answer, 200)
    return pending.returned(partitions=[(partition, offset, offset + 1, [seen_in(record)], False)])


def read_everything(world: World) -> list[str]:
    """Read every topic from its start to its end, and give the names of those with dead letters."""
    topics = [topic["name"] for topic in world.expect(world.ask("GET", "/v1/topics"), 200)["topics"]]
    for topic in topics:
        reader = Reader(world, topic, look_at_watermarks(world, topic))
        before = ""
        while not reader.ended and reader.token != before:  # a broker that gets stuck is found by what is missing
            before = reader.token
            reader.read_all()
    return [topic for topic in topics if topic not in PARTITIONS]
