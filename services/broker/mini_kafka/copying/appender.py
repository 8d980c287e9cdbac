"""Records in at the target, in requests that are safe to repeat where the target numbers them.

The producer's name is made from the source's topic, and its epoch is the time at which the run began: a later run
fences an earlier one that may still have a request under way, and nobody has to keep a number for that.
A target that numbers no requests answers 501, and its owner has to look what became of one without an answer.
"""

from uuid import UUID

from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.sides import Side
from mini_kafka_shared.client import Refused

NOT_IMPLEMENTED = 501
FENCED = "INVALID_PRODUCER_EPOCH"


class Appender:
    """Appends to one topic.

    Args:
        target: the side to append to.
        topic: the topic's name.
        source_id: the id of the topic that is copied.
        epoch: higher than that of every run before.
    """

    def __init__(self, target: Side, topic: str, source_id: UUID, epoch: int) -> None:
        self._target, self._topic = target, topic
        self._name = f"mini-kafka-copy-{source_id}"
        self._epoch, self._sequence = epoch, 0
        self.is_numbered = True

    def fence(self) -> None:
        """Shut out every earlier run, and learn whether the target numbers requests.

        Raises:
            CopyFailed: a later run has begun, or the target takes no records of the topic from us.
        """
        try:
            self._target.patiently(lambda: self.append(b"[]"))
        except Refused as refused:
            if refused.status != NOT_IMPLEMENTED:
                raise CopyFailed(f"{self._target.url} takes no records of {self._topic}: {refused}") from refused
            self.is_numbered = False

    def append(self, body: bytes) -> list[int]:
        """Ask the target once to append, and give the records' offsets.

        Raises:
            BrokerUnavailable, Overloaded: where requests are numbered, the same call may be made again; else nobody
                knows what became of it.
            CopyFailed: a later run has begun.
        """
        producer = None
        if self.is_numbered:
            numbers = {"Producer-Seq": str(self._sequence), "Producer-Epoch": str(self._epoch)}
            producer = {"Producer-Id": self._name, **numbers}
        try:
            offsets = self._target.client.append(self._topic, body, producer)
        except Refused as refused:
            if refused.code == FENCED:
                raise CopyFailed(
                    f"another run began to copy {self._topic} to {self._target.url} after this one, and goes on alone"
                ) from refused
            raise
        self._sequence += 1
        return offsets
