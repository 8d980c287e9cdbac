"""What can be asked and caused in DescribeConfigs, AlterConfigs and IncrementalAlterConfigs."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.compat.differential.script import Broker, Step, by_name

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = range(4)
VALUES = {
    "int": ("0", "-1", "1", "2147483647", "2147483648", "1.5", "1e3", "0x10", " 7 ", "+7", "1_000", "x", ""),
    "long": ("0", "-1", "-2", "9223372036854775807", "9223372036854775808", "1.5", " 7 ", "+7", "1_000", "x", ""),
    "double": ("0", "1", "0.5", "-0.1", "1.1", "NaN", "1e-3", " 0.5 ", ".5", "0.5d", "x", ""),
    "boolean": ("true", "false", "TRUE", " true ", "yes", "1", ""),
}
TOPIC_CONFIGS = {
    "compression.gzip.level": ("int", "9", "10"), "compression.lz4.level": ("int", "17", "18"),
    "compression.zstd.level": ("int", "22", "23", "-131072", "-131073"), "delete.retention.ms": ("long",),
    "file.delete.delay.ms": ("long",), "flush.messages": ("long",), "flush.ms": ("long",),
    "index.interval.bytes": ("int",), "local.retention.bytes": ("long", "-3"), "local.retention.ms": ("long", "-3"),
    "max.compaction.lag.ms": ("long",), "max.message.bytes": ("int",),
    "message.timestamp.after.max.ms": ("long",), "message.timestamp.before.max.ms": ("long",),
    "min.cleanable.dirty.ratio": ("double",), "min.compaction.lag.ms": ("long",), "min.insync.replicas": ("int",),
    "preallocate": ("boolean",), "remote.log.copy.disable": ("boolean",), "remote.log.delete.on.disable": ("boolean",),
    "retention.bytes": ("long",), "retention.ms": ("long",), "segment.bytes": ("int", "1048575", "1048576"),
    "segment.index.bytes": ("int", "3", "4"), "segment.jitter.ms": ("long",), "segment.ms": ("long",),
    "unclean.leader.election.enable": ("boolean",), "remote.storage.enable": ("boolean",),
    "compression.type": ("", "producer", "gzip", "lz4", "zstd", "snappy", "uncompressed", "GZIP", "x", ""),
    "message.timestamp.type": ("", "CreateTime", "LogAppendTime", "createtime", " LogAppendTime ", "x", ""),
    "cleanup.policy": (
        "", "delete", "compact", "compact,delete", "delete, compact", "delete,delete", "Delete", "x", "delete,x", "",
        ",", "delete,", "compact,compact",
    ),
    "leader.replication.throttled.replicas": ("", "*", "", "0:1", "0:1,1:1", "none", "x", "0:x"),
    "follower.replication.throttled.replicas": ("", "*", "", "0:1", "x"),
    "message.format.version": ("", "3.0"), "message.downconversion.enable": ("", "true"), "no.such": ("", "1"),
}  # fmt: skip


def resource(kind: int, name: str, configs: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Change a resource: each change is a name, a value and an operation."""
    return {
        "resource_type": kind, "resource_name": name,
        "configs": [
            {"name": config, "value": value, "config_operation": rest[0] if rest else SET}
            for config, value, *rest in configs
        ],
    }  # fmt: skip


def describe(
    broker: Broker, kind: int, name: str, keys: Sequence[str] | None = None, *, version: int = 4,
    synonyms: bool = True, **fields: Any,
) -> Any:  # fmt: skip
    """Describe one resource; its configs are by name."""
    asked = [{"resource_type": kind, "resource_name": name, "configuration_keys": keys}]
    answer = broker.ask(
        "describe_configs", version,
        **({"resources": asked, "include_synonyms": synonyms, "include_documentation": False} | fields),
    )  # fmt: skip
    for result in answer["results"]:
        result["configs"] = by_name(result["configs"])
    return answer


def change(broker: Broker, topic: str, *configs: tuple[Any, ...], version: int = 1, validate_only: bool = False) -> Any:
    """Change some configs of a topic, and say what it has then."""
    changed = [resource(TOPIC, topic, configs)]
    answer = broker.ask("incremental_alter_configs", version, resources=changed, validate_only=validate_only)
    return {"answer": answer["responses"], "then": overrides(broker, topic)}


def replace(
    broker: Broker, topic: str, *configs: tuple[Any, ...], version: int = 2, validate_only: bool = False
) -> Any:
    """Replace the configs of a topic, and say what it has then."""
    changed = [resource(TOPIC, topic, configs)]
    answer = broker.ask("alter_configs", version, resources=changed, validate_only=validate_only)
    return {"answer": answer["responses"], "then": overrides(broker, topic)}


def overrides(broker: Broker, topic: str) -> dict[str, str]:
    """Give the configs that were set for a topic."""
    broker.settle()
    [result] = describe(broker, TOPIC, topic)["results"]
    return {name: entry["value"] for name, entry in result["configs"].items() if entry["config_source"] == 1}


def description(broker: Broker) -> Iterator[Step]:
    """Describe a topic and the broker, whole and in parts, and what is not there."""
    topic = broker.topic("described", retention_ms="5000", cleanup_policy="compact,delete", flush_ms="9")
    for version in range(1, 5):
        yield f"a topic in version {version}", describe(broker, TOPIC, topic, version=version)
    yield "without synonyms", describe(broker, TOPIC, topic, ["retention.ms", "flush.messages"], synonyms=False)
    yield "the broker", describe(broker, BROKER, "1")
    for keys in (["retention.ms"], ["no.such"], [], ["retention.ms", "flush.ms"], ["num.partitions"]):
        yield f"of a topic {keys}", describe(broker, TOPIC, topic, keys)
        if keys:
            yield f"of the broker {keys}", describe(broker, BROKER, "1", keys)
    for name in ("is-not-there", "", "a b", "x" * 250):
        yield f"the topic {name[:12]!r}", describe(broker, TOPIC, name, ["retention.ms"])
    for name in ("2", "x", "-1"):
        yield f"the broker {name!r}", describe(broker, BROKER, name, ["num.partitions"])
    yield "the defaults of all brokers", describe(broker, BROKER, "", ["num.partitions"])
    for kind in (0, 1, 3, 5, 16, 32, 99):
        yield f"type {kind}", describe(broker, kind, "x", ["no.such"])
    twice = [{"resource_type": TOPIC, "resource_name": topic, "configuration_keys": ["retention.ms"]}] * 2
    yield "a topic twice", describe(broker, TOPIC, topic, resources=twice)
    yield "nothing", describe(broker, TOPIC, topic, resources=[])


def values(broker: Broker) -> Iterator[Step]:
    """Set every config of a topic to values inside and outside of what it allows."""
    topic = broker.topic("valued")
    for name, (kind, *more) in TOPIC_CONFIGS.items():
        tried = list(dict.fromkeys((*VALUES.get(kind, ()), *more)))
        for value in tried:
            changed = [resource(TOPIC, topic, [(name, value)])]
            answer = broker.ask("incremental_alter_configs", 1, resources=changed, validate_only=True)
            yield f"{name} {value!r}", answer["responses"][0]["error_code"]
    for pair in (
        (("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "9")),
        (("max.compaction.lag.ms", "5"),),
        (("retention.ms", "10"), ("local.retention.ms", "11")),
        (("segment.bytes", "1048576"), ("max.message.bytes", "2000000")),
    ):
        changed = [resource(TOPIC, topic, pair)]
        answer = broker.ask("incremental_alter_configs", 1, resources=changed, validate_only=True)
        yield f"{pair}", answer["responses"][0]["error_code"]


def single_changes(broker: Broker) -> Iterator[Step]:
    """Set, delete, append and subtract, in ways that are right and wrong."""
    topic = broker.topic("changed", cleanup_policy="compact,delete")
    for version in range(2):
        yield f"set in version {version}", change(broker, topic, ("retention.ms", f"{version}"), version=version)
    for operation in (SET, DELETE, APPEND, SUBTRACT, 4, -1):
        for name, value in (
            ("cleanup.policy", "compact"), ("cleanup.policy", "delete"), ("retention.ms", "77"), ("no.such", "1"),
            ("cleanup.policy", "x"), ("cleanup.policy", None), ("retention.ms", None), ("cleanup.policy", ""),
            ("compression.type", "producer"), ("leader.replication.throttled.replicas", "0:1"),
            ("flush.ms", "12"),
        ):  # fmt: skip
            checked = change(broker, topic, (name, value, operation), validate_only=True)
            yield f"operation {operation} of {name} {value!r}", checked
    story: dict[str, list[tuple[Any, ...]]] = {
        "set": [("cleanup.policy", "delete")],
        "append what is there": [("cleanup.policy", "delete", APPEND)],
        "append": [("cleanup.policy", "compact", APPEND)],
        "append two": [("cleanup.policy", "compact,delete", APPEND)],
        "subtract": [("cleanup.policy", "delete", SUBTRACT)],
        "subtract what is not there": [("cleanup.policy", "delete", SUBTRACT)],
        "delete": [("cleanup.policy", None, DELETE)],
        "delete what is not set": [("cleanup.policy", None, DELETE)],
        "delete with a value": [("flush.ms", "5", DELETE)],
        "append to the default": [("cleanup.policy", "compact", APPEND)],
        "set one twice": [("flush.ms", "1"), ("flush.ms", "2")],
        "set and delete one": [("flush.ms", "1"), ("flush.ms", None, DELETE)],
        "append and subtract": [("cleanup.policy", "delete", APPEND), ("cleanup.policy", "compact", SUBTRACT)],
        "one good and one bad": [("flush.ms", "3"), ("retention.ms", "x")],
        "one good and one unknown": [("flush.ms", "3"), ("no.such", "x")],
        "an empty name": [("", "1")],
        "no changes": [],
    }
    for why, changes in story.items():
        yield f"{why}, only checked", change(broker, topic, *changes, validate_only=True)
        yield why, change(broker, topic, *changes)
    for why, answer in resources(broker, topic, "incremental_alter_configs", 1):
        yield why, answer
    twice = [resource(TOPIC, topic, [("retention.ms", "5")])] * 2
    yield "a topic twice", broker.ask("incremental_alter_configs", 1, resources=twice, validate_only=True)


def replacements(broker: Broker) -> Iterator[Step]:
    """Replace a topic's configs, in ways that are right and wrong."""
    topic = broker.topic("replaced", retention_ms="5", flush_ms="6")
    yield "only checked", replace(broker, topic, ("retention.ms", "7"), validate_only=True)
    for version in range(3):
        yield f"in version {version}", replace(broker, topic, ("retention.ms", f"{version}"), version=version)
    wanted: dict[str, list[tuple[Any, ...]]] = {
        "an unknown one": [("no.such", "1")],
        "a bad value": [("retention.ms", "x"), ("flush.ms", "1")],
        "no value": [("retention.ms", None)],
        "one twice": [("retention.ms", "1"), ("retention.ms", "2")],
        "an empty name": [("", "1")],
        "others": [("flush.ms", "1"), ("cleanup.policy", "compact")],
        "none": [],
    }
    for why, configs in wanted.items():
        yield why, replace(broker, topic, *configs)
    for why, answer in resources(broker, topic, "alter_configs", 2):
        yield why, answer


def resources(broker: Broker, topic: str, api: str, version: int) -> Iterator[Step]:
    """Change resources of every type, and more than one at once."""

    def ask(*changed: dict[str, Any]) -> Any:
        return sorted(broker.ask(api, version, resources=changed, validate_only=True)["responses"], key=str)

    retention = [("retention.ms", "5")]
    for name in ("is-not-there", "", "a b", "x" * 250):
        yield f"the topic {name[:12]!r}", ask(resource(TOPIC, name, retention))
    for name in ("1", "", "2", "x"):
        for config, value in (("no.such", "1"), ("node.id", "5"), ("num.partitions", "x")):
            yield f"{config} of the broker {name!r}", ask(resource(BROKER, name, [(config, value)]))
        yield f"the broker {name!r} without changes", ask(resource(BROKER, name, []))
    for kind in (0, 1, 3, 5, 8, 99):
        yield f"type {kind}", ask(resource(kind, "x", retention))
    yield "a good and a bad topic", ask(resource(TOPIC, topic, retention), resource(TOPIC, "is-not-there", retention))
    yield "no resources", ask()


SCRIPTS = {
    "describe configs": description, "config values": values, "alter configs": replacements,
    "incremental alter configs": single_changes,
}  # fmt: skip
