"""A producer asks again where a connection has broken, and only there; and nobody waits for one that has ended."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.kafka_cluster import producer as producing
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
