"""What Kafka consumers tell each other in a group: subscriptions and assignments (`ConsumerProtocol*.json` in Kafka).

A broker passes both on unread. They are read here for people and tools who ask who reads what, as far as version 0 of
each goes, which every later one begins with. Bytes of another kind are None, not a refusal.
"""

import struct
from collections.abc import Iterator

from mini_kafka.core.offsets import TopicPartition

PROTOCOL_TYPE = "consumer"
"""The protocol type of groups whose members speak this."""


def subscribed_topics(metadata: bytes) -> list[str] | None:
    """Read which topics a member wants, from its metadata in JoinGroup."""
    try:
        reader = _Reader(metadata)
        return [reader.text() for _ in reader.items()]
    except (struct.error, UnicodeDecodeError, ValueError):
        return None


def assigned_partitions(assignment: bytes) -> list[TopicPartition] | None:
    """Read which partitions a member has, from its assignment in SyncGroup; none where nothing is assigned."""
    if not assignment:
        return []
    try:
        reader = _Reader(assignment)
        return [TopicPartition(topic, reader.number(">i")) for topic in reader.texts_of_items() for _ in reader.items()]
    except (struct.error, UnicodeDecodeError, ValueError):
        return None


class _Reader:
    """Reads Kafka's old fixed-width encoding, after the version; a length beyond the end is an error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        if self.number(">h") < 0:
            raise ValueError("a negative version")

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def items(self) -> range:
        """Read an array's length; each item takes a byte at least, so no length is believed that cannot be."""
        count = self.number(">i")
        if not 0 <= count <= len(self._data) - self._at:
            raise ValueError("an array that goes beyond the end")
        return range(count)

    def text(self) -> str:
        size = self.number(">h")
        if not 0 <= size <= len(self._data) - self._at:
            raise ValueError("a text that goes beyond the end")
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def texts_of_items(self) -> Iterator[str]:
        """Read an array of structures that each begin with a text; the caller reads the rest of each."""
        for _ in self.items():
            yield self.text()
