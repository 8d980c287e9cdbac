"""A registered consumer of the guide's `/consume`, which waits for each answer before it asks again.

It goes on where the one before it was: all have one name. Each record is written down as a fetch, so it has to be one
of the log's. None may be missing but where an answer was lost: its record is committed, and comes to nobody again.
"""

import json
from contextlib import suppress
from typing import Any

from tests.checker.http_clients import Lost
from tests.checker.http_world import CONSUMER, World, seen_in


class Consumer:
    """Registers, and consumes a topic."""

    def __init__(self, world: World, topic: str) -> None:
        self._world = world
        self._topic = topic
        self._is_registered = False
        self._next: dict[int, int] = {}
        self._lost = 1
        """Answers that nobody heard, and that may have had a record; the one before this had perhaps just asked."""

    def step(self) -> None:
        """Consume a record, if there is one."""
        with suppress(Lost):
            if not self._is_registered:
                self._ask("/consumers/register", {"topic": self._topic, "consumer_id": CONSUMER}, 200)
                self._is_registered = True
            self._consume()

    def _consume(self) -> None:
        pending = self._world.journal.invoke("fetch", topic=self._topic)
        try:
            record = self._ask("/consume", {"consumer_id": CONSUMER, "wait_ms": self._world.wait_ms}, 200, 204)
        except Lost:
            self._lost += 1
            raise
        if record is None:
            return
        partition, offset = record["partition"], record["offset"]
        missing = max(0, offset - self._next.get(partition, offset))
        assert missing <= self._lost, f"{CONSUMER} got {record}, and {self._next} was next"
        self._lost -= missing
        self._next[partition] = offset + 1
        pending.returned(partitions=[(partition, offset, offset + 1, [seen_in(record)], False)])

    def _ask(self, path: str, body: dict[str, object], *statuses: int) -> Any:
        answer = self._world.ask("POST", path, json.dumps(body).encode(), content_type="application/json")
        return self._world.expect(answer, *statuses)
