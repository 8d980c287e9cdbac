"""What all workers that speak `/v1` share: the topics, the values that they send, and how they know them again.

A worker decides nothing about right and wrong; only an answer that nobody expects stops it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

from tests.checker.http_clients import Answer, Ask
from tests.checker.journal import Journal

PARTITIONS = {"orders": 3, "jobs": 1, "table": 2}
SHARED = ("orders", "jobs")
COMPACTED = ("table",)
GROUP = "workers"
CONSUMER = "guide3"
"""Who asks `/consume`; where a cluster keeps offsets in six partitions, its coordinator is the group's above."""
KEYS = 8


@dataclass(frozen=True)
class World:
    """What every worker has: chance, a way to ask, its journal, and a way to let time pass."""

    rng: Random
    ask: Ask
    journal: Journal
    sleep_ms: Callable[[float], object]
    wait_ms: int
    """How long a call waits for a record."""
    lock_ms: tuple[int, ...] = (200, 600, 1500)
    numbers_requests: bool = True
    """Whether the broker promises to append a numbered request once: gateways to a cluster do not."""

    def chance(self, probability: float) -> bool:
        """Say yes now and then."""
        return self.rng.random() < probability

    def expect(self, answer: Answer, *statuses: int) -> Any:
        """Give the answer's JSON; stop the worker at a status that nobody expects."""
        assert answer.status in statuses, f"{answer.status}: {answer.body[:2000]!r}"
        return json.loads(answer.body) if answer.headers.get("content-type", "").endswith("json") else None


def value_of(payload: str) -> str:
    """Make a record's value: its id, and a filling that no other id has."""
    return f"{payload} {'·' * (crc32(payload.encode()) % 60)}{crc32(payload.encode())}"


def payload_of(record: dict[str, Any]) -> str:
    """Give the id of what was read, or a text that nobody sent where the value is not whole."""
    value = str(record.get("value"))
    payload = value.partition(" ")[0]
    return payload if value == value_of(payload) else f"garbled {json.dumps(record)}"


def seen_in(record: dict[str, Any]) -> tuple[object, ...]:
    headers = record.get("headers", {})
    origin = None
    if "__dlq.errors.topic" in headers:
        place = int(headers["__dlq.errors.partition"]), int(headers["__dlq.errors.offset"])
        origin = (headers["__dlq.errors.group"], headers["__dlq.errors.topic"], *place)
    return record["offset"], payload_of(record), record.get("key"), origin


def look_at_watermarks(world: World, topic: str) -> int:
    """Ask where each partition ends, and count them."""
    pending = world.journal.invoke("watermark", topic=topic)
    bounds = world.expect(world.ask("GET", f"/v1/topics/{topic}"), 200)["partitions"]
    pending.returned(offsets=[partition["high_watermark"] for partition in bounds])
    return len(bounds)


def look_at_commits(world: World) -> None:
    """Ask how far the share group is in each partition."""
    pending = world.journal.invoke("committed", group=GROUP)
    answer = world.ask("GET", f"/v1/groups/{GROUP}")
    partitions = [] if answer.status == 404 else world.expect(answer, 200)["partitions"]
    pending.returned(offsets=[[one["topic"], one["partition"], one["committed_offset"]] for one in partitions])


def create_topics(world: World) -> None:
    """Make the topics that everybody works on."""
    for topic, partitions in PARTITIONS.items():
        configs = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": 0} if topic in COMPACTED else {}
        body = json.dumps({"partitions": partitions, "configs": configs}).encode()
        world.expect(world.ask("PUT", f"/v1/topics/{topic}", body, content_type="application/json"), 200, 201)
