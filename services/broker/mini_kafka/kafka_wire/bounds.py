"""What one connection of a Kafka client may send and keep, and what all of them may hold together.

Requests that are on their way or in work hold memory, and so do answers that nobody reads. Nothing here reads or
writes: a connection says what it holds, and is told whether it may go on.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from mini_kafka.kafka_wire.primitives import MAX_ELEMENTS

MIB = 1024 * 1024
SMALL_REQUEST_BYTES = 16 * 1024
"""What a connection may hold uncounted: almost every request is smaller, and need not pay for the counting."""
NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class WireLimits:
    """The limits of the Kafka port; bytes, array elements and seconds."""

    request_bytes: int = 100 * MIB
    request_elements: int = MAX_ELEMENTS
    ahead_bytes: int = 256 * 1024
    """What is kept of what a client sends ahead while a request of its own is in work."""
    queued_bytes: int = 128 * MIB
    """What requests that are on their way or in work may hold together; -1 for no limit."""
    fetch_bytes: int = 55 * MIB
    """What the answer to one fetch holds, beside a first batch that is larger."""
    unread_bytes: int = 128 * MIB
    """What answers that are not read yet may hold together before fetches give one batch at a time."""
    idle_s: float = 600
    stall_s: float = 30
    """How long a client may be silent in the middle of a request, or read nothing of its answers."""


class Sender(Protocol):
    """A connection, as far as the bytes of its requests go."""

    def read_on(self) -> None:
        """Read what it has sent meanwhile."""

    def cut_off(self, reason: str) -> None:
        """End it, and say why."""


class RequestMemory:
    """What the requests of all connections hold, against one limit.

    Over the limit, who is in the middle of a request is read only in turn: as many as fit when their requests are
    whole, those that lack the least first, and one in any case, so that there is always somebody who can finish. A
    first piece is here before anybody could hold it back: over twice the limit the largest request on its way ends its
    connection.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit if limit != NO_LIMIT else 2**62
        self.held = 0
        self._sizes: dict[Sender, int] = {}
        self._on_their_way: set[Sender] = set()
        self._turns: dict[Sender, int] = {}
        """Who may read although there is no room, and what each still lacks."""
        self._promised = 0
        self._resting: set[Sender] = set()
        self._queue: list[tuple[int, int, Sender]] = []
        self._order = count()

    def note(self, sender: Sender, held: int, missing: int) -> None:
        """Take note of what a connection holds, and of what its next request lacks; 0 where nothing is on its way."""
        self.held += held - self._sizes.pop(sender, 0)
        if held:
            self._sizes[sender] = held
        self._promise(sender, missing if sender in self._turns else 0)
        if not missing:
            self._on_their_way.discard(sender)
            self._resting.discard(sender)
        else:
            self._on_their_way.add(sender)
            if self.held > self._limit and sender not in self._turns and sender not in self._resting:
                self._resting.add(sender)
                heappush(self._queue, (missing, next(self._order), sender))
        if self.held > 2 * self._limit and self._on_their_way:
            self._cut_off_largest()
        self._give_turns()

    def _cut_off_largest(self) -> None:
        largest = max(self._on_their_way, key=self._sizes.__getitem__)
        reason = (
            f"requests on their way hold {self.held} bytes, over twice queued.max.request.bytes ({self._limit}),"
            f" and {self._sizes[largest]} of them are the largest one's"
        )
        self.leave(largest)
        largest.cut_off(reason)

    def leave(self, sender: Sender) -> None:
        """Forget a connection that has ended."""
        self.note(sender, 0, 0)

    def may_read(self, sender: Sender) -> bool:
        """Tell whether a connection is not resting."""
        return sender not in self._resting

    def give_another_turn(self) -> None:
        """Let one more read, whatever there is room for: perhaps those whose turn it is send nothing."""
        if self._resting:
            self._give_turn()

    def _give_turns(self) -> None:
        while self._resting and (not self._turns or self.held + self._promised + self._next_missing() <= self._limit):
            self._give_turn()

    def _next_missing(self) -> int:
        while self._queue[0][2] not in self._resting:  # it has ended
            heappop(self._queue)
        return self._queue[0][0]

    def _give_turn(self) -> None:
        missing = self._next_missing()
        _, _, sender = heappop(self._queue)
        self._resting.remove(sender)
        self._promise(sender, missing)
        sender.read_on()

    def _promise(self, sender: Sender, missing: int) -> None:
        self._promised += missing - self._turns.pop(sender, 0)
        if missing:
            self._turns[sender] = missing


class AnswerMemory:
    """What answers that clients have not read yet hold together, against one limit."""

    def __init__(self, limits: WireLimits) -> None:
        self._limit = limits.unread_bytes
        self._fetch_bytes = limits.fetch_bytes
        self._unread: dict[object, int] = {}
        self.unread_bytes = 0

    def note(self, reader: object, unread: int) -> None:
        """Take note of what a connection's client has not read yet; 0 where it reads along."""
        self.unread_bytes += unread - self._unread.pop(reader, 0)
        if unread:
            self._unread[reader] = unread

    @property
    def fetch_bytes(self) -> int:
        """How many bytes one fetch may give now; it gives one batch in any case."""
        return max(1, min(self._fetch_bytes, self._limit - self.unread_bytes))


class WireBounds:
    """The limits of the Kafka port, and what all of its connections hold against them."""

    def __init__(self, limits: WireLimits | None = None) -> None:
        self.limits = limits or WireLimits()
        self.requests = RequestMemory(self.limits.queued_bytes)
        self.answers = AnswerMemory(self.limits)
