"""What an administrator can cause in CreateTopics, DeleteTopics and CreatePartitions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.compat.differential.script import Broker, Step, by_name

REPLICAS_OF_ONE = {0: [1]}


def new(
    name: str, partitions: int = 1, replicas: int = 1, assigned: Mapping[int, Sequence[int]] | None = None,
    **configs: str | None,
) -> dict[str, Any]:  # fmt: skip
    """Want a topic."""
    return {
        "name": name, "num_partitions": partitions, "replication_factor": replicas,
        "assignments": [{"partition_index": it, "broker_ids": ids} for it, ids in (assigned or {}).items()],
        "configs": [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()],
    }  # fmt: skip


def create(broker: Broker, *topics: dict[str, Any], version: int = 7, validate_only: bool = False) -> Any:
    """Create topics, and wait for those that were made."""
    answer = broker.ask("create_topics", version, topics=topics, timeout=5000, validate_only=validate_only)
    if not validate_only:
        broker.settle()
    for topic in answer["topics"]:
        topic["configs"] = by_name(topic.get("configs"))
    return sorted(answer["topics"], key=lambda topic: str(topic["name"]))


def refusals(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """List topics that cannot be, by what is wrong with them, and some at the border that can."""
    yield "no partitions", new(name, 0)
    yield "partitions -2", new(name, -2)
    yield "replicas 0", new(name, 1, 0)
    yield "replicas -2", new(name, 1, -2)
    yield "replicas 2", new(name, 1, 2)
    yield "replicas 2 and no partitions", new(name, 0, 2)
    for bad in ("", ".", "..", "a b", "a/b", "ü", "x" * 250):
        yield f"the name {bad[:5]!r}", new(bad)
    yield "assigned and counted", new(name, 1, -1, REPLICAS_OF_ONE)
    yield "assigned and replicated", new(name, -1, 1, REPLICAS_OF_ONE)
    yield "a partition left out", new(name, -1, -1, {0: [1], 2: [1]})
    yield "not from 0 on", new(name, -1, -1, {1: [1]})
    yield "a negative partition", new(name, -1, -1, {-1: [1]})
    yield "a strange broker", new(name, -1, -1, {0: [7]})
    yield "a negative broker", new(name, -1, -1, {0: [-1]})
    yield "a broker twice", new(name, -1, -1, {0: [1, 1]})
    yield "no broker", new(name, -1, -1, {0: []})
    yield "an unknown config", new(name, no_such="1")
    yield "a broker's config", new(name, num_partitions="1")
    yield "a config without a value", new(name, retention_ms=None)
    yield "an empty config name", new(name) | {"configs": [{"name": "", "value": "1"}]}


def creation(broker: Broker) -> Iterator[Step]:
    """Create topics in every version, and those that cannot be."""
    for version in range(2, 8):
        name = broker.name("made")
        wanted = [new(name, 2, retention_ms="5000", segment_bytes="2000000"), new(broker.name("bad"), 0)]
        yield f"in version {version}", create(broker, *wanted, version=version)
        yield f"again in version {version}", create(broker, new(name), version=version)
        if version >= 4:
            yield (
                f"by default in version {version}",
                create(broker, new(broker.name("default"), -1, -1), version=version),
            )
    yield "assigned", create(broker, new(broker.name("assigned"), -1, -1, {0: [1], 1: [1]}))
    yield "nothing", create(broker)
    for why, topic in refusals(broker.name("refused")):
        yield why, create(broker, topic)
        yield f"{why}, only checked", create(broker, topic, validate_only=True)
    checked = new(broker.name("checked"), 3, cleanup_policy="compact")
    yield "only checked", create(broker, checked, validate_only=True)
    yield "by default, only checked", create(broker, new(broker.name("default"), -1, -1), validate_only=True)
    yield "made after it was checked", create(broker, checked)
    yield "one twice", create(broker, new(broker.name("twice")), new(broker.name("twice"), 2), new(broker.name("once")))
    dotted, scored = broker.name("a.b"), broker.name("a_b")
    yield "a dot", create(broker, new(dotted))
    yield "an underscore in its place", create(broker, new(scored))
    yield "both at once", create(broker, new(broker.name("c.d")), new(broker.name("c_d")))


def delete(broker: Broker, *topics: str | dict[str, Any], version: int = 6) -> Any:
    """Delete topics."""
    states = [it if isinstance(it, dict) else {"name": it, "topic_id": None} for it in topics]
    names = [it["name"] for it in states]
    answer = broker.ask("delete_topics", version, topics=states, topic_names=names, timeout=5000)
    return sorted(answer["responses"], key=str)


def deletion(broker: Broker) -> Iterator[Step]:
    """Delete topics in every version, by name and by id, and those that are not there."""
    for version in range(1, 7):
        topic = broker.topic("gone")
        yield f"in version {version}", delete(broker, topic, "is-not-there", version=version)
        yield f"again in version {version}", delete(broker, topic, version=version)
    topic = broker.topic("by-id")
    by_id = {"name": None, "topic_id": broker.id_of(topic)}
    yield "by id", delete(broker, by_id)
    yield "by id again", delete(broker, by_id)
    yield "an unknown id", delete(broker, {"name": None, "topic_id": broker.id_of("is-not-there")})
    topic = broker.topic("kept")
    both = {"name": topic, "topic_id": broker.id_of(topic)}
    yield "by name and id", delete(broker, both)
    yield "by neither", delete(broker, {"name": None, "topic_id": None})
    yield "twice", delete(broker, topic, topic)
    yield "an unknown one twice", delete(broker, "is-not-there", "is-not-there")
    yield "by name and by id at once", delete(broker, topic, {"name": None, "topic_id": broker.id_of(topic)})
    topic = broker.topic("id-twice")
    by_id = {"name": None, "topic_id": broker.id_of(topic)}
    yield "an id twice", delete(broker, by_id, by_id)
    yield "nothing", delete(broker)
    for bad in ("", ".", "a b", "x" * 250):
        yield f"the name {bad[:5]!r}", delete(broker, bad)


def grow(
    broker: Broker, topic: str, count: int, assigned: Sequence[Sequence[int]] | None = None, *, version: int = 3,
    validate_only: bool = False, times: int = 1,
) -> Any:  # fmt: skip
    """Ask for more partitions."""
    replicas = None if assigned is None else [{"broker_ids": ids} for ids in assigned]
    wanted = [{"name": topic, "count": count, "assignments": replicas}] * times
    return broker.ask("create_partitions", version, topics=wanted, timeout=5000, validate_only=validate_only)


def growth(broker: Broker) -> Iterator[Step]:
    """Add partitions in every version, and those that cannot be added."""
    topic = broker.topic("grown", 2)
    for version in range(4):
        yield f"in version {version}", grow(broker, topic, 3 + version, version=version)
        yield f"only checked in version {version}", grow(broker, topic, 20, version=version, validate_only=True)
    for count in (6, 5, 1, 0, -1):
        yield f"to {count}", grow(broker, topic, count)
        yield f"to {count}, only checked", grow(broker, topic, count, validate_only=True)
    wrong: dict[str, list[list[int]]] = {
        "a strange broker": [[7]], "no broker": [[]], "a broker twice": [[1, 1]], "two brokers": [[1, 2]],
        "too many assigned": [[1], [1]], "none assigned": [],
    }  # fmt: skip
    for why, assigned in wrong.items():
        yield why, grow(broker, topic, 7, assigned)
    yield "fewer, with a strange broker", grow(broker, topic, 5, [[7]])
    yield "too few assigned", grow(broker, topic, 8, [[1]])
    yield "assigned", grow(broker, topic, 8, [[1], [1]])
    yield "an unknown topic", grow(broker, "is-not-there", 3)
    yield "a bad name", grow(broker, "a b", 3)
    yield "no name", grow(broker, "", 3)
    yield "twice", grow(broker, topic, 9, times=2)
    yield "an unknown topic twice", grow(broker, "is-not-there", 9, times=2)
    yield "nothing", broker.ask("create_partitions", 3, topics=[], timeout=5000, validate_only=False)


SCRIPTS = {"create topics": creation, "delete topics": deletion, "create partitions": growth}
