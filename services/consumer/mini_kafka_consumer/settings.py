"""The consumer's settings: flags, `CONSUMER_*` and `BROKER_URL`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from mini_kafka_shared.logging_setup import LogFormat, LogLevel
from mini_kafka_shared.settings import BrokerUrl, BrokerWait, KafkaName, Settings

STANDARD_OUTPUT = "-"


class ConsumerSettings(Settings):
    """The consumer: `mini-kafka-consumer`."""

    model_config = SettingsConfigDict(env_prefix="CONSUMER_")

    broker: BrokerUrl = Field(
        default="http://127.0.0.1:8000",
        validation_alias="BROKER_URL",
        title="URL",
        description="Where the broker's HTTP API is.",
    )
    topic: KafkaName = Field(default="demo", description="The topic to read; created if it is not there.")
    consumer_id: KafkaName | None = Field(
        validation_alias="CONSUMER_ID",
        default=None,
        title="ID",
        description="The consumer's name, under which the broker keeps its offset; made up by the broker if it is "
        "not given. With --group only the copy's name in its output.",
    )
    group: KafkaName | None = Field(
        default=None,
        description="Share the messages with every consumer of this group, each handled at least once. Unset: get "
        "every message, at most once.",
    )
    at_most_once: bool = Field(
        default=False,
        description="In a group, accept each message before it is handled: one that fails, or whose consumer dies, "
        "is lost instead of handled again.",
    )
    max_poll_records: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="How many messages a member of a group acquires at once (Kafka's max.poll.records): what others "
        "have to wait for when it dies.",
    )
    lock_ms: int = Field(
        default=30_000,
        ge=100,
        le=86_400_000,
        description="How long they are locked for it, in milliseconds (Kafka's group.share.record.lock.duration.ms): "
        "more than handling one takes.",
    )
    retry_backoff_ms: int = Field(
        default=1000,
        ge=0,
        description="How long a message whose handling failed waits until a member gets it again, in milliseconds; "
        "twice as long each time.",
    )
    poll_interval: float = Field(
        default=1.0,
        ge=0.01,
        allow_inf_nan=False,
        title="SECONDS",
        description="How long one poll waits at the broker for a message; at most 1 s at a time.",
    )
    output: str | None = Field(
        default=None,
        title="PATH",
        description="Append each message as a line of JSON to this file; - is standard output, and moves the "
        "lines for people to standard error.",
    )
    max_messages: int = Field(default=0, ge=0, description="Stop after so many messages; 0 for no limit.")
    exit_on_idle: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        title="SECONDS",
        description="Stop when no message came for so long. Unset: never.",
    )
    broker_wait: BrokerWait = 60.0
    log_level: LogLevel = "info"
    log_format: LogFormat = "pretty"
