"""What a gateway notes along with an offset that it commits, so that every other gateway knows what the group is.

A committed offset of Kafka's has a text beside it, and nothing else of a group outlives its members. The mark says of
which kind the group was when it committed last, and whether a registered consumer of the group's name reads this
topic. A text without a mark is a Kafka client's own.
"""

from typing import NamedTuple

from mini_kafka.engine.group_values import GroupKind

PREFIX = "mini-kafka:"
REGISTERED = "+registered"


class Mark(NamedTuple):
    """What is noted along with a committed offset; `kind` is `offsets` or `shared`."""

    kind: GroupKind
    registered: bool = False

    def __str__(self) -> str:
        return f"{PREFIX}{self.kind}{REGISTERED if self.registered else ''}"


class Committed(NamedTuple):
    """A committed offset, and the mark beside it; None where a Kafka client committed it."""

    offset: int
    mark: Mark | None = None


def read_mark(metadata: str | None) -> Mark | None:
    """Read the text beside a committed offset; None where no gateway wrote it."""
    kind, found, _ = (metadata or "").partition(REGISTERED)
    match kind:
        case "mini-kafka:offsets":
            return Mark("offsets", registered=bool(found))
        case "mini-kafka:shared":
            return Mark("shared", registered=bool(found))
    return None
