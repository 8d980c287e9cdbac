"""What clients did and saw, as plain values: every operation with the times at which it was invoked and returned.

Times are nanoseconds of one clock that all clients share. `returned_ns` is None where the answer was lost, because the
client, its connection or its patience ended: then the operation may have happened or not, at any time since it was
invoked. A payload's id is unique among all that is sent; a client that reads makes it out of the record's bytes, and
makes up another one where they are not whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

MS = 1_000_000
"""Nanoseconds in a millisecond."""

Partition = tuple[str, int]
"""A topic and a partition's number."""


class Payload(NamedTuple):
    """A record as it was sent; `partition` is None where the broker chooses."""

    id: str
    key: str | None = None
    partition: int | None = None


class Place(NamedTuple):
    """Where a record lies in its topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Append:
    """Records sent in one request, which was sent `sent` times.

    `places` has one entry a payload, None for one that was refused; it is None as a whole where nobody knows. With
    `once`, the broker has promised that sending again appends nothing again; else each sending may append all.
    """

    client: str
    invoked_ns: int
    returned_ns: int | None
    topic: str
    payloads: tuple[Payload, ...]
    places: tuple[Place | None, ...] | None
    once: bool = False
    sent: int = 1


class Origin(NamedTuple):
    """Where a dead letter comes from, and the group that gave it up."""

    group: str
    topic: str
    partition: int
    offset: int


class Seen(NamedTuple):
    """A record as it was read."""

    offset: int
    payload: str
    key: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """Records of one partition from `start` up to, not including, `next`; `at_end` says that there is no more now.

    A fetch that gives no record and does not move says the same.
    """

    client: str
    invoked_ns: int
    returned_ns: int
    topic: str
    partition: int
    start: int
    next: int
    records: tuple[Seen, ...]
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Watermark:
    """A partition's high watermark."""

    client: str
    invoked_ns: int
    returned_ns: int
    topic: str
    partition: int
    offset: int


class Held(NamedTuple):
    """A record that a member of a share group was given; `lock` names this delivery of this record, and no other."""

    lock: str
    topic: str
    partition: int
    offset: int
    payload: str
    key: str | None
    delivery_count: int


@dataclass(frozen=True, slots=True)
class Acquire:
    """Records that were locked for a member; `records` is None where the answer was lost."""

    client: str
    invoked_ns: int
    returned_ns: int | None
    group: str
    member: str
    lock_ms: int
    records: tuple[Held, ...] | None


class Settlement(NamedTuple):
    """What a member says about a lock; `ms` is a release's delay, or how long a renewed lock lasts."""

    lock: str
    how: Literal["accept", "release", "reject", "renew"]
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Settle:
    """Locks that were settled, but for those that the broker called `expired`; None where the answer was lost."""

    client: str
    invoked_ns: int
    returned_ns: int | None
    group: str
    settlements: tuple[Settlement, ...]
    expired: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Leave:
    """A member's locks were released all together."""

    client: str
    invoked_ns: int
    returned_ns: int | None
    group: str
    member: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A member of a Kafka group committed the next offset that it will read in one partition.

    A `tenure` is the member's time between two assignments, and has a number of its own.
    """

    client: str
    invoked_ns: int
    returned_ns: int | None
    group: str
    tenure: int
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What a Kafka group was said to have committed in one partition; below 0 is nothing."""

    client: str
    invoked_ns: int
    returned_ns: int
    group: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """A member of a Kafka group was told its partitions; its tenure begins."""

    client: str
    invoked_ns: int
    group: str
    tenure: int
    partitions: tuple[Partition, ...]


Operation = Append | Fetch | Watermark | Acquire | Settle | Leave | Commit | Committed | Assigned


@dataclass(frozen=True, slots=True)
class History:
    """All operations, in any order, and what has to be known of the broker to judge them.

    Where a group is named in `groups`, with its topics, its members have worked until nothing was left, and everything
    that lies in these topics and in `dead_letter_topics` has been read since.
    """

    operations: tuple[Operation, ...]
    compacted_topics: frozenset[str] = frozenset()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dead_letter_topics: frozenset[str] = frozenset()
    max_delivery_count: int = 5
    moves: tuple[tuple[int, int], ...] = ()
    """When partitions of share groups may have moved from one gateway to another, from and to a time.

    What a gateway knows of a share beside the committed offset is in its memory and does not move along, as the port
    says. So about what overlaps these times no more is asked than that every record comes to an end, and that
    what is committed is done: locks may end early, deliveries are counted anew, and what was accepted but not
    committed comes again.
    """
