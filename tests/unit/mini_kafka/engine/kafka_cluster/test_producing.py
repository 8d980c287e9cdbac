"""Records go where they belong, no more wait than may, and what became of each is told."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from confluent_kafka import KafkaError

from mini_kafka.core.errors import (
    BrokerError,
    ClusterUnavailable,
    InvalidRecord,
    PartlyAppended,
    ProduceQueueFull,
    RecordTooLarge,
)
from mini_kafka.core.partitioner import partition_for_key
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.clock import LoopClock
from mini_kafka.engine.kafka_cluster.cluster_config import BATCH_BYTES, ClusterConfig
from mini_kafka.engine.kafka_cluster.producer import Delivery, Outcome
from mini_kafka.engine.kafka_cluster.producing import Producing
from mini_kafka.engine.kafka_cluster.topic_views import Shape
from mini_kafka.engine.port import Appended
from mini_kafka.engine.waiters import Waiters
from tests.support import tasks
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio


class Nobody:
    """Connection, topics and views of a topic that is always there."""

    config = ClusterConfig(("a:1",), queue_bytes=1000)

    def __init__(self, max_message_bytes: int = 1_048_588) -> None:
        self.forgotten: list[str] = []
        self.told: list[dict[str, Any]] = []
        self._shape = Shape("t", UUID(int=1), 3, TopicConfig(max_message_bytes=max_message_bytes), {}, 0)

    async def shape(self, name: str, *, create: bool) -> Shape:
        return self._shape

    async def on_thread(self, work: Any, named: str) -> None:
        work()

    def forget(self, name: str) -> None:
        self.forgotten.append(name)


class HeldProducer:
    """Keeps what it is sent, until the test says what became of it."""

    def __init__(self) -> None:
        self.sent: list[tuple[Delivery, Sequence[int]]] = []
        self.learned: list[str] = []
        self.is_dead = self.retired = self.closed = False

    def learn(self, topic: str, timeout_s: float) -> None:
        self.learned.append(topic)

    def retire(self, cause: KafkaError | None = None) -> None:
        self.retired = True
        while cause and self.sent:
            self.deliver([cause] * len(self.sent[0][1]))

    def give_up(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def send(
        self, delivery: Delivery, topic: str, records: Sequence[NewRecord], places: Sequence[int], now_ms: int
    ) -> None:
        self.sent.append((delivery, places))

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        delivery, _ = self.sent.pop(0)
        for index, outcome in enumerate(outcomes):
            is_last = delivery.arrive(index, outcome)
        assert is_last
        delivery.done.set_result(None)


class Bench:
    """A `Producing` whose producer is held."""

    def __init__(self, max_message_bytes: int = 1_048_588) -> None:
        self.clock = ManualClock()
        self.nobody = Nobody(max_message_bytes)
        self.producer = HeldProducer()
        anybody = cast("Any", self.nobody)
        self.waiters = Waiters(LoopClock())
        self.producing = Producing(anybody, anybody, anybody, self.waiters, self.clock, cast("Any", self.make))

    def make(self, config: dict[str, Any]) -> HeldProducer:
        self.nobody.told.append(config)
        return self.producer

    async def begin(self, *records: NewRecord) -> "asyncio.Task[Sequence[Appended]]":
        task = asyncio.create_task(self.producing.produce("t", records, create=False, now_ms=50))
        for _ in range(3):
            await asyncio.sleep(0)
        return task


async def test_a_key_decides_the_partition_and_records_without_one_stay_together_and_take_turns() -> None:
    bench = Bench()
    for turn in range(4):
        task = await bench.begin(NewRecord(b"", b"k"), NewRecord(b""), NewRecord(b""), NewRecord(b"", partition=2))
        assert bench.producer.sent[0][1] == [partition_for_key(b"k", 3), turn % 3, turn % 3, 2]
        bench.producer.deliver([(0, 50)] * 4)
        await task


async def test_each_record_is_told_its_place_and_its_time() -> None:
    bench = Bench()
    task = await bench.begin(NewRecord(b"", partition=1), NewRecord(b"", partition=0))
    bench.producer.deliver([(7, 50), (8, 51)])
    assert await task == [Appended(1, 7, 50), Appended(0, 8, 51)]


async def test_what_would_not_fit_beside_what_waits_is_refused_until_that_has_gone() -> None:
    bench = Bench()
    large = NewRecord(b"x" * 2000)  # alone it may pass, or it never could
    first = await bench.begin(large)
    with pytest.raises(ProduceQueueFull, match="MINI_KAFKA_CLUSTER_QUEUE_BYTES"):
        await bench.producing.produce("t", [NewRecord(b"")], create=False, now_ms=50)
    bench.producer.deliver([(0, 50)])
    await first
    second = await bench.begin(large)
    bench.producer.deliver([(1, 50)])
    assert [place.offset for place in await second] == [1]


async def test_records_whose_caller_has_gone_still_count_until_they_are_delivered() -> None:
    bench = Bench()
    gone = await bench.begin(NewRecord(b"x" * 2000))
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    with pytest.raises(ProduceQueueFull):
        await bench.producing.produce("t", [NewRecord(b"")], create=False, now_ms=50)
    bench.producer.deliver([(0, 50)])
    await asyncio.sleep(0)
    task = await bench.begin(NewRecord(b""))
    bench.producer.deliver([(1, 50)])
    await task


async def test_where_the_cluster_took_some_records_the_error_names_them_and_the_others() -> None:
    bench = Bench()
    task = await bench.begin(*[NewRecord(b"")] * 5)
    lost = KafkaError(KafkaError._MSG_TIMED_OUT, "timed out")
    bench.producer.deliver([(0, 50), (1, 50), lost, (2, 50), lost])
    with pytest.raises(PartlyAppended, match=r"0-1, 3 were appended; 2, 4 were not, or nobody can tell") as refusal:
        await task
    assert refusal.value.places == [(0, 0, 50), (0, 1, 50), None, (0, 2, 50), None]
    assert bench.nobody.forgotten == ["t"]


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (KafkaError._MSG_TIMED_OUT, ClusterUnavailable, "may have been appended"),
        (KafkaError.MSG_SIZE_TOO_LARGE, RecordTooLarge, "record 0 "),
        (KafkaError.INVALID_RECORD, InvalidRecord, "record 0 is refused by the cluster"),
    ],
)
async def test_where_the_cluster_took_none_the_error_says_why(code: int, kind: type[BrokerError], says: str) -> None:
    bench = Bench()
    task = await bench.begin(*[NewRecord(b"")] * 2)
    bench.producer.deliver([KafkaError(code, "no")] * 2)
    with pytest.raises(kind, match=says):
        await task


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (NewRecord(b"x" * 1000), RecordTooLarge),
        (NewRecord(b"", headers=(("h", b"x" * 1000),)), RecordTooLarge),
        (NewRecord(b"", timestamp_ms=0), InvalidRecord),
        (NewRecord(b"", partition=3), InvalidRecord),
    ],
)
async def test_what_the_topic_does_not_take_is_refused_before_anything_is_sent(
    record: NewRecord, kind: type[BrokerError]
) -> None:
    bench = Bench(max_message_bytes=1000)
    with pytest.raises(kind, match="record 1 "):
        await bench.producing.produce("t", [NewRecord(b""), record], create=False, now_ms=50)
    assert bench.producer.sent == []


@pytest.mark.parametrize(("max_message_bytes", "batch_bytes"), [(1_048_588, BATCH_BYTES), (1000, 1)])
async def test_a_topic_of_small_batches_gets_a_batch_for_each_record(max_message_bytes: int, batch_bytes: int) -> None:
    bench = Bench(max_message_bytes)
    task = await bench.begin(NewRecord(b""))
    bench.producer.deliver([(0, 50)])
    await task
    assert [told["batch.size"] for told in bench.nobody.told] == [batch_bytes]


async def test_a_producer_that_can_send_nothing_any_more_is_replaced_by_one_that_learns_its_topics_anew() -> None:
    bench = Bench()
    dead = bench.producer
    first = await bench.begin(NewRecord(b""))
    dead.deliver([KafkaError(KafkaError._FATAL)])
    with pytest.raises(ClusterUnavailable, match="may have been appended"):
        await first
    dead.is_dead = True
    bench.producer = HeldProducer()
    second = await bench.begin(NewRecord(b""))
    bench.producer.deliver([(0, 50)])
    assert [place.offset for place in await second] == [0]
    assert (dead.retired, dead.sent, bench.producer.learned) == (True, [], ["t"])


TIME_MS = round(Nobody.config.timeout_s * 1000)


async def test_a_producer_that_is_late_with_a_record_takes_no_more_and_ends_with_all_that_it_has() -> None:
    bench = Bench()
    late = bench.producer
    first = await bench.begin(NewRecord(b""))
    bench.clock.advance(TIME_MS // 2)
    second = await bench.begin(NewRecord(b""))
    bench.producer = HeldProducer()
    bench.clock.advance(TIME_MS // 2 - 1)
    third = await bench.begin(NewRecord(b""))
    assert (late.retired, len(late.sent)) == (False, 2)  # what came behind the late one may still pass
    assert (len(bench.producer.sent), bench.producer.learned) == (1, ["t"])
    bench.clock.advance(1)
    assert late.retired
    for task in (first, second):
        with pytest.raises(ClusterUnavailable, match=r"in time .* may have been appended"):
            await task
    bench.producer.deliver([(0, 50)])
    assert [place.offset for place in await third] == [0]


async def test_a_producer_whose_records_arrive_in_time_is_there_for_the_next_ones() -> None:
    bench = Bench()
    for offset in range(3):
        task = await bench.begin(NewRecord(b""))
        bench.producer.deliver([(offset, 50)])
        await task
        bench.clock.advance(TIME_MS)
    assert (bench.producer.retired, len(bench.nobody.told)) == (False, 1)


async def test_the_end_lets_go_of_a_producer_that_is_late_too() -> None:
    bench = Bench()
    late = bench.producer
    task = await bench.begin(NewRecord(b""))
    bench.clock.advance(TIME_MS - 1)
    closing = asyncio.create_task(bench.producing.close())
    await tasks.settle()
    late.deliver([(0, 50)])
    await asyncio.gather(closing, task)
    assert late.closed


async def test_who_waits_for_records_here_is_woken_by_what_is_appended_here() -> None:
    bench = Bench()
    waiting = asyncio.create_task(bench.waiters.wait(["t"], 60_000))
    task = await bench.begin(NewRecord(b""))
    assert not waiting.done()
    bench.producer.deliver([(0, 50)])
    await task
    assert await tasks.outcome(waiting) is True
