"""One member of a consumer group, and the values that members send and get. What a group makes of them is not here.

The fields are Kafka's own, of JoinGroup and SyncGroup. What a protocol's metadata and an assignment hold is the
clients' affair: here they are bytes.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from mini_kafka.core.errors import BrokerError

T = TypeVar("T")

Answer = Callable[[T | BrokerError], object]
"""Takes the answer to a call that had to wait: a value, or why there is none. Called once."""


class Protocol(NamedTuple):
    """A way to share the work that a member knows, and what it has to tell its leader in it."""

    name: str
    metadata: bytes


MEMBER_BYTES = 1000
"""What a member costs in RAM beside what it says: the objects here, its place in the group, and its timer."""


@dataclass(frozen=True, slots=True)
class JoinWish:
    """What a member says when it joins; without a `member_id` it is new. Times in milliseconds.

    With `takes_id_first` a new member is given its id and has to join with it (KIP-394); with `skips_assignment` a
    leader can be told that the assignment stays as it is (KIP-814).
    """

    member_id: str
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[Protocol, ...]
    instance_id: str | None = None
    takes_id_first: bool = True
    skips_assignment: bool = True

    @property
    def cost(self) -> int:
        """Count what keeping this costs, in bytes; the client's id counts twice: the member's id begins with it."""
        said = sum(len(protocol.name) + len(protocol.metadata) + 100 for protocol in self.protocols)
        return MEMBER_BYTES + said + 2 * len(self.client_id) + len(self.instance_id or "") + len(self.protocol_type)


class JoinedMember(NamedTuple):
    """A member as its leader sees it."""

    member_id: str
    instance_id: str | None
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """A member is in a generation; only the leader is told who else is."""

    member_id: str
    generation: int
    protocol_type: str
    protocol: str
    leader: str
    members: tuple[JoinedMember, ...] = ()
    skip_assignment: bool = False


class Synced(NamedTuple):
    """What the leader has assigned to a member."""

    protocol_type: str
    protocol: str
    assignment: bytes


class Place(NamedTuple):
    """Which member of which generation somebody says to be."""

    member_id: str
    generation: int
    instance_id: str | None = None


class Leaver(NamedTuple):
    """Who is to leave; a static member can be named by its instance id alone."""

    member_id: str
    instance_id: str | None = None


@dataclass(slots=True)
class Member:
    """A member, what it said when it joined, and what it waits for."""

    member_id: str
    wish: JoinWish
    assignment: bytes = b""
    deadline_ms: int | None = None
    """When it is gone unless it has been heard of; None while waiting is sign enough of it."""
    new: bool = field(default=False)
    """Whether it has never been in a generation: waiting is no sign of it, because nobody knows its id."""
    join_answer: Answer[Joined] | None = None
    sync_answer: Answer[Synced] | None = None

    @property
    def instance_id(self) -> str | None:
        """The name that a static member keeps when it starts anew (KIP-345)."""
        return self.wish.instance_id

    @property
    def excused(self) -> bool:
        """Whether it cannot be missing, because the group owes it an answer."""
        return not self.new and (self.join_answer is not None or self.sync_answer is not None)

    def metadata(self, protocol: str) -> bytes:
        """Give what the member said in a protocol that it knows."""
        return next(known.metadata for known in self.wish.protocols if known.name == protocol)

    def vote(self, candidates: Container[str]) -> str:
        """Choose the first protocol in the member's own order that is a candidate."""
        return next(known.name for known in self.wish.protocols if known.name in candidates)

    def answer_join(self, answer: Joined | BrokerError) -> None:
        """Answer the member's join, if it waits for one."""
        waiting, self.join_answer = self.join_answer, None
        if waiting is not None:
            waiting(answer)

    def answer_sync(self, answer: Synced | BrokerError) -> None:
        """Answer the member's sync, if it waits for one."""
        waiting, self.sync_answer = self.sync_answer, None
        if waiting is not None:
            waiting(answer)
