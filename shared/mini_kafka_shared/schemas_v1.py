"""The models of the /v1 API that are plain JSON, as the broker checks them and the services send them.

Only shapes and names. A field that a wish does not know is refused: a mistyped config would otherwise be lost unseen.
Records are read and written by the broker's listener in more forms than one; here they are as the services need them.
"""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mini_kafka_shared.schemas import Name


def _as_text(value: object) -> object:
    """Write a config's value as Kafka does: JSON's numbers and truths are as good as their text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


ConfigValue = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int | float | bool)]
"""A config's value; Kafka's are texts."""

Configs = Annotated[
    dict[str, ConfigValue],
    Field(description="configs by Kafka's names", examples=[{"retention.ms": "3600000"}]),
]
Partitions = Annotated[int, Field(ge=1, le=1_000_000, strict=True, description="how many partitions", examples=[3])]


class Wish(BaseModel):
    """What a client asks for: a field that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Shown(BaseModel):
    """What the broker answers; a client ignores what it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TopicWish(Wish):
    """How a topic is to be; what is not said is the broker's default."""

    partitions: Partitions | None = None
    configs: Configs = Field(default_factory=dict)


class TopicChange(TopicWish):
    """What is to be different about a topic; what is not said stays."""


class TopicPartitionDetails(Shown):
    """A partition's bounds; the high watermark is the offset of the next record."""

    partition: int
    log_start_offset: int
    high_watermark: int


class TopicDetails(Shown):
    """A topic with everything that there is to know about it."""

    name: str
    topic_id: UUID
    records: int = Field(description="the records held, over all partitions")
    configs: dict[str, str]
    partitions: list[TopicPartitionDetails]


class TopicSummary(Shown):
    """A topic in a list."""

    name: str
    partitions: int
    records: int


class TopicList(Shown):
    """All topics."""

    topics: list[TopicSummary]


class PartitionOffset(Shown):
    """An offset in a partition."""

    partition: int
    offset: int


class TopicOffsets(Shown):
    """An offset in each partition of a topic."""

    topic: str
    offsets: list[PartitionOffset]


class Broker(Shown):
    """What this broker is."""

    version: str
    epoch: str = Field(description="a random id of this life of the log; another start has another one")
    engine: str = Field(description="what answers: `memory` keeps records in RAM, `kafka` is a gateway to a cluster")
    gateway: str | None = Field(default=None, description="which of a cluster's gateways answers, by its name, or null")
    kafka: str | None = Field(default=None, description="where Kafka clients connect, as HOST:PORT, or null")
    limits: dict[str, int | float] = Field(
        description="what a client has to keep within, by the names of the settings, in bytes, ms or s",
        examples=[{"max_body_bytes": 8388608}],
    )


class TextRecord(Wish):
    """A record to append, whose key and value are text."""

    value: str
    key: str | None = None


class ProduceRequest(Wish):
    """Append records, all of them or none."""

    records: list[TextRecord]


class RecordPlace(Shown):
    """Where an appended record lies."""

    partition: int
    offset: int = Field(ge=0)


class Produced(Shown):
    """Where the records of a request lie, in their order."""

    records: list[RecordPlace]


class GroupSummary(Shown):
    """A group in a list."""

    name: str
    kind: str = Field(
        description="`offsets`: somebody commits; `shared`: its members acquire records; `classic`: Kafka consumers"
    )
    state: str = Field(
        description="`Stable` while somebody is at work, otherwise `Empty`; `PreparingRebalance` and "
        "`CompletingRebalance` while Kafka consumers share out their partitions"
    )
    members: int


class GroupList(Shown):
    """All groups."""

    groups: list[GroupSummary]


class AssignedTopic(Shown):
    """The partitions of a topic that a Kafka consumer reads."""

    topic: str
    partitions: list[int]


class GroupMemberDetails(Shown):
    """Somebody at work in a group, and how many records it has locked; the rest is a Kafka consumer's."""

    member: str | None
    in_flight: int
    client_id: str | None = None
    host: str | None = None
    instance_id: str | None = Field(default=None, description="the name of a static member (group.instance.id)")
    assignment: list[AssignedTopic] = Field(default_factory=list)


class GroupPartitionDetails(Shown):
    """Where a group stands in a partition; the counts are records of a shared group that are in flight."""

    topic: str
    partition: int
    committed_offset: int
    log_end_offset: int
    lag: int
    acquired: int = 0
    available: int = 0
    delayed: int = 0
    condemned: int = 0


class GroupDetails(Shown):
    """A group with everything that there is to know about it."""

    name: str
    kind: str
    state: str
    members: list[GroupMemberDetails]
    partitions: list[GroupPartitionDetails]


class OffsetWish(Wish):
    """Where a group is to go in a topic: exactly one of `offset`, `to`, `shift_by` and `group`."""

    topic: str
    partition: Annotated[int, Field(ge=0, strict=True)] | None = None
    offset: Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)] | None = None
    to: str | None = Field(default=None, description="earliest, latest, an ISO time, or 10m for ten minutes ago")
    shift_by: Annotated[int, Field(ge=-(2**63), le=2**63 - 1, strict=True)] | None = None
    group: str | None = Field(default=None, description="where this group stands")

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        given = [name for name in ("offset", "to", "shift_by", "group") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of offset, to, shift_by and group, not {' and '.join(given) or 'none'}")
        return self


class OffsetWishes(Wish):
    """Where a group is to go."""

    offsets: list[OffsetWish]


class OffsetMove(Shown):
    """From where to where a group moved in a partition; `before` is null where it had committed nothing."""

    topic: str
    partition: int
    before: int | None
    after: int


class OffsetMoves(Shown):
    """What moved, or what would."""

    dry_run: bool
    offsets: list[OffsetMove]


class MemberReleased(Shown):
    """How many records came back."""

    released: int


class AcquireRequest(Wish):
    """Lock records of some topics."""

    topics: list[Name] = Field(min_length=1, max_length=1000)
    max_records: int = Field(default=100, ge=1, strict=True)
    wait_ms: int = Field(default=0, ge=0, strict=True, description="wait so long for the first record")
    lock_ms: int = Field(default=30_000, ge=1, strict=True, description="how long the records are locked")
    member: str | None = Field(
        default=None, min_length=1, max_length=249, description="who asks; its records can be released together"
    )


class AcquiredRecord(Shown):
    """A locked record: bytes that are not UTF-8 come as base64, and a record that cannot be read without any value."""

    topic: str
    partition: int
    offset: int
    key: str | None = None
    key_base64: str | None = None
    value: str | None = None
    value_base64: str | None = None
    decode_error: str | None = None
    delivery_count: int = Field(ge=1, description="how often the record has been given to somebody, this time included")
    lock: str


class AcquiredRecords(Shown):
    """What a member has locked, and with fewer words the locks on all of it: one a run of consecutive records."""

    records: list[AcquiredRecord]
    locks: list[str] = Field(default_factory=list)


class ReleaseLater(Wish):
    """A lock to give back, whose record nobody gets for a while."""

    lock: str
    delay_ms: int = Field(default=0, ge=0, strict=True)


class AcknowledgeRequest(Wish):
    """What became of records, by their locks: those of single records or of runs."""

    accept: list[str] = Field(default_factory=list)
    release: list[str | ReleaseLater] = Field(default_factory=list)
    reject: list[str] = Field(default_factory=list)
    renew: list[str] = Field(default_factory=list)
    lock_ms: int = Field(default=30_000, ge=1, strict=True, description="how long a renewed lock lasts from now")


class Acknowledged(Shown):
    """How many records each part reached, and the lock of each record that was no longer held."""

    accepted: int
    released: int
    rejected: int
    renewed: int
    expired: list[str]
