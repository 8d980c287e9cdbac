"""What a client can read and cause in Fetch, with and without sessions."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.compat.differential.produce_script import produce
from tests.compat.differential.script import Broker, Step
from tests.support.client_batches import client_batch

MIB = 1024 * 1024


def part(partition: int = 0, fetch_offset: int = 0, **fields: int) -> dict[str, int]:
    """Ask for one partition."""
    return {
        "partition": partition, "fetch_offset": fetch_offset, "partition_max_bytes": MIB, "current_leader_epoch": -1,
        "log_start_offset": -1, "last_fetched_epoch": -1,
    } | fields  # fmt: skip


def fetch(
    broker: Broker, topic: str, parts: Sequence[dict[str, int]], *, version: int = 12, forget: Sequence[int] = (),
    session: tuple[int, int] = (0, -1), **fields: Any,
) -> Any:  # fmt: skip
    """Fetch from one topic; what is not given says nothing, and waits for nothing."""
    return broker.ask("fetch", version, **request_of(broker, topic, parts, session, forget, **fields))


def request_of(
    broker: Broker, topic: str, parts: Sequence[dict[str, int]], session: tuple[int, int], forget: Sequence[int] = (),
    **fields: Any,
) -> dict[str, Any]:  # fmt: skip
    """Give all fields of a request."""
    named = {"topic": topic, "topic_id": broker.id_of(topic)}
    session_id, session_epoch = session
    return {
        "replica_id": -1, "max_wait": 0, "min_bytes": 1, "max_bytes": MIB, "isolation_level": 0, "rack_id": "",
        "session_id": session_id, "session_epoch": session_epoch,
        "topics": [{**named, "partitions": parts}] if parts else [],
        "forgotten_topics_data": [{**named, "partitions": forget}] if forget else [],
    } | fields  # fmt: skip


def prepared(broker: Broker, name: str) -> str:
    """Make a topic of two partitions, with five batches in the first: offsets 0, 1, 2, 3 to 5, 6."""
    topic = broker.topic(name, 2)
    for batch in (
        *(client_batch(b"%d" % number) for number in range(3)),
        client_batch(b"a", b"b", b"c"),
        client_batch(b"z"),
    ):
        assert produce(broker, topic, batch)["error_code"] == "none"
    return topic


def without_sessions(broker: Broker) -> Iterator[Step]:
    """Fetch what is there and what is not."""
    topic = prepared(broker, "fetched")
    for version in range(4, 19):
        yield f"version {version}", fetch(broker, topic, [part()], version=version)
    for name, partition in {
        "at the end": part(0, 7), "beyond": part(0, 8), "negative": part(0, -1), "within a batch": part(0, 4),
        "partition 7": part(7), "one byte of it": part(partition_max_bytes=1),
        "no byte of it": part(partition_max_bytes=0),
        "two batches of it": part(partition_max_bytes=140), "leader epoch 0": part(current_leader_epoch=0),
        "leader epoch 1": part(current_leader_epoch=1), "leader epoch -5": part(current_leader_epoch=-5),
        "fetched epoch 0": part(0, 2, last_fetched_epoch=0), "fetched epoch 1": part(0, 2, last_fetched_epoch=1),
        "beyond in fetched epoch 0": part(0, 9, last_fetched_epoch=0),
    }.items():  # fmt: skip
        yield name, fetch(broker, topic, [partition])
    yield "read committed", fetch(broker, topic, [part()], isolation_level=1)
    yield "one byte", fetch(broker, topic, [part()], max_bytes=1)
    yield "one byte of two partitions", fetch(broker, topic, [part(1), part(0)], max_bytes=1)
    yield "no byte", fetch(broker, topic, [part()], max_bytes=0)
    yield "a partition twice", fetch(broker, topic, [part(0, 0), part(0, 5)])
    yield "no topics", fetch(broker, topic, [], max_wait=500)
    yield "an unknown topic", fetch(broker, "is-not-there", [part()])
    yield "an unknown id", fetch(broker, "is-not-there", [part()], version=13)
    yield "a wait that ends", fetch(broker, topic, [part(0, 7)], max_wait=50)
    yield "more than there is", fetch(broker, topic, [part()], max_wait=50, min_bytes=MIB)
    yield "an error needs no wait", fetch(broker, topic, [part(0, 8), part(1)], max_wait=30_000)
    yield "a replica", fetch(broker, topic, [part()], replica_id=5)
    yield "a debugging consumer", fetch(broker, topic, [part()], replica_id=-2)


def sessions(broker: Broker) -> Iterator[Step]:
    """Begin sessions, go on with them, and break them."""
    topic = prepared(broker, "in-sessions")

    def begin(parts: Sequence[dict[str, int]], version: int = 12) -> tuple[int, Any]:
        exact = broker.ask_exactly("fetch", version, **request_of(broker, topic, parts, (0, 0)))
        return exact["session_id"], broker.agreeable(exact)

    session_id, answer = begin([part(), part(1)])
    yield "begin", answer
    yield "nothing said", fetch(broker, topic, [], session=(session_id, 1))
    yield "another offset", fetch(broker, topic, [part(0, 7)], session=(session_id, 2))
    yield "an epoch again", fetch(broker, topic, [], session=(session_id, 2))
    yield "nothing new", fetch(broker, topic, [], session=(session_id, 3), max_wait=20)
    yield "forget one", fetch(broker, topic, [], session=(session_id, 4), forget=[0])
    produce(broker, topic, client_batch(b"x"))
    produce(broker, topic, client_batch(b"y"), partition=1)
    yield "something new", fetch(broker, topic, [], session=(session_id, 5))
    yield "one more", fetch(broker, topic, [part(0, 7)], session=(session_id, 6))
    yield "by id", fetch(broker, topic, [], session=(session_id, 7), version=13)
    yield "a partition that is not there", fetch(broker, topic, [part(9)], session=(session_id, 7))
    yield "it stays", fetch(broker, topic, [], session=(session_id, 8), forget=[1])
    yield "beyond", fetch(broker, topic, [part(0, 99)], session=(session_id, 9), forget=[9])
    yield "still beyond", fetch(broker, topic, [], session=(session_id, 10))
    yield "back again", fetch(broker, topic, [part(0, 8)], session=(session_id, 11))
    yield "forget all", fetch(broker, topic, [], session=(session_id, 12), forget=[0])
    yield "it is gone", fetch(broker, topic, [], session=(session_id, 13))
    yield "never there", fetch(broker, topic, [], session=(12_345, 1))
    yield "no session in its middle", fetch(broker, topic, [part()], session=(0, 5))
    session_id, answer = begin([part(), part(1)], version=13)
    yield "begin by id", answer
    yield "go on by id", fetch(broker, topic, [part(0, 8), part(1, 1)], session=(session_id, 1), version=13)
    yield "go on by name", fetch(broker, topic, [], session=(session_id, 2))
    yield "close", fetch(broker, topic, [], session=(session_id, -1), version=13)
    yield "closed", fetch(broker, topic, [], session=(session_id, 2), version=13)


SCRIPTS = {"fetch": without_sessions, "fetch sessions": sessions}
