"""What a member owes when its partitions move or its loop stands still; what Kafka does with it, others try out."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import confluent_kafka
import pytest

from mini_kafka.core.errors import BrokerError, ClusterUnavailable
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.kafka_cluster import membership
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.group_marks import Committed
from mini_kafka.engine.kafka_cluster.membership import Assigned, Membership, Received

pytestmark = pytest.mark.anyio

PLACE = TopicPartition("t", 0)
MOVED = [confluent_kafka.TopicPartition(*PLACE)]


class NoConnection(Connection):
    """A connection without clients."""

    def __init__(self) -> None:
        self.config = ClusterConfig(("127.0.0.1:1",))


class Consumer:
    """Keeps what is committed."""

    def __init__(self) -> None:
        self.committed: list[tuple[int, int]] = []

    def commit(self, *, offsets: Sequence[confluent_kafka.TopicPartition], asynchronous: bool) -> None:
        self.committed += [(one.partition, one.offset) for one in offsets]


class Events:
    """Says how far each partition is done, and does something before it."""

    def __init__(self) -> None:
        self.done: dict[TopicPartition, Committed] = {}
        self.before: Callable[[], None] = lambda: None

    def taken_back(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, Committed]:
        self.before()
        return self.done

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        pass

    def received(self, news: Sequence[Received]) -> Sequence[TopicPartition]:
        return ()

    def topic_gone(self, topic: str) -> None:
        pass

    def ended(self, error: BrokerError | None) -> None:
        pass


class Member(Membership):
    """A member whose thread is the test's, with one partition."""

    def __init__(self, events: Events) -> None:
        super().__init__(NoConnection(), "g", "mini-kafka-gateway:test", events)
        self.consumer = Consumer()
        self._consumer = self.consumer  # type: ignore[assignment]
        self._mine = {PLACE}

    async def revoke(self) -> None:
        await asyncio.to_thread(self._on_revoke, self._consumer, MOVED)

    def assign_again(self) -> None:
        self._mine = {PLACE}

    def due(self) -> dict[TopicPartition, Committed]:
        self._take_commits()
        return self._to_commit


async def test_what_is_done_when_a_partition_moves_is_committed_and_no_older_order_comes_after_it() -> None:
    events = Events()
    member = Member(events)
    member.commit(PLACE, Committed(5))
    events.before = lambda: member.commit(PLACE, Committed(8))
    events.done = {PLACE: Committed(10)}
    await member.revoke()
    assert member.consumer.committed == [(0, 10)]
    member.assign_again()  # perhaps within the same poll, before any order was looked at
    assert member.due() == {}


async def test_what_was_to_be_committed_of_a_share_that_has_ended_is_committed_when_its_partition_moves() -> None:
    member = Member(Events())
    member.commit(PLACE, Committed(5))
    await member.revoke()
    assert member.consumer.committed == [(0, 5)]


async def test_a_member_whose_loop_stands_still_gives_up_its_place_for_a_reason_that_callers_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "LOOP_S", 0.0)
    member = Member(Events())
    raised: list[BaseException] = []

    def run() -> None:
        try:
            member._on_revoke(member._consumer, MOVED)
        except BrokerError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()  # the loop does nothing meanwhile
    assert [type(error) for error in raised] == [ClusterUnavailable]
