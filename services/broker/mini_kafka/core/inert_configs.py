"""Topic configs of Apache Kafka 4.3 that mean nothing to a log in RAM: checked, kept and shown, and without effect.

Clients and tools set them as a matter of course (segments, flushes, replicas), and refusing them would refuse the
topic. What would be a promise that this broker does not keep is refused all the same: compression by the broker, and
remote storage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}")
"""What Java's Long.parseLong takes: no 1_000."""


@dataclass(frozen=True, slots=True)
class InertConfig:
    """One config: Kafka's type and default, and what it takes."""

    kind: str
    default: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""

    @property
    def allowed(self) -> str:
        """Say in words what it takes."""
        if self.example:
            return self.example
        return " or ".join(self.choices) or f"an integer from {self.low} to {self.high}"

    def takes(self, text: str) -> bool:
        """Tell whether a value is allowed; `text` has no blanks around it, which mean nothing to Kafka."""
        if self.choices:
            return (text.lower() if self.kind == "boolean" else text) in self.choices
        if self.pattern:
            return re.fullmatch(self.pattern, text) is not None
        return INTEGER.fullmatch(text) is not None and self.low <= int(text) <= self.high


def _int(default: int, low: int = 0, high: int = INT32_MAX) -> InertConfig:
    return InertConfig("int", str(default), low, high)


def _long(default: int, low: int = 0) -> InertConfig:
    return InertConfig("long", str(default), low, INT64_MAX)


_FLAG = InertConfig("boolean", "false", choices=("true", "false"))
_OFF = InertConfig("boolean", "false", choices=("false",))
_REPLICAS = InertConfig(
    "list", "", pattern=r"\*?|\d+:\d+(,\d+:\d+)*", example="*, or PARTITION:BROKER,PARTITION:BROKER,…"
)

INERT_CONFIGS: Mapping[str, InertConfig] = {
    "compression.gzip.level": InertConfig("int", "-1", pattern=r"-1|\+?[1-9]", example="-1, or 1 to 9"),
    "compression.lz4.level": _int(9, 1, 17),
    "compression.type": InertConfig(
        "string",
        "producer",
        choices=("producer",),
        example="producer: batches stay as they came, so let the producer compress them",
    ),
    "compression.zstd.level": _int(3, -131072, 22),
    "file.delete.delay.ms": _long(60_000),
    "flush.messages": _long(INT64_MAX, 1),
    "flush.ms": _long(INT64_MAX),
    "follower.replication.throttled.replicas": _REPLICAS,
    "index.interval.bytes": _int(4096),
    "leader.replication.throttled.replicas": _REPLICAS,
    "local.retention.bytes": _long(-2, -2),
    "local.retention.ms": _long(-2, -2),
    "min.insync.replicas": _int(1, 1),
    "preallocate": _FLAG,
    "remote.log.copy.disable": _FLAG,
    "remote.log.delete.on.disable": _FLAG,
    "remote.storage.enable": _OFF,
    "segment.bytes": _int(1_073_741_824, 1_048_576),
    "segment.index.bytes": _int(10_485_760, 4),
    "segment.jitter.ms": _long(0),
    "segment.ms": _long(604_800_000, 1),
    "unclean.leader.election.enable": _FLAG,
}
