"""Questions about groups: put again while a coordinator moves, and answered in time whatever it does."""

from collections import deque
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition

from mini_kafka.core.errors import ClusterDenied, ClusterUnavailable, GroupKindConflict, InvalidGroupName, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.kafka_cluster import group_admin
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.group_admin import NO_GROUPS, GroupAdmin, check_group_name
from mini_kafka.engine.kafka_cluster.group_marks import Committed
from mini_kafka.engine.kafka_cluster.open_questions import LOOK_S
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio


class Offsets:
    """Answers what groups have committed from a list; a question that is left over is never answered."""

    def __init__(self, *answers: int | list[KafkaTopicPartition]) -> None:
        self.answers = deque(answers)
        self.asked: list[str] = []
        self.closed = False

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
        self.closed = True


class AdminClient:
    refusal = KafkaError.UNKNOWN_MEMBER_ID
    """Why no commit is taken."""

    def describe_consumer_groups(self, names: list[str], *, request_timeout: float) -> "dict[str, Future[Any]]":
        return {name: _answered() for name in names}

    def alter_consumer_group_offsets(self, wished: list[Any], *, request_timeout: float) -> "dict[str, Future[Any]]":
        refused = SimpleNamespace(topic="t", error=KafkaError(self.refusal))
        return {wished[0].group_id: _answered(SimpleNamespace(topic_partitions=[refused]))}


def _answered(answer: object = SimpleNamespace(members=(), state=None)) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(answer)
    return future


class QuietConnection(Connection):
    """A connection without clients."""

    def __init__(self, timeout_ms: int) -> None:
        self.config = ClusterConfig(("127.0.0.1:1",), timeout_ms=timeout_ms)
        self.admin = AdminClient()  # type: ignore[assignment]
        self.trouble = ""
        self.renewals = 0

    def renew(self) -> None:
        self.renewals += 1


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_admin, "MOVING_S", 0)


def admin_of(
    monkeypatch: pytest.MonkeyPatch, *clients: Offsets, timeout_ms: int = 60_000, clock: ManualClock | None = None
) -> GroupAdmin:
    made = deque(clients)
    monkeypatch.setattr(group_admin, "CommittedOffsets", lambda config: made.popleft())
    return GroupAdmin(QuietConnection(timeout_ms), clock or ManualClock())


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


async def test_a_name_with_a_zero_is_refused_because_a_c_text_would_end_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offsets = Offsets([])
    admin = admin_of(monkeypatch, offsets)
    for refused in (
        admin.committed("g\0h"),
        admin.describe(["g\0h"]),
        admin.commit("g\0h", {TopicPartition("t", 0): Committed(7)}),
        admin.delete("g\0h"),
    ):
        with pytest.raises(InvalidGroupName, match="zero"):
            await refused
    assert not offsets.asked


@pytest.mark.parametrize("name", [" ", " g", "\tg", "\v"])
async def test_a_name_that_a_setting_would_shorten_is_not_joined(name: str) -> None:
    check_group_name(name)
    with pytest.raises(InvalidGroupName, match="white space"):
        check_group_name(name, to_join=True)


async def test_a_name_may_have_white_space_behind_its_first_character() -> None:
    check_group_name("g h ", to_join=True)


async def test_clients_with_a_question_that_stays_open_are_given_up_once_whoever_asked_them_last_has_been_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, old, new = ManualClock(), Offsets(), Offsets([KafkaTopicPartition("t", 0, 7)])
    admin = admin_of(monkeypatch, old, new, timeout_ms=1, clock=clock)
    with pytest.raises(ClusterUnavailable):
        await admin.committed("g")
    clock.advance(2 * round(LOOK_S * 1000) + 2)
    assert isinstance(admin._connection, QuietConnection)
    assert (admin._connection.renewals, old.closed) == (1, False)
    admin._connection.config = ClusterConfig(("127.0.0.1:1",), timeout_ms=60_000)
    assert await admin.committed("g") == {TopicPartition("t", 0): Committed(7)}
    clock.advance(1)
    assert (old.closed, new.closed) == (True, False)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (KafkaError.UNKNOWN_MEMBER_ID, GroupKindConflict("g", "has members", "")),
        # what Kafka 4.3.1 answers for a share group
        (KafkaError.GROUP_ID_NOT_FOUND, GroupKindConflict("g", "takes no commits", "")),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, UnknownTopic("t")),
    ],
)
async def test_a_commit_that_is_refused_says_whether_the_group_or_the_topic_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, refusal: int, error: Exception
) -> None:
    monkeypatch.setattr(AdminClient, "refusal", refusal)
    with pytest.raises(type(error), match=str(error).partition(" now")[0]):
        await admin_of(monkeypatch, Offsets()).commit("g", {TopicPartition("t", 0): Committed(7)})
