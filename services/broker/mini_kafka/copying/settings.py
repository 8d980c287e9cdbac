"""The settings of `mini-kafka copy`: flags and `COPY_*`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from mini_kafka.copying.state import default_folder
from mini_kafka_shared.logging_setup import LogFormat, LogLevel
from mini_kafka_shared.settings import BrokerUrl, BrokerWait, CommaSeparated, KafkaNames, Settings

ALL, NONE = "all", "none"
"""The words for every group and for no group."""


class CopySettings(Settings):
    """Copying topics from one broker to another: `mini-kafka copy`."""

    model_config = SettingsConfigDict(env_prefix="COPY_")

    from_: BrokerUrl = Field(title="URL", description="The HTTP API of the broker that has the topics.")
    to: BrokerUrl = Field(title="URL", description="The HTTP API of the broker that gets them.")
    topic: KafkaNames = Field(title="NAME", description="The topics to copy; may be given often.")
    groups: CommaSeparated = Field(
        default=(ALL,),
        title="NAME",
        description="The groups whose committed offsets to copy; may be given often. all: every group, none: no group.",
    )
    configs: Literal["source", "target"] = Field(
        default="source",
        title="SIDE",
        description="Whose configs a topic has at the target: those of the source, or the target's own.",
    )
    verify_only: bool = Field(default=False, description="Copy nothing: compare what is on both sides.")
    state: Path = Field(
        default_factory=default_folder,
        title="FOLDER",
        description="Where to keep how far each topic is. Unset: mini-kafka-copy in XDG_STATE_HOME or ~/.local/state.",
    )
    broker_wait: BrokerWait = Field(
        default=60.0, description="How long to wait for a side that is not there or overloaded, at the start and later."
    )
    log_level: LogLevel = "info"
    log_format: LogFormat = "pretty"

    @field_validator("topic")
    @classmethod
    def _topics_are_named(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        if not topics:
            raise ValueError("names no topic")
        return tuple(dict.fromkeys(topics))
