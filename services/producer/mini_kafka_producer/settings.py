"""The producer's settings: flags, `PRODUCER_*` and `BROKER_URL`."""

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from mini_kafka_shared.logging_setup import LogFormat, LogLevel
from mini_kafka_shared.settings import BrokerUrl, BrokerWait, KafkaName, Settings

STANDARD_INPUT = "-"
GENERATOR_RATE = 2.0
"""Messages a second of the endless generator: enough to see that it runs, slow enough to read along."""


class ProducerSettings(Settings):
    """The producer: `mini-kafka-producer`."""

    model_config = SettingsConfigDict(env_prefix="PRODUCER_")

    broker: BrokerUrl = Field(
        default="http://127.0.0.1:8000",
        validation_alias="BROKER_URL",
        title="URL",
        description="Where the broker's HTTP API is.",
    )
    topic: KafkaName = Field(default="demo", description="The topic to publish to; created if it is not there.")
    count: int = Field(default=0, ge=0, description="Stop after so many messages; 0 for no limit.")
    rate: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        title="N",
        description=f"Messages a second; 0 for no limit. Unset: {GENERATOR_RATE:g} without --input, no limit with it.",
    )
    producer_id: KafkaName | None = Field(
        validation_alias="PRODUCER_ID",
        default=None,
        title="ID",
        description="The producer's name; made up by the broker if it is not given.",
    )
    batch: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Send up to so many messages in one request. A batch that has to be sent again is not there twice.",
    )
    linger_ms: int = Field(
        default=0,
        ge=0,
        le=86_400_000,
        description="How long a batch that is not full waits for more, in milliseconds (Kafka's linger.ms).",
    )
    key: str | None = Field(
        default=None, description="The key of every message; {n} in it becomes the line's number, from 1."
    )
    input: str | None = Field(
        default=None,
        title="PATH",
        description="The file whose lines to publish, or - for standard input. Unset: a generator of greetings.",
    )
    follow: bool = Field(
        default=False, description="Go on at the end of the --input file, and when it is rotated, like tail -F."
    )
    broker_wait: BrokerWait = 60.0
    log_level: LogLevel = "info"
    log_format: LogFormat = "pretty"

    @field_validator("follow")
    @classmethod
    def _follow_needs_a_file(cls, follow: bool, others: ValidationInfo) -> bool:
        if follow and others.data.get("input", "refused already") in {None, STANDARD_INPUT}:
            raise ValueError("needs a file to follow: give --input PATH")
        return follow

    @field_validator("key")
    @classmethod
    def _key_is_text(cls, key: str | None) -> str | None:
        try:
            (key or "").encode()
        except UnicodeEncodeError as error:
            raise ValueError("is not UTF-8") from error
        return key

    @property
    def messages_per_second(self) -> float:
        """The rate to keep; 0 is no limit."""
        if self.rate is not None:
            return self.rate
        return GENERATOR_RATE if self.input is None else 0.0
