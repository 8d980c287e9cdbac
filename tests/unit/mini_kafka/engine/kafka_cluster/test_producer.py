"""A call's records are let go together and each is heard of; a question that a connection loses is asked again."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.kafka_cluster import producer as producing
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig, producer_config
from mini_kafka.engine.kafka_cluster.producer import Delivery, RecordProducer

pytestmark = pytest.mark.anyio


class Questions:
    """Stands in for librdkafka's producer: each question ends with the next of these codes, or is answered."""

    codes: Iterator[int | None]
    asked = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        type(self).asked = 0

    def list_topics(self, _: str, timeout: float) -> None:
        type(self).asked += 1
        assert timeout > 0
        code = next(self.codes)
        if code is not None:
            raise KafkaException(KafkaError(code))

    def poll(self, _: float) -> int:
        return 0


@pytest.fixture
async def it(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(producing, "Producer", Questions)
    monkeypatch.setattr(producing, "ASK_AGAIN_S", 0.001)
    monkeypatch.setattr(RecordProducer, "_hear", lambda _: None)
    made = RecordProducer({})
    yield made
    made.close()


async def test_a_question_that_a_broken_connection_loses_is_asked_again(it: RecordProducer) -> None:
    Questions.codes = iter([KafkaError._TRANSPORT, KafkaError._TIMED_OUT, None])
    it.learn("orders", 60)
    assert Questions.asked == 3


@pytest.mark.parametrize(
    ("code", "timeout_s"), [(KafkaError.TOPIC_AUTHORIZATION_FAILED, 60), (KafkaError._TRANSPORT, 0)]
)
async def test_what_the_cluster_refuses_and_what_has_no_time_left_is_raised(
    it: RecordProducer, code: int, timeout_s: float
) -> None:
    Questions.codes = iter([code])
    with pytest.raises(KafkaException):
        it.learn("orders", timeout_s)
    assert Questions.asked == 1


class Denied:
    """Stands in for librdkafka's producer: what it takes stays until it is purged; a poll first tells of the end."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._kept: list[Any] = []
        self._purged: list[Any] = []
        self._has_told = False

    def __len__(self) -> int:
        return len(self._kept) + len(self._purged)

    def produce(self, *taken: Any, **_: Any) -> None:
        self._kept.append(taken[-1])

    def purge(self) -> None:
        self._purged, self._kept = self._kept, []

    def poll(self, _: float) -> int:
        if self._kept and not self._has_told:
            self._has_told = True
            raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no idempotence", fatal=True))
        while self._purged:
            self._purged.pop()(KafkaError(KafkaError._PURGE_QUEUE), None)
        return 0

    flush = poll


async def test_a_producer_that_the_cluster_lets_send_nothing_tells_why_and_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(producing, "Producer", Denied)
    monkeypatch.setattr(producing, "POLL_S", 0)
    denied = RecordProducer({})
    delivery = Delivery(2)

    denied.send(delivery, "orders", [NewRecord(b"a"), NewRecord(b"b")], [0, 0], 1)

    async with asyncio.timeout(5):
        await delivery.done
    assert denied.is_dead
    codes = [outcome.code() for outcome in delivery.outcomes if isinstance(outcome, KafkaError)]
    assert codes == [KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 2
    denied.close()


class Lingering:
    """Stands in for librdkafka's producer: what it was given stays with it until it is flushed."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.waiting: list[Callable[[KafkaError | None, Message], None]] = []
        self.flushed: list[int] = []
        self.may_flush, self.flushes = threading.Event(), threading.Event()
        self.errors: dict[int, KafkaError] = {}

    def __len__(self) -> int:
        return len(self.waiting)

    def produce(self, topic: str, value: bytes, key: bytes, partition: int, hear: Any, *, timestamp: int) -> None:
        if value == b"full":
            raise BufferError
        self.waiting.append(hear)
        self.flushes.wait(0.001)  # whoever flushes too early has the time to do it

    def flush(self, _: float) -> None:
        self.flushes.set()
        self.flushed.append(len(self.waiting))
        assert self.may_flush.wait(10)
        for offset, hear in enumerate(self.waiting):
            message = Message(topic="t", partition=0, offset=offset, timestamp=(1, 1000 + offset))
            hear(self.errors.get(offset), message)
        self.waiting.clear()

    def poll(self, _: float) -> int:
        return 0

    def purge(self) -> None:
        self.errors = dict.fromkeys(range(len(self.waiting)), KafkaError(KafkaError._PURGE_QUEUE))


@pytest.fixture
async def lingering(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RecordProducer]:
    monkeypatch.setattr(producing, "Producer", Lingering)
    monkeypatch.setattr(producing, "POLL_S", 0.001)
    made = RecordProducer({})
    yield made
    made.close()
    librdkafka(made).may_flush.set()


def librdkafka(it: RecordProducer) -> Lingering:
    inner = it._producer
    assert isinstance(inner, Lingering)
    return inner


def send(it: RecordProducer, *values: bytes) -> Delivery:
    delivery = Delivery(len(values))
    it.send(delivery, "t", [NewRecord(value) for value in values], [0] * len(values), 50)
    return delivery


async def test_a_calls_records_are_let_go_at_once_and_together(lingering: RecordProducer) -> None:
    librdkafka(lingering).may_flush.set()
    delivery = send(lingering, *[b"x"] * 50)
    async with asyncio.timeout(10):
        await delivery.done
    assert delivery.outcomes == [(offset, 1000 + offset) for offset in range(50)]
    assert librdkafka(lingering).flushed == [50]


async def test_librdkafka_leaves_a_call_the_time_to_hand_its_records_over() -> None:
    assert producer_config(ClusterConfig(("a:1",)))["linger.ms"] > 1


async def test_records_that_come_while_others_are_flushed_are_let_go_too(lingering: RecordProducer) -> None:
    first, second = send(lingering, b"a"), send(lingering, b"b", b"c")
    librdkafka(lingering).may_flush.set()
    async with asyncio.timeout(10):
        await asyncio.gather(first.done, second.done)
        third = send(lingering, b"d")
        await third.done


async def test_a_record_that_is_not_taken_fails_beside_those_that_are(lingering: RecordProducer) -> None:
    librdkafka(lingering).may_flush.set()
    delivery = send(lingering, b"a", b"full")
    async with asyncio.timeout(10):
        await delivery.done
    taken, refused = delivery.outcomes
    assert taken == (0, 1000)
    assert isinstance(refused, KafkaError)
    alone = send(lingering, b"full")
    async with asyncio.timeout(10):
        await alone.done


async def test_who_retires_hears_of_all_that_was_on_its_way_before_it_ends(lingering: RecordProducer) -> None:
    delivery = send(lingering, b"a", b"b")
    lingering.retire()
    librdkafka(lingering).may_flush.set()
    async with asyncio.timeout(10):
        await delivery.done
    await asyncio.to_thread(lingering._thread.join, 10)
    assert not lingering._thread.is_alive()


@pytest.mark.parametrize(
    ("error", "is_dead"),
    [
        (KafkaError(KafkaError._FATAL), True),
        (KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "lost", fatal=True), True),
        (KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER), False),
        (KafkaError(KafkaError._TRANSPORT), False),
    ],
)
async def test_a_producer_is_dead_when_no_later_record_can_be_sent(
    it: RecordProducer, error: KafkaError, is_dead: bool
) -> None:
    it._note_error(error)
    assert it.is_dead is is_dead
