"""One member of a consumer group, with a real client library, as a process of its own: it can be killed or frozen.

python -m tests.compat.group_member LIBRARY BOOTSTRAP GROUP TOPIC HOW [INSTANCE]

It prints `has 0,2` whenever its partitions change, `got PARTITION OFFSET` for every record, `refused ERROR` where the
library says that it may not join or commit, and `left` at its end. HOW it commits: `sync` or `async` after each poll,
or `auto`, by the library itself. SIGTERM makes it leave. With INSTANCE it is a static member, whose session is long
enough to start anew in it.
"""

import asyncio
import signal
import sys
from collections.abc import Collection, Iterable
from typing import Any

SESSION_MS, HEARTBEAT_MS = 2000, 400
STATIC_SESSION_MS = 30_000
Partitions = Collection[Any]


def say(line: str) -> None:
    print(line, flush=True)


def has(partitions: Iterable[int]) -> None:
    say("has " + ",".join(map(str, sorted(partitions))))


class Stop:
    """Whether the member is to leave."""

    def __init__(self) -> None:
        self.wanted = False
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "wanted", True))


def run_confluent(bootstrap: str, group: str, topic: str, how: str, instance: str | None) -> None:
    from confluent_kafka import Consumer

    stop = Stop()
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": how == "auto",
            "auto.commit.interval.ms": 100,
            "session.timeout.ms": STATIC_SESSION_MS if instance else SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            **({"group.instance.id": instance} if instance else {}),
        }
    )

    def assigned(_: Consumer, partitions: list[Any]) -> None:
        has(one.partition for one in partitions)

    consumer.subscribe([topic], on_assign=assigned, on_revoke=lambda *_: has([]), on_lost=lambda *_: has([]))
    while not stop.wanted:
        message = consumer.poll(0.1)
        if message is not None and (error := message.error()) is not None:
            say(f"refused {error.name()}")
        elif message is not None:
            say(f"got {message.partition()} {message.offset()}")
            if how != "auto":
                commit_confluent(consumer, how)
    consumer.close()


def commit_confluent(consumer: Any, how: str) -> None:
    from confluent_kafka import KafkaException

    try:
        consumer.commit(asynchronous=how == "async")
    except KafkaException as error:
        say(f"refused {error.args[0].name()}")


class Told:
    """Says which partitions a member has, as often as kafka-python and aiokafka tell it."""

    def on_partitions_revoked(self, revoked: Partitions) -> None:
        has([])

    def on_partitions_assigned(self, assigned: Partitions) -> None:
        has(one.partition for one in assigned)


def settings(bootstrap: str, group: str, how: str, instance: str | None) -> dict[str, Any]:
    """Give what kafka-python and aiokafka call by the same names."""
    return {
        "bootstrap_servers": bootstrap,
        "group_id": group,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": how == "auto",
        "auto_commit_interval_ms": 100,
        "session_timeout_ms": STATIC_SESSION_MS if instance else SESSION_MS,
        "group_instance_id": instance,
        "heartbeat_interval_ms": HEARTBEAT_MS,
    }


def run_kafka_python(bootstrap: str, group: str, topic: str, how: str, instance: str | None) -> None:
    from kafka import ConsumerRebalanceListener, KafkaConsumer
    from kafka.errors import KafkaError

    class Listener(Told, ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
        pass

    stop = Stop()
    consumer = KafkaConsumer(**settings(bootstrap, group, how, instance))
    consumer.subscribe([topic], listener=Listener())
    while not stop.wanted:
        # kafka-python 3.0.12 never goes on after a rebalance that ends between two polls of a leader
        # (`join_group_async` asks `need_rejoin` again and leaves its task), so a poll is longer than a rebalance.
        try:
            for messages in consumer.poll(timeout_ms=3000).values():
                for message in messages:
                    say(f"got {message.partition} {message.offset}")
                if how == "sync":
                    consumer.commit()
                elif how == "async":
                    consumer.commit_async()
        except KafkaError as error:
            say(f"refused {type(error).__name__}")
    consumer.close()


async def run_aiokafka(bootstrap: str, group: str, topic: str, how: str, instance: str | None) -> None:
    from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
    from aiokafka.errors import KafkaError

    class Listener(Told, ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
        pass

    stop = Stop()
    consumer = AIOKafkaConsumer(**settings(bootstrap, group, how, instance))
    consumer.subscribe([topic], listener=Listener())
    try:
        await consumer.start()
    except KafkaError as error:
        say(f"refused {error}")
        stop.wanted = True
    while not stop.wanted:
        try:
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                for message in messages:
                    say(f"got {message.partition} {message.offset}")
                if how != "auto":
                    await consumer.commit()
        except KafkaError as error:
            say(f"refused {type(error).__name__}")
    await consumer.stop()


def main() -> None:
    library, bootstrap, group, topic, how, *rest = sys.argv[1:]
    instance = rest[0] if rest else None
    if library == "confluent-kafka":
        run_confluent(bootstrap, group, topic, how, instance)
    elif library == "kafka-python":
        run_kafka_python(bootstrap, group, topic, how, instance)
    else:
        asyncio.run(run_aiokafka(bootstrap, group, topic, how, instance))
    say("left")


if __name__ == "__main__":
    main()
