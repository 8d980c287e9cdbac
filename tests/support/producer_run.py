"""A producer's run in a test: its broker, its source, and its clock."""

from collections import deque
from collections.abc import Callable, Sequence

from mini_kafka.core.producer_sequences import ProducerSequence, ProducerSequences
from mini_kafka_producer.runner import Runner
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_producer.sources import FOR_EVER, Line
from mini_kafka_shared.client import BrokerClient, NotOnCluster, NotRegistered, PartlyAppended, Refused
from mini_kafka_shared.progress import ProgressBar
from mini_kafka_shared.schemas import ProducerRegistered, Published, TopicRegistered
from mini_kafka_shared.schemas_v1 import RecordPlace, TextRecord
from tests.support.stop import Stop


class FakeBroker(BrokerClient):
    """Keeps what is published; before a call it raises the next trouble, if there is any, and `after` it likewise."""

    def __init__(self, *troubles: BaseException | None) -> None:
        super().__init__("http://broker:8000")
        self.after: deque[BaseException | None] = deque()
        self.requests: list[list[str]] = []
        self.too_large: set[str] = set()
        self.answers: ProducerSequences[list[RecordPlace]] = ProducerSequences()
        self.troubles = deque(troubles)
        self.topics: set[str] = set()
        self.is_gateway = False
        self.failing: deque[set[str]] = deque()
        """Values of which a gateway's cluster takes none, by request."""
        self.published: list[tuple[str, str | None]] = []
        self.producer_ids: list[str | None] = []
        self.before_publish: Callable[[], None] = lambda: None
        self.before_register: Callable[[], None] = lambda: None

    def _trouble(self) -> None:
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble:
            raise trouble

    def register_topic(self, topic: str) -> TopicRegistered:
        self.before_register()
        self._trouble()
        self.topics.add(topic)
        return TopicRegistered(topic=topic)

    def register_producer(self, topic: str, producer_id: str | None = None) -> ProducerRegistered:
        self.producer_ids.append(producer_id)
        return ProducerRegistered(topic=topic, producer_id=producer_id or "producer-made-up")

    def publish(self, topic: str, value: str, key: str | None = None) -> Published:
        self.before_publish()
        self._trouble()
        if topic not in self.topics:
            raise NotRegistered(404, "UNKNOWN_TOPIC_OR_PARTITION", f"topic {topic} is unknown: register it")
        self.published.append((value, key))
        return Published(offset=len(self.published) - 1)

    def produce(
        self, topic: str, records: Sequence[TextRecord], *, producer_id: str, sequence: int | None
    ) -> list[RecordPlace]:
        self.requests.append([record.value for record in records])
        self.before_publish()
        self._trouble()
        if sequence is None:
            places = None
        elif self.is_gateway:
            raise NotOnCluster(501, "NOT_ON_CLUSTER", "Producer-Seq cannot be had on a Kafka cluster")
        else:
            request = ProducerSequence(producer_id, 0, sequence)
            places = self.answers.answered(topic, request)
        if places is None:
            if self.too_large & {record.value for record in records}:
                raise Refused(413, "MESSAGE_TOO_LARGE", "send a smaller record")
            if sequence is None and self.failing and (failing := self.failing.popleft()):
                raise PartlyAppended("502: a part", [self._place(record, failing) for record in records])
            first = len(self.published)
            self.published += [(record.value, record.key) for record in records]
            places = [RecordPlace(partition=0, offset=first + index) for index in range(len(records))]
            if sequence is not None:
                self.answers.remember(topic, request, places)
        if self.after and (trouble := self.after.popleft()):
            raise trouble
        return places

    def _place(self, record: TextRecord, failing: set[str]) -> RecordPlace | None:
        if record.value in failing:
            return None
        self.published.append((record.value, record.key))
        return RecordPlace(partition=0, offset=len(self.published) - 1)


class FakeSource:
    """Hands out what it is given, a batch a read, as if each batch had come in one piece."""

    name = "the test"
    unfinished = b""
    size: int | None = None
    position = 0

    def __init__(self, *batches: list[Line]) -> None:
        self.ready: deque[Line] = deque()
        self.batches = deque(batches)

    def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
        while self.batches and len(self.ready) < lines:
            self.ready.extend(self.batches.popleft())
        return bool(self.ready)


def lines(*texts: str) -> list[Line]:
    return [Line(number, text) for number, text in enumerate(texts, 1)]


class Run:
    """One run with everything around it replaced."""

    def __init__(
        self, broker: FakeBroker, source: FakeSource, *, bar: ProgressBar | None = None, **settings: object
    ) -> None:
        self.broker, self.source, self.stop = broker, source, Stop()
        self.said: list[str] = []
        given = ProducerSettings.model_validate({"topic": "t", "rate": 0, **settings})
        self.runner = Runner(broker, given, source, self.stop, say=self.said.append, clock=self.stop.clock, bar=bar)

    def __call__(self) -> int:
        return self.runner.run()

    @property
    def values(self) -> list[str]:
        return [value for value, _ in self.broker.published]
