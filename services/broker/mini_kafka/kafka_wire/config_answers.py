"""How configs look in answers: types, sources and synonyms as Kafka numbers and names them."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from mini_kafka.core.topic_config import ConfigEntry

TOPIC_OVERRIDE, BROKER_SETTING, DEFAULT = 1, 4, 5
TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
"""The types of resources that have configs."""

_KINDS = {
    "boolean": 1, "string": 2, "int": 3, "short": 4, "long": 5, "double": 6, "list": 7, "class": 8, "password": 9,
}  # fmt: skip

# Where a topic's config comes from when its own name with "log." in front is not the broker's name for it.
_BROKER_NAMES = {
    "compression.gzip.level": "compression.gzip.level",
    "compression.lz4.level": "compression.lz4.level",
    "compression.type": "compression.type",
    "compression.zstd.level": "compression.zstd.level",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "flush.ms": "log.flush.interval.ms",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
    "max.message.bytes": "message.max.bytes",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
    "min.insync.replicas": "min.insync.replicas",
    "segment.index.bytes": "log.index.size.max.bytes",
    "segment.jitter.ms": "log.roll.jitter.ms",
    "segment.ms": "log.roll.ms",
    "unclean.leader.election.enable": "unclean.leader.election.enable",
}


NO_EFFECT = "Shown as Kafka shows it, and without effect: there is one broker, and its log lies in memory."
ONLY_AT_START = "It does not change while the broker runs."


class BrokerSetting(NamedTuple):
    """One of the broker's own settings, as text, whether somebody set it, and what it is for."""

    value: str
    is_set: bool
    documentation: str = ""


@cache
def _kafka_defaults() -> Mapping[str, tuple[str, str | None]]:
    """Read the type and the default of every broker config of Apache Kafka 4.3.1.

    What has no setting here is without effect, and is shown as Kafka would show it.
    """
    lines = resources.files(__package__).joinpath("broker_configs.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {name: (kind, default[0] if default else None) for name, kind, *default in rows}


def broker_entries(settings: Mapping[str, BrokerSetting], *, synonyms: bool) -> Iterable[dict[str, Any]]:
    """Describe the broker's configs; none can be changed while it runs."""
    for name, (kind, default) in _kafka_defaults().items():
        setting = settings.get(name)
        is_set = setting is not None and setting.is_set
        # What nobody set and Kafka has no default for comes from another name there: hours for milliseconds.
        value = default if setting is None or not (is_set or (default and setting.value)) else setting.value
        documentation = NO_EFFECT if setting is None else f"{setting.documentation} {ONLY_AT_START}"
        source = BROKER_SETTING if is_set else DEFAULT
        own = [{"name": name, "value": value, "source": source}] if value is not None else []
        described = _entry(name, kind, value, source, own if synonyms else [], read_only=True)
        yield described | {"documentation": documentation}


def topic_entries(
    entries: Iterable[ConfigEntry], settings: Mapping[str, BrokerSetting], *, synonyms: bool = False
) -> Iterable[dict[str, Any]]:
    """Describe a topic's configs, each with where its value comes from."""
    for entry in entries:
        broker_name = _BROKER_NAMES.get(entry.name, f"log.{entry.name}")
        broker = settings.get(broker_name)
        below = BROKER_SETTING if broker is not None and broker.is_set else DEFAULT
        chain = [{"name": entry.name, "value": entry.value, "source": TOPIC_OVERRIDE}] if entry.is_override else []
        # Kafka names no default that stands under another name: log.retention.ms has none, log.retention.hours has.
        _, default = _kafka_defaults().get(broker_name, ("", None))
        if default is not None or below == BROKER_SETTING:
            chain += [{"name": broker_name, "value": entry.default, "source": below}]
        source = TOPIC_OVERRIDE if entry.is_override else below
        described = _entry(entry.name, entry.kind, entry.value, source, chain if synonyms else [], read_only=False)
        takes = f"Takes {entry.allowed}."
        yield described | {"documentation": takes if entry.has_effect else f"{takes} {NO_EFFECT}"}


def _entry(
    name: str, kind: str, value: str | None, source: int, synonyms: list[dict[str, Any]], *, read_only: bool
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "read_only": read_only,
        "config_source": source,
        "is_sensitive": kind == "password",
        "synonyms": synonyms,
        "config_type": _KINDS[kind],
    }
