"""Questions about groups: put again while a coordinator moves, and answered in time whatever it does."""

from collections import deque
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition

from mini_kafka.core.errors import ClusterDenied, ClusterUnavailable
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.kafka_cluster import group_admin
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.group_admin import NO_GROUPS, GroupAdmin
from mini_kafka.engine.kafka_cluster.group_marks import Committed

pytestmark = pytest.mark.anyio


class Offsets:
    """Answers what groups have committed from a list; a question that is left over is never answered."""

    def __init__(self, *answers: int | list[KafkaTopicPartition]) -> None:
        self.answers = deque(answers)
        self.asked: list[str] = []

    def ask(self, group: str, timeout_s: float) -> "Future[Any]":
        self.asked.append(group)
        future: Future[Any] = Future()
        if group in NO_GROUPS:
            future.set_result([])
        elif self.answers:
            answer = self.answers.popleft()
            if isinstance(answer, int):
                future.set_exception(KafkaException(KafkaError(answer)))
            else:
                future.set_result(answer)
        return future

    def close(self) -> None:
        pass


class AdminClient:
    def describe_consumer_groups(self, names: list[str], *, request_timeout: float) -> "dict[str, Future[Any]]":
        return {name: _answered() for name in names}


def _answered() -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(SimpleNamespace(members=(), state=None))
    return future


class QuietConnection(Connection):
    """A connection without clients."""

    def __init__(self, timeout_ms: int) -> None:
        self.config = ClusterConfig(("127.0.0.1:1",), timeout_ms=timeout_ms)
        self.admin = AdminClient()  # type: ignore[assignment]
        self.trouble = ""


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_admin, "MOVING_S", 0)


def admin_of(monkeypatch: pytest.MonkeyPatch, offsets: Offsets, timeout_ms: int = 60_000) -> GroupAdmin:
    monkeypatch.setattr(group_admin, "CommittedOffsets", lambda config: offsets)
    return GroupAdmin(QuietConnection(timeout_ms))


async def test_a_question_is_put_again_while_the_coordinator_moves_and_librdkafka_looks_for_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moving = KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS
    offsets = Offsets(*moving, [KafkaTopicPartition("t", 0, 7), KafkaTopicPartition("t", 1, -1001)])

    assert await admin_of(monkeypatch, offsets).committed("g") == {TopicPartition("t", 0): Committed(7)}
    assert [name for name in offsets.asked if name == "g"] == ["g"] * 3
    assert set(NO_GROUPS) < set(offsets.asked)


async def test_another_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    offsets = Offsets(KafkaError.GROUP_AUTHORIZATION_FAILED)

    with pytest.raises(ClusterDenied):
        await admin_of(monkeypatch, offsets).committed("g")
    assert offsets.asked == ["g"]


async def test_a_coordinator_that_does_not_answer_is_waited_for_as_long_as_a_call_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ClusterUnavailable, match="coordinator"):
        await admin_of(monkeypatch, Offsets(), timeout_ms=1).committed("g")


async def test_questions_that_nobody_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_admin, "MAX_OPEN", 2)
    offsets = Offsets()
    admin = admin_of(monkeypatch, offsets, timeout_ms=1)
    for _ in range(4):
        with pytest.raises(ClusterUnavailable):
            await admin.committed("g")
    assert offsets.asked == ["g", "g"]
