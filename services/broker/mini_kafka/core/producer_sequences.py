"""Which requests of a producer were answered already, so that a retry appends nothing a second time.

A producer names itself, numbers its requests to a topic from 0, and takes a higher epoch when it starts anew, which
fences whoever still uses its name. The last few answers are kept: a repeat gets the same one. The rules are
those of Kafka's idempotent producer (KIP-98), with requests where Kafka counts records. What an answer is, is its
owner's affair.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from mini_kafka.core.errors import ProducerFenced, SequenceGap

REMEMBERED_ANSWERS = 5
"""Answers kept for a producer and a topic: as many requests as Kafka's producer has under way."""
MAX_NAMED_PRODUCERS = 10_000
"""Producers and topics whose answers are kept; the one that was silent the longest is forgotten first."""

A = TypeVar("A")


class ProducerSequence(NamedTuple):
    """What makes a request recognizable: the producer's own name, its epoch, and the request's number."""

    producer_id: str
    epoch: int
    sequence: int


@dataclass(slots=True)
class _Producer(Generic[A]):
    epoch: int
    next_sequence: int
    answers: deque[A] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ANSWERS))


class ProducerSequences(Generic[A]):
    """The last answers to every producer, by topic."""

    def __init__(self, max_producers: int = MAX_NAMED_PRODUCERS) -> None:
        self._max_producers = max_producers
        self._producers: OrderedDict[tuple[str, str], _Producer[A]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._producers)

    def answered(self, topic: str, request: ProducerSequence) -> A | None:
        """Give the answer that a request got before, or None if it is the next one and has to be done.

        A producer that is not known may begin at any number: the broker may have forgotten it.

        Raises:
            ProducerFenced: the request is of an older epoch.
            SequenceGap: it is not the next one, and too old or too new to be a repeat.
        """
        producer = self._producers.get((request.producer_id, topic))
        if producer is None:
            return None
        if request.epoch < producer.epoch:
            raise ProducerFenced(request.producer_id, request.epoch, producer.epoch)
        if request.epoch > producer.epoch:
            if request.sequence != 0:
                raise SequenceGap(request.producer_id, topic, 0, request.sequence)
            return None
        behind = producer.next_sequence - request.sequence
        if behind == 0:
            return None
        if 0 < behind <= len(producer.answers):
            return producer.answers[-behind]
        raise SequenceGap(request.producer_id, topic, producer.next_sequence, request.sequence)

    def remember(self, topic: str, request: ProducerSequence, answer: A) -> None:
        """Keep the answer to a request that `answered` let through."""
        key = request.producer_id, topic
        producer = self._producers.get(key)
        if producer is None or producer.epoch != request.epoch:
            producer = self._producers[key] = _Producer(request.epoch, request.sequence)
        producer.next_sequence = request.sequence + 1
        producer.answers.append(answer)
        self._producers.move_to_end(key)
        if len(self._producers) > self._max_producers:
            self._producers.popitem(last=False)

    def forget_topic(self, topic: str) -> None:
        """Drop what is kept for a topic that is gone."""
        for key in [key for key in self._producers if key[1] == topic]:
            del self._producers[key]
