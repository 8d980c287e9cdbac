"""The models of the guide's HTTP API, as the broker checks them and the services send them.

Only shapes and names: what a topic or an offset *means* is the broker's core. Unknown fields are ignored,
so that an older service goes on working with a newer broker.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^(?:\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,247}|[A-Za-z0-9_-][A-Za-z0-9._-]{248}|\.\.[A-Za-z0-9._-]{1,247})$"
"""1 to 249 of `[A-Za-z0-9._-]`, but neither `.` nor `..`: Kafka's rule for topic names."""

Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="1 to 249 letters, digits, '.', '_' or '-', and neither '.' nor '..'",
        examples=["orders"],
    ),
]


class Model(BaseModel):
    """A value of the HTTP contract: frozen, and deaf to fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TopicRegistration(Model):
    """Create a topic, or find it."""

    topic: Name


class ProducerRegistration(Model):
    """Announce a producer; the broker makes up a `producer_id` where none is given."""

    topic: Name
    producer_id: Name | None = Field(default=None, examples=["producer-1"])


class ConsumerRegistration(Model):
    """Announce a consumer; the broker makes up a `consumer_id` where none is given."""

    topic: Name
    consumer_id: Name | None = Field(default=None, examples=["consumer-1"])


class PublishRequest(Model):
    """Append one message to a topic."""

    topic: Name
    value: str = Field(examples=["hello"])
    key: str | None = Field(default=None, examples=["customer-42"])


class ConsumeRequest(Model):
    """Ask for a consumer's next message."""

    consumer_id: Name = Field(examples=["consumer-1"])
    wait_ms: int = Field(
        default=0,
        ge=0,
        strict=True,
        description="how long to wait for a message, in milliseconds, when there is none yet (a long poll);"
        " the broker cuts it to its own cap, 30 s unless set otherwise",
    )


class Message(Model):
    """One message, with its place in the topic."""

    topic: str
    offset: int = Field(ge=0, description="the message's place in its partition, counted from 0")
    value: str
    key: str | None = None
    partition: int = Field(default=0, ge=0, description="always 0 for a topic with one partition")


class TopicRegistered(Model):
    """The answer to TopicRegistration."""

    status: Literal["ok"] = "ok"
    topic: str


class ProducerRegistered(TopicRegistered):
    """The answer to ProducerRegistration."""

    producer_id: str


class ConsumerRegistered(TopicRegistered):
    """The answer to ConsumerRegistration."""

    consumer_id: str


class Published(Model):
    """The answer to PublishRequest."""

    status: Literal["ok"] = "ok"
    offset: int = Field(ge=0)


class ConsumerPosition(Model):
    """Where one consumer stands: the next offset that it reads, summed over the topic's partitions."""

    topic: str
    offset: int = Field(ge=0)


class Stats(Model):
    """What the broker holds: records by topic, and every consumer's place."""

    topics: dict[str, int]
    consumers: dict[str, ConsumerPosition]


class Problem(BaseModel):
    """The one error body of the HTTP API: RFC 9457, with FastAPI's `detail` and Kafka's name of the error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        description="the kind of error: a reference to its explanation at this broker",
        examples=["/errors/UNKNOWN_TOPIC_OR_PARTITION"],
    )
    title: str = Field(description="the kind of error in a few words")
    status: int = Field(description="the HTTP status again, for bodies that travel alone")
    detail: str = Field(description="what went wrong this time, and what to do about it")
    code: str = Field(description="Kafka's name of the error", examples=["UNKNOWN_TOPIC_OR_PARTITION"])
    request_id: str = Field(description="the request's name in the broker's log; the client's own X-Request-Id, if any")
    errors: list[dict[str, object]] | None = Field(default=None, description="each fault of a refused body")
    records: list[dict[str, int] | None] | None = Field(
        default=None, description="of records that a cluster took in part, the places of those that it took"
    )
