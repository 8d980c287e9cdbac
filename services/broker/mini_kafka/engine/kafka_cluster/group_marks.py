"""What a gateway notes along with an offset that it commits, so that every other gateway knows what the group is.

A committed offset of Kafka's has a text beside it, and nothing else of a group outlives its members. The mark says of
which kind the group was when it committed last, whether a registered consumer of the group's name reads this topic,
and which topic it is: one that was deleted and made again has another id, and a commit that was under way meanwhile
must not count there. A text without a mark is a Kafka client's own.
"""

from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from mini_kafka.engine.group_values import GroupKind

PREFIX = "mini-kafka:"
REGISTERED = "+registered"
TOPIC_ID = "@"


class Mark(NamedTuple):
    """What is noted along with a committed offset; `kind` is `offsets` or `shared`."""

    kind: GroupKind
    registered: bool = False
    topic_id: UUID | None = None
    """Whose offset it is; None in a mark that does not say it."""

    def __str__(self) -> str:
        registered = REGISTERED if self.registered else ""
        return f"{PREFIX}{self.kind}{registered}{TOPIC_ID + self.topic_id.hex if self.topic_id else ''}"


class Committed(NamedTuple):
    """A committed offset, and the mark beside it; None where a Kafka client committed it."""

    offset: int
    mark: Mark | None = None

    def is_of(self, topic_id: UUID) -> bool:
        """Tell whether it may be an offset of this topic, and not of an earlier one of the same name."""
        return self.mark is None or self.mark.topic_id in {None, topic_id}


def read_mark(metadata: str | None) -> Mark | None:
    """Read the text beside a committed offset; None where no gateway wrote it."""
    text, _, digits = (metadata or "").partition(TOPIC_ID)
    kind, found, _ = text.partition(REGISTERED)
    topic_id = None
    with suppress(ValueError):
        topic_id = UUID(hex=digits)
    match kind:
        case "mini-kafka:offsets":
            return Mark("offsets", registered=bool(found), topic_id=topic_id)
        case "mini-kafka:shared":
            return Mark("shared", registered=bool(found), topic_id=topic_id)
    return None
