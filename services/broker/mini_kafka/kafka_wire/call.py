"""What a handler gets and gives: an API, one call of it, and the connection that it came on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from mini_kafka.engine.log_port import LogEngine
from mini_kafka.engine.port import Caller
from mini_kafka.kafka_wire.bounds import AnswerMemory, WireLimits
from mini_kafka.kafka_wire.config_answers import BrokerConfigs, BrokerSetting
from mini_kafka.kafka_wire.primitives import MAX_ELEMENTS
from mini_kafka.listening import Address

DOOR = "kafka"

Body: TypeAlias = bytes | Sequence[bytes]
"""A response's body, in one piece or in several: large ones are never copied together."""
Answer: TypeAlias = Body | None
"""What is sent back; None where the protocol answers nothing (a produce with acks=0)."""


@dataclass(frozen=True, slots=True)
class Api:
    """One API: its key, its name, the versions that are answered, and from which one on it is flexible (KIP-482).

    A handler is a plain function, or a coroutine function where it has to wait. The next request of the same connection
    is not looked at before this one is answered: that is Kafka's order too. When the client hangs up, a
    waiting handler is cancelled.
    """

    key: int
    name: str
    lowest: int
    highest: int
    flexible_from: int
    handle: Callable[["Call"], Answer | Awaitable[Answer]]

    def is_flexible(self, version: int) -> bool:
        """Whether a version's strings and arrays are compact, and its structures have tagged fields."""
        return version >= self.flexible_from


class Request(NamedTuple):
    """A request as the session found it: the header's values, and the body as it came."""

    api: Api
    version: int
    correlation_id: int
    client_id: str | None
    body: memoryview
    max_elements: int = MAX_ELEMENTS
    """How many array elements and tagged fields it may have."""

    @property
    def is_flexible(self) -> bool:
        """Whether this version's strings and arrays are compact, and its structures have tagged fields."""
        return self.api.is_flexible(self.version)


@dataclass(frozen=True, slots=True)
class BrokerIdentity:
    """Who this broker says it is, on every connection, and what it has written down to say again."""

    node_id: int
    cluster_id: str
    configs: Mapping[str, BrokerSetting] = field(default_factory=dict, compare=False)
    """The broker's own settings, by Kafka's names."""
    written_topics: dict[tuple[int, bool], tuple[int, bytes]] = field(default_factory=dict, compare=False)
    """The topics of Metadata's answers about all topics, by version and whether they have operations: after how many
    changes, and the bytes."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What the requests of one connection share: whom to ask, who we are, and where this client reaches us."""

    engine: LogEngine
    identity: BrokerIdentity
    advertised: Address
    peer: str
    answers: AnswerMemory = field(default_factory=lambda: AnswerMemory(WireLimits()), compare=False)
    """What answers of all connections hold, which says how much a fetch may give."""


class Call(NamedTuple):
    """One request on its way through its handler."""

    request: Request
    connection: Connection

    @property
    def version(self) -> int:
        """The version of the API that the request has, and the answer must have."""
        return self.request.version

    @property
    def engine(self) -> LogEngine:
        """Whom to ask."""
        return self.connection.engine

    @property
    def broker_configs(self) -> BrokerConfigs:
        """The broker's configs as they are now."""
        return BrokerConfigs(self.connection.identity.configs, self.engine.topic_admin.changed_defaults)

    @property
    def caller(self) -> Caller:
        """Who asks, in the engine's terms."""
        return Caller(DOOR, self.request.client_id or "", self.connection.peer)
