"""The listener's limits: the numbers, and what is held against those that all requests share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mini_kafka.http_api.error_table import TOO_MANY_BODIES, TOO_MANY_STREAMS, ErrorKind
from mini_kafka.http_api.errors import RequestRefused


class Held:
    """How much of one thing all requests hold together, with a limit that has a name."""

    def __init__(self, what: str, kind: ErrorKind, limit: int) -> None:
        self._what = what
        self._kind = kind
        self._limit = limit
        self.held = 0

    def hold(self, amount: int = 1) -> None:
        """Count `amount` more.

        Raises:
            RequestRefused: 503, it would be over the limit, and nothing was counted.
        """
        if self.held + amount > self._limit:
            raise RequestRefused(
                self._kind,
                f"{self._what} fill {self._kind.settings[0]} ({self._limit}): try again later, or raise the limit",
            )
        self.held += amount

    def give_back(self, amount: int = 1) -> None:
        """Count `amount` less."""
        self.held -= amount

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one as long as the context lasts."""
        self.hold()
        try:
            yield
        finally:
            self.give_back()


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The listener's limits.

    Bytes of one body, of one that is not about records, of all bodies on their way, records of a request, open streams,
    partitions that /metrics shows.
    """

    body_bytes: int
    buffered_body_bytes: int
    control_body_bytes: int = 256 * 1024
    request_records: int = 10_000
    streams: int = 1000
    metrics_partitions: int = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """One connection's limits: how long its client may take, in seconds, and how much it may send, in bytes."""

    header: float = 10
    body: float = 30
    idle: float = 60
    head_bytes: int = 65_536
    pipelined: int = 100
    """Requests that wait behind the one that is answered; more than that is no client that reads."""
    pipelined_body_bytes: int = 65_536
    """What is kept of the body of a request whose turn has not come."""


class Bounds:
    """The limits, what is held against them, and what `GET /v1` says of the broker around this listener."""

    def __init__(self, limits: HttpLimits, shown: Mapping[str, int | float] | None = None) -> None:
        self.limits = limits
        self.shown = dict(shown or {})
        """Every limit of the broker, this listener's or not, by the name of its setting."""
        self.kafka_address: str | None = None
        """Where the Kafka port listens, as HOST:PORT; None where there is none."""
        self.draining = False
        """Whether the broker stops in a moment: /readyz then sends load balancers elsewhere, and all else goes on."""
        self.buffered = Held("other requests' bodies", TOO_MANY_BODIES, limits.buffered_body_bytes)
        self.streams = Held("open streams", TOO_MANY_STREAMS, limits.streams)
