"""What becomes of the broker's configs while it runs: changed for this broker, for every broker, and not at all."""

from collections.abc import Iterator
from typing import Any

from tests.compat.differential.configs_script import APPEND, BROKER, DELETE, SUBTRACT, TOPIC, describe, resource
from tests.compat.differential.script import Broker, Step

THIS, EVERY = "1", ""
OF_TOPICS = {
    "log.retention.ms": "retention.ms", "log.retention.bytes": "retention.bytes",
    "log.cleanup.policy": "cleanup.policy", "message.max.bytes": "max.message.bytes",
    "log.message.timestamp.type": "message.timestamp.type",
    "log.message.timestamp.before.max.ms": "message.timestamp.before.max.ms",
    "log.message.timestamp.after.max.ms": "message.timestamp.after.max.ms",
    "log.cleaner.delete.retention.ms": "delete.retention.ms",
    "log.cleaner.min.cleanable.ratio": "min.cleanable.dirty.ratio",
    "log.cleaner.min.compaction.lag.ms": "min.compaction.lag.ms",
    "log.cleaner.max.compaction.lag.ms": "max.compaction.lag.ms",
    "log.segment.bytes": "segment.bytes", "log.flush.interval.ms": "flush.ms", "log.roll.ms": "segment.ms",
    "log.index.interval.bytes": "index.interval.bytes", "log.preallocate": "preallocate",
    "compression.type": "compression.type", "compression.gzip.level": "compression.gzip.level",
}  # fmt: skip
VALUES = {
    "log.retention.ms": ("1", "0", "-1", "-2", " 7 ", "x", "", None),
    "log.retention.bytes": ("1", "0", "-1", "1.5", "x"),
    "log.cleanup.policy": ("compact", "delete,compact", "", "x", "compact,"),
    "message.max.bytes": ("1", "0", "-1", "2147483648"),
    "log.message.timestamp.type": ("LogAppendTime", "CreateTime", "x"),
    "log.message.timestamp.before.max.ms": ("1", "-1"),
    "log.message.timestamp.after.max.ms": ("1", "-1"),
    "log.cleaner.min.cleanable.ratio": ("0.1", "1.1", "x"),
    "log.cleaner.min.compaction.lag.ms": ("1", "-1"),
    "log.segment.bytes": ("1048576", "1"),
    "log.preallocate": ("true", "yes"),
    "compression.type": ("producer", "gzip", "x"),
}
FIXED = (
    "num.partitions", "node.id", "auto.create.topics.enable", "log.retention.hours", "log.retention.minutes",
    "log.dirs", "group.max.size", "group.max.session.timeout.ms", "offsets.retention.minutes",
    "default.replication.factor", "socket.request.max.bytes",
)  # fmt: skip


def alter(broker: Broker, name: str, *changes: tuple[Any, ...], validate_only: bool = False) -> Any:
    """Change single configs, and give the answer."""
    asked = [resource(BROKER, name, changes)]
    return broker.ask("incremental_alter_configs", 1, resources=asked, validate_only=validate_only)["responses"]


def seen(broker: Broker, topic: str, *names: str) -> Any:
    """Show configs from everywhere: the broker's, every broker's, and those of a topic."""
    broker.settle()
    return {
        "this": describe(broker, BROKER, THIS, names)["results"][0]["configs"],
        "every": describe(broker, BROKER, EVERY, names)["results"][0]["configs"],
        "topic": describe(broker, TOPIC, topic, [OF_TOPICS[name] for name in names])["results"][0]["configs"],
    }


def values(broker: Broker) -> Iterator[Step]:
    """Try values inside and outside of what is allowed, and configs that cannot be changed."""
    for name in (THIS, EVERY):
        for config, tried in VALUES.items():
            for value in tried:
                yield f"{config} {value!r} of {name!r}", alter(broker, name, (config, value), validate_only=True)
        for config in FIXED:
            yield f"{config} of {name!r}", alter(broker, name, (config, "3"), validate_only=True)
            yield f"delete {config} of {name!r}", alter(broker, name, (config, None, DELETE), validate_only=True)
        yield (
            f"a good and a fixed one of {name!r}",
            alter(broker, name, ("log.retention.ms", "5"), ("num.partitions", "3"), validate_only=True),
        )
        yield (
            f"one twice of {name!r}",
            alter(broker, name, ("log.retention.ms", "5"), ("log.retention.ms", "6"), validate_only=True),
        )
        for operation in (APPEND, SUBTRACT, 4):
            for config, value in (("log.cleanup.policy", "compact"), ("log.retention.ms", "5")):
                yield (
                    f"operation {operation} of {config} of {name!r}",
                    alter(broker, name, (config, value, operation), validate_only=True),
                )


def changes(broker: Broker) -> Iterator[Step]:
    """Change every config that topics take from the broker, for both scopes, and take it back."""
    topic, own = broker.topic("follows"), broker.topic("has-its-own", retention_ms="11", cleanup_policy="compact")
    yield "before", seen(broker, topic, *OF_TOPICS)
    for config in OF_TOPICS:
        value = next((it for it in VALUES.get(config, ()) if it), "5")
        yield f"{config} for every broker", alter(broker, EVERY, (config, value))
        yield f"{config} seen then", seen(broker, topic, config)
        yield f"{config} for this broker", alter(broker, THIS, (config, value))
        yield f"{config} seen after both", seen(broker, topic, config)
        yield f"{config} of every broker deleted", alter(broker, EVERY, (config, None, DELETE))
        yield f"{config} seen after one is deleted", seen(broker, topic, config)
        yield f"{config} of this broker deleted", alter(broker, THIS, (config, None, DELETE))
    yield "after", seen(broker, topic, *OF_TOPICS)
    story: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "both times": (EVERY, [("log.retention.ms", "1000000"), ("log.cleanup.policy", "compact")]),
        "another here": (THIS, [("log.retention.ms", "2000000")]),
        "append here": (THIS, [("log.cleanup.policy", "compact", APPEND)]),
        "append again": (THIS, [("log.cleanup.policy", "compact", APPEND)]),
        "subtract": (THIS, [("log.cleanup.policy", "delete", SUBTRACT)]),
        "subtract the last": (THIS, [("log.cleanup.policy", "compact", SUBTRACT)]),
        "a bad one with a good one": (THIS, [("log.retention.ms", "3000000"), ("num.partitions", "3")]),
    }
    for why, (name, changed) in story.items():
        yield why, alter(broker, name, *changed)
        yield f"seen after {why}", seen(broker, topic, "log.retention.ms", "log.cleanup.policy")
    yield "a topic with its own", describe(broker, TOPIC, own, ["retention.ms", "cleanup.policy"])
    for why, configs in {"one": [("log.retention.bytes", "77")], "a fixed one": [("node.id", "5")], "none": []}.items():
        asked = [resource(BROKER, THIS, configs)]
        yield f"replaced by {why}", broker.ask("alter_configs", 2, resources=asked, validate_only=False)["responses"]
        yield (
            f"seen after it was replaced by {why}",
            seen(broker, topic, "log.retention.ms", "log.cleanup.policy", "log.retention.bytes"),
        )
    forgotten = [(config, None, DELETE) for config in OF_TOPICS]
    yield "forget", alter(broker, EVERY, *forgotten)
    yield "seen at the end", seen(broker, topic, *OF_TOPICS)


SCRIPTS = {"broker config values": values, "broker configs": changes}
