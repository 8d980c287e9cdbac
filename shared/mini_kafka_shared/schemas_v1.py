"""The models of the /v1 API that are plain JSON; records have forms of their own, in the broker's listener.

Only shapes and names. A field that a wish does not know is refused: a mistyped config would otherwise be lost unseen.
"""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


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
Partitions = Annotated[int, Field(ge=1, strict=True, description="how many partitions", examples=[3])]


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


class TopicChange(Wish):
    """What is to be different about a topic."""

    partitions: Partitions | None = None
    configs: Configs = Field(default_factory=dict)


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


class BrokerLimits(Shown):
    """What a client has to keep within."""

    max_body_bytes: int
    max_records_per_request: int
    max_streams: int


class Broker(Shown):
    """What this broker is."""

    version: str
    epoch: str = Field(description="a random id of this life of the log; another start has another one")
    engine: str = Field(description="what answers: `memory` keeps records in RAM")
    limits: BrokerLimits
