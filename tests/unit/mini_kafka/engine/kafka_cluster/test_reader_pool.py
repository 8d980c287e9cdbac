"""Few consumers serve all: the right one is taken again, there are never more than the limit, and none is lost."""

import asyncio
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from mini_kafka.core.errors import ClusterRefused, ClusterUnavailable
from mini_kafka.engine.kafka_cluster import reader_pool
from mini_kafka.engine.kafka_cluster.pooled_reader import Order, PooledReader
from mini_kafka.engine.kafka_cluster.reader_pool import ReaderPool
from mini_kafka.engine.port import ReadRecord
from tests.support.tasks import until
from tests.unit.mini_kafka.engine.kafka_cluster.conftest import ListConsumer, message, order

pytestmark = pytest.mark.anyio


class SlowReader(PooledReader):
    """Reads only when the test lets it."""

    def __init__(self) -> None:
        super().__init__(ListConsumer({}))
        self.may_end = threading.Event()

    def read(self, order: Order) -> tuple[list[ReadRecord], dict[int, int]]:
        assert self.may_end.wait(10)
        return [], {}


async def test_whoever_goes_on_gets_the_consumer_that_stands_there() -> None:
    consumers = [ListConsumer({0: [message(0, offset) for offset in range(9)]}) for _ in range(2)]
    making = iter(consumers)
    pool = ReaderPool(2, lambda: PooledReader(next(making)))
    first, second = {0: 0}, {0: 4}
    for _ in range(2):
        _, first = await pool.read(order(first, {0: 9}, max_records=1))
        _, second = await pool.read(order(second, {0: 9}, max_records=1))
    assert [consumer.assignments for consumer in consumers] == [[[(0, 0)]], [[(0, 4)]]]
    pool.close()


async def test_there_are_never_more_consumers_than_the_limit_and_who_waits_too_long_is_refused() -> None:
    readers: list[SlowReader] = []

    def make() -> SlowReader:
        readers.append(SlowReader())
        return readers[-1]

    pool = ReaderPool(1, make)
    reading = asyncio.create_task(pool.read(order({0: 0}, {0: 1})))
    await asyncio.sleep(0)
    with pytest.raises(ClusterUnavailable, match="MINI_KAFKA_CLUSTER_READERS"):
        await pool.read(order({0: 5}, {0: 6}, timeout_s=0.01))
    readers[0].may_end.set()
    await reading
    await pool.read(order({0: 0}, {0: 1}))
    assert len(readers) == 1
    pool.close()


async def test_those_who_read_the_same_at_once_are_served_by_one_read() -> None:
    consumer = ListConsumer({0: [message(0, offset) for offset in range(9)]})
    pool = ReaderPool(1, lambda: PooledReader(consumer))
    found = await asyncio.gather(*(pool.read(order({0: 0}, {0: 9})) for _ in range(100)))
    assert {len(records) for records, _ in found} == {9}
    assert consumer.assignments == [[(0, 0)]]
    pool.close()


async def test_a_call_that_is_cancelled_gives_its_consumer_back_when_that_is_done() -> None:
    reader = SlowReader()
    pool = ReaderPool(1, lambda: reader)
    reading = asyncio.create_task(pool.read(order({0: 0}, {0: 1})))
    for _ in range(5):
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    reader.may_end.set()
    assert await pool.read(order({0: 0}, {0: 1})) == ([], {})
    pool.close()


class DeadReader(PooledReader):
    """Can read nothing any more."""

    def __init__(self) -> None:
        super().__init__(ListConsumer({}))

    def read(self, order: Order) -> tuple[list[ReadRecord], dict[int, int]]:
        raise KafkaException(KafkaError(KafkaError._FATAL, "it is over", fatal=True))


async def test_a_consumer_that_is_dead_makes_room_for_a_new_one() -> None:
    alive = PooledReader(ListConsumer({0: [message(0, 0)]}))
    making = iter([DeadReader(), alive])
    pool = ReaderPool(1, lambda: next(making))
    with pytest.raises(ClusterUnavailable, match="it is over"):
        await pool.read(order({0: 0}, {0: 1}))
    records, _ = await pool.read(order({0: 0}, {0: 1}))
    assert len(records) == 1
    pool.close()


async def test_a_consumer_that_cannot_be_made_is_a_refusal_and_uses_up_no_place() -> None:
    made = 0

    def make() -> PooledReader:
        nonlocal made
        made += 1
        if made == 1:
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "no such file"))
        return PooledReader(ListConsumer({0: [message(0, 0)]}))

    pool = ReaderPool(1, make)
    with pytest.raises(ClusterRefused, match="no such file"):
        await pool.read(order({0: 0}, {0: 1}))
    assert len((await pool.read(order({0: 0}, {0: 1})))[0]) == 1
    pool.close()


async def test_a_consumer_that_nobody_goes_on_with_lets_go_of_what_it_has_fetched_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_pool, "REST_AFTER_S", 0)
    consumer = ListConsumer({0: [message(0, offset) for offset in range(9)]})
    pool = ReaderPool(1, lambda: PooledReader(consumer))
    _, following = await pool.read(order({0: 0}, {0: 9}, max_records=1))
    assert following == {0: 1}

    async def is_at_rest() -> bool:
        return consumer.unassigned == 1

    await until(is_at_rest)
    pool.close()
