"""The rules of a history, and what a breach of one looks like."""

from enum import StrEnum
from typing import NamedTuple


class Rule(StrEnum):
    """What a broker promises to its clients."""

    ONE_OFFSET = "an acknowledged payload has one offset, and an offset one payload"
    ORDER = "an append that was acknowledged before another was invoked has the lower offset in their partition"
    VISIBLE = "a fetch after an acknowledgement sees what was acknowledged"
    SENT = "nothing is read that was not sent"
    DENSE = "offsets are dense but for what compaction may take"
    WATERMARK = "the high watermark never falls"
    ONE_HOLDER = "no record of a share group is held by two at once, and a lock lasts its time"
    FINISHED = "every record of a share group is finally accepted or in the dead-letter topic, and never both"
    DONE = "what a share group has committed is done: the offset never falls, and nothing below it comes back"
    ONE_OWNER = "no two members of a Kafka group own a partition at once"
    COMMITTED = "what a Kafka group has committed stays until somebody commits again"


class Violation(NamedTuple):
    """A breach of a rule, in a sentence with its values."""

    rule: Rule
    text: str
