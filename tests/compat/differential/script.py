"""What the scripts of the differential tests share: a broker to talk to, and answers that two brokers can agree on.

What differs from run to run has a name instead: a topic's id, a session's, a producer's, the time of an append.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

from tests.compat.differential.raw_client import ConnectionClosed, RawClient

CLOSED = "the connection was closed"
STRANGE_ID = UUID("00000000-0000-0000-0000-00000badbad1")
NO_ERROR = "none"
SETTLE_S = 10
HIDDEN_TIMES = {"log_append_time", "last_fetch_timestamp", "last_caught_up_timestamp"}
RECENT_MS = 1_750_000_000_000
"""Times after this one are the clock's; those that the scripts send are earlier."""

Step = tuple[str, Any]
CreateTopic = Callable[[str, int, dict[str, str]], None]


class Broker:
    """One of the two brokers, under a script."""

    def __init__(self, client: RawClient, create_topic: CreateTopic) -> None:
        self._client = client
        self._create_topic = create_topic
        self._names: dict[str, str] = {}
        self._ids: dict[str, UUID] = {}
        self._known: dict[tuple[str, int], str] = {}

    def topic(self, name: str, partitions: int = 1, **configs: str) -> str:
        """Create a topic under a name that no run before has used."""
        unique = self.name(name)
        self._create_topic(unique, partitions, {key.replace("_", "."): value for key, value in configs.items()})
        deadline = time.monotonic() + SETTLE_S
        while not self._is_there(unique, partitions):  # Kafka's broker learns of it a little later than its controller
            assert time.monotonic() < deadline, f"topic {unique} did not appear"
        return unique

    def name(self, name: str) -> str:
        """Make up a name that no run before has used, for a topic that the script itself creates."""
        unique = f"{name}-{uuid4().hex[:8]}"
        self._names[unique] = name
        return unique

    def settle(self) -> None:
        """Wait until every broker knows what the controller was told: topics that were made, configs that changed."""
        self.topic("settled")

    def _is_there(self, topic: str, partitions: int) -> bool:
        named = {"topics": [{"topic_id": None, "name": topic}], "allow_auto_topic_creation": False}
        [found] = self._client.ask("metadata", 12, **named, include_topic_authorized_operations=False)["topics"]
        if found["error_code"] != NO_ERROR:
            return False
        self._ids[topic] = UUID(found["topic_id"])
        asked = [{"partition_index": it, "timestamp": -1, "current_leader_epoch": -1} for it in range(partitions)]
        answer = self._client.ask(
            "list_offsets", 5, replica_id=-1, isolation_level=0, topics=[{"name": topic, "partitions": asked}]
        )
        return all(part["error_code"] == NO_ERROR for part in answer["topics"][0]["partitions"])

    def connect(self) -> RawClient:
        """Open another connection, for a script in which one waits for another."""
        return RawClient(*self._client.address)

    def id_of(self, topic: str) -> UUID:
        """Give a topic's id, or one that nobody has."""
        return self._ids.get(topic, STRANGE_ID)

    def ask(self, api: str, version: int, **values: Any) -> Any:
        """Ask, and give the answer as both brokers can give it."""
        try:
            return self.agreeable(self._client.ask(api, version, **values))
        except ConnectionClosed:
            return CLOSED

    def ask_exactly(self, api: str, version: int, **values: Any) -> dict[str, Any]:
        """Ask, and give the answer as it is."""
        return self._client.ask(api, version, **values)

    def agreeable(self, value: Any, field: str = "") -> Any:
        """Give an answer, or a part of one under its field's name, as both brokers can give it."""
        if isinstance(value, dict):
            return {key: self.agreeable(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            inner = [self.agreeable(it, field) for it in value]
            return sorted(inner, key=_partition_of) if field == "partitions" else inner
        if isinstance(value, bytes):
            return whole_batches(value)
        if isinstance(value, str):
            return self._agreeable_text(value, field)
        if field == "port" and value == self._client.address[1]:
            return "the broker's"
        if field in HIDDEN_TIMES and isinstance(value, int) and value > RECENT_MS:
            return "now"
        if field in {"session_id", "producer_id"} and isinstance(value, int) and value > 0:
            count = sum(kind == field for kind, _ in self._known)
            return self._known.setdefault((field, value), f"{field} {count + 1}")
        return value

    def _agreeable_text(self, value: str, field: str) -> str:
        for name, topic_id in self._ids.items():
            if value == str(topic_id):
                return f"the id of {self._names[name]}"
        if field == "topic_id" and value != str(STRANGE_ID):
            return "another id"
        if field == "cluster_id":
            return "the cluster's id"
        for unique, name in self._names.items():
            value = value.replace(unique, name)
        return value


def _partition_of(part: Any) -> Any:
    return (
        next((part[name] for name in ("partition_index", "partition") if name in part), 0)
        if isinstance(part, dict)
        else 0
    )


def by_name(entries: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    """Give entries by their names, where their order means nothing."""
    if entries is None:
        return None
    named = {entry["name"]: entry for entry in entries}
    assert len(named) == len(entries), "two entries have one name"
    return named


def whole_batches(records: bytes) -> list[list[int]]:
    """Say which batches lie whole in the bytes: the first offset and the size of each."""
    batches = []
    position = 0
    while position + 12 <= len(records):
        size = int.from_bytes(records[position + 8 : position + 12], "big") + 12
        if position + size > len(records):
            break
        batches.append([int.from_bytes(records[position : position + 8], "big"), size])
        position += size
    return batches


def run(script: Callable[[Broker], Iterator[Step]], broker: Broker) -> list[Step]:
    """Run a script, and give what each step was answered."""
    return list(script(broker))


def only(answer: Any, *path: str) -> Any:
    """Follow an answer to its only topic and partition."""
    if answer == CLOSED:
        return answer
    for field in path:
        [answer] = answer[field]
    return answer
