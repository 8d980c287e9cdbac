"""How configs look in answers: types, sources and synonyms as Kafka numbers and names them."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from itertools import dropwhile
from typing import Any, NamedTuple

from mini_kafka.core.inert_configs import INERT_CONFIGS
from mini_kafka.core.topic_config import CONFIGS, ConfigEntry
from mini_kafka.core.topic_defaults import Scope

TOPIC_OVERRIDE, OF_THIS_BROKER, OF_EVERY_BROKER, BROKER_SETTING, DEFAULT = range(1, 6)
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

# Names in larger units, from which Kafka takes a value where the finest has none.
_COARSER_NAMES = {
    "log.flush.interval.ms": ("log.flush.scheduler.interval.ms",),
    "log.retention.ms": ("log.retention.minutes", "log.retention.hours"),
    "log.roll.jitter.ms": ("log.roll.jitter.hours",),
    "log.roll.ms": ("log.roll.hours",),
}

NO_EFFECT = "Shown as Kafka shows it, and without effect: there is one broker, and its log lies in memory."
ONLY_AT_START = "It does not change while the broker runs."


class BrokerSetting(NamedTuple):
    """One of the broker's own settings, as text, whether somebody set it, its default, and what it is for."""

    value: str
    is_set: bool
    default: str
    documentation: str = ""


@cache
def _kafka_defaults() -> Mapping[str, tuple[str, str | None]]:
    """Read the type and the default of every broker config of Apache Kafka 4.3.1.

    What has no setting here is without effect, and is shown as Kafka would show it.
    """
    lines = resources.files(__package__).joinpath("broker_configs.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {name: (kind, default[0] if default else None) for name, kind, *default in rows}


def is_broker_config(name: str) -> bool:
    """Tell whether Kafka's broker has a config of this name."""
    return name in _kafka_defaults()


@cache
def topic_names() -> Mapping[str, str]:
    """Map the broker's names for the defaults of topics to the topics' names: they change while the broker runs."""
    named = {_BROKER_NAMES.get(name, f"log.{name}"): name for name in CONFIGS.keys() | INERT_CONFIGS.keys()}
    return {name: topic_name for name, topic_name in named.items() if name in _kafka_defaults()}


class BrokerConfigs:
    """The broker's configs at one moment: what it was started with, and changed since, by topics' names."""

    def __init__(self, settings: Mapping[str, BrokerSetting], changed: Mapping[Scope, Mapping[str, str]]) -> None:
        self.settings = settings
        self.changed = changed
        self._sources: dict[str, list[dict[str, Any]]] = {}

    def sources(self, name: str) -> list[dict[str, Any]]:
        """List a config's values, the one that counts first: Kafka's synonyms."""
        if name not in self._sources:
            self._sources[name] = self._find_sources(name)
        return self._sources[name]

    def _find_sources(self, name: str) -> list[dict[str, Any]]:
        setting, found = self.settings.get(name), []
        for scope, source in ((Scope.THIS_BROKER, OF_THIS_BROKER), (Scope.EVERY_BROKER, OF_EVERY_BROKER)):
            value = self.changed[scope].get(topic_names().get(name, ""))
            if value is not None:
                found.append((name, value, source))
        if setting is not None and setting.is_set:
            found.append((name, setting.value, BROKER_SETTING))
        for coarser in (name, *_COARSER_NAMES.get(name, ())):
            default = _default(coarser, self.settings.get(coarser))
            if default is not None:
                found.append((coarser, default, DEFAULT))
        found = list(dropwhile(lambda one: one[0] != name, found))  # as Kafka does: a coarser name alone says nothing
        return [{"name": name, "value": value, "source": source} for name, value, source in found]


def _default(name: str, setting: BrokerSetting | None) -> str | None:
    _, default = _kafka_defaults().get(name, ("", None))
    return setting.default if default and setting is not None and setting.default else default


def broker_entries(configs: BrokerConfigs, *, synonyms: bool) -> Iterable[dict[str, Any]]:
    """Describe the broker's configs: those that are defaults of topics can be changed while it runs."""
    for name, (kind, _) in _kafka_defaults().items():
        sources = configs.sources(name)
        value, source = (sources[0]["value"], sources[0]["source"]) if sources else (None, DEFAULT)
        read_only = name not in topic_names()
        described = _entry(name, kind, value, source, sources if synonyms else [], read_only=read_only)
        yield described | {"documentation": _documentation(name, configs.settings.get(name))}


def every_broker_entries(configs: BrokerConfigs, *, synonyms: bool) -> Iterable[dict[str, Any]]:
    """Describe what was changed for every broker, and nothing else."""
    for name, topic_name in topic_names().items():
        value = configs.changed[Scope.EVERY_BROKER].get(topic_name)
        if value is not None:
            own = [{"name": name, "value": value, "source": OF_EVERY_BROKER}]
            kind, _ = _kafka_defaults()[name]
            described = _entry(name, kind, value, OF_EVERY_BROKER, own if synonyms else [], read_only=False)
            yield described | {"documentation": _documentation(name, configs.settings.get(name))}


def _documentation(name: str, setting: BrokerSetting | None) -> str:
    topic_name = topic_names().get(name)
    if topic_name in CONFIGS:
        return f"The {topic_name} of every topic that has none of its own."
    return NO_EFFECT if setting is None else f"{setting.documentation} {ONLY_AT_START}"


def topic_entries(
    entries: Iterable[ConfigEntry], configs: BrokerConfigs, *, synonyms: bool = False
) -> Iterable[dict[str, Any]]:
    """Describe a topic's configs, each with where its value comes from."""
    for entry in entries:
        sources = configs.sources(_BROKER_NAMES.get(entry.name, f"log.{entry.name}"))
        if entry.is_override:
            sources = [{"name": entry.name, "value": entry.value, "source": TOPIC_OVERRIDE}, *sources]
        source = sources[0]["source"] if sources else DEFAULT
        described = _entry(entry.name, entry.kind, entry.value, source, sources if synonyms else [], read_only=False)
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
