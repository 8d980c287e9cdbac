"""What all requests share of the listener's limits: the numbers, and the counters that are held against them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from mini_kafka.http_api.errors import RequestRefused


class Held:
    """How much of one thing all requests hold together, with a limit that has a name."""

    def __init__(self, what: str, setting: str, limit: int) -> None:
        self._what = what
        self._setting = setting
        self._limit = limit
        self.held = 0

    def hold(self, amount: int = 1) -> None:
        """Count `amount` more.

        Raises:
            RequestRefused: 503, it would be over the limit, and nothing was counted.
        """
        if self.held + amount > self._limit:
            raise RequestRefused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._what} fill {self._setting} ({self._limit}): try again later, or raise the limit",
                retry_after_s=1,
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

    Bytes of one body, of all bodies on their way, records of a request, open streams, partitions that /metrics shows.
    """

    body_bytes: int
    buffered_body_bytes: int
    request_records: int = 10_000
    streams: int = 1000
    metrics_partitions: int = 10_000


class Bounds:
    """The limits and what is held against them."""

    def __init__(self, limits: HttpLimits) -> None:
        self.limits = limits
        self.buffered = Held("other requests' bodies", "MINI_KAFKA_MAX_BUFFERED_BODY_BYTES", limits.buffered_body_bytes)
        self.streams = Held("open streams", "MINI_KAFKA_MAX_STREAMS", limits.streams)
