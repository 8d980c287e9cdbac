"""A read knows of all that was acknowledged before it, and asks only where it has to."""

import asyncio
from typing import Any, cast
from uuid import UUID

import pytest

from mini_kafka.core.errors import OffsetOutOfRange, UnknownPartition, UnknownTopic, UnknownTopicId
from mini_kafka.engine.kafka_cluster.pooled_reader import Order, PooledReader
from mini_kafka.engine.kafka_cluster.reader_pool import ReaderPool
from mini_kafka.engine.kafka_cluster.reading import Reading
from mini_kafka.engine.kafka_cluster.topic_views import Bounds
from mini_kafka.engine.port import Read
from mini_kafka.engine.waiters import Waiters
from tests.support.clock import ManualClock
from tests.unit.mini_kafka.engine.kafka_cluster.conftest import TOPIC_ID, ListConsumer, message

pytestmark = pytest.mark.anyio

OTHER_ID = UUID(int=8)


class Views:
    """Says what the test lets be there, and counts who asks."""

    def __init__(self, ends: list[int]) -> None:
        self.topic_id = TOPIC_ID
        self.ends = ends
        self.open_records = 0
        """Records behind the ends, of transactions that are open."""
        self.asked = 0
        self.last: Bounds | None = None
        self.are_fresh = True

    async def bounds(self, name: str) -> Bounds:
        self.asked += 1
        self.last = Bounds(self.topic_id, [0] * len(self.ends), list(self.ends))
        return self.last

    def bounds_seen_just_now(self, name: str) -> Bounds | None:
        return self.last if self.are_fresh else None

    async def list_offsets(self, places: list[tuple[str, int]], *_: Any, **__: Any) -> dict[tuple[str, int], int]:
        return {place: self.ends[place[1]] + self.open_records for place in places}


class Bench:
    """Reads a log of 20 records in each of two partitions."""

    def __init__(self) -> None:
        self.consumer = ListConsumer({number: [message(number, offset) for offset in range(20)] for number in (0, 1)})
        self.views = Views([10, 10])
        self.pool = ReaderPool(1, lambda: PooledReader(self.consumer))
        waiters = Waiters(ManualClock())
        self.reading = Reading(cast("Any", self.views), self.pool, cast("Any", None), waiters, timeout_s=5)

    async def read(
        self, positions: dict[int, int], partition: int | None = 0, max_records: int = 4, topic_id: UUID | None = None
    ) -> tuple[list[int], Read]:
        found = await self.reading.read(
            "t", positions, partition=partition, topic_id=topic_id, max_records=max_records, max_bytes=10_000, wait_ms=0
        )
        return [one.record.offset for one in found.records], found


async def test_who_reads_on_before_the_ends_that_were_seen_just_now_asks_nothing() -> None:
    bench = Bench()
    _, first = await bench.read({0: 0})
    offsets, second = await bench.read({0: 4})
    assert (offsets, second.positions, second.up_to_date) == ([4, 5, 6, 7], {0: 8}, False)
    assert (first.topic_id, second.topic_id, bench.views.asked) == (TOPIC_ID, TOPIC_ID, 1)


async def test_at_the_ends_that_were_seen_it_is_asked_again_whether_they_still_are() -> None:
    bench = Bench()
    await bench.read({0: 0})
    await bench.read({0: 4})
    bench.views.ends[0] = 12  # acknowledged meanwhile, by any gateway
    offsets, found = await bench.read({0: 8})
    assert (offsets, found.up_to_date, bench.views.asked) == ([8, 9], False, 2)
    offsets, found = await bench.read({0: 10})
    assert (offsets, found.up_to_date, bench.views.asked) == ([10, 11], True, 3)


async def test_nothing_is_answered_without_a_question() -> None:
    bench = Bench()
    await bench.read({0: 0}, max_records=100)
    bench.views.ends[0] = 11
    offsets, _ = await bench.read({0: 10})
    assert (offsets, bench.views.asked) == ([10], 2)


@pytest.mark.parametrize("positions", [{0: 3}, {0: 5}, {0: 4, 1: 0}])
async def test_where_no_consumer_stands_it_is_asked_first(positions: dict[int, int]) -> None:
    bench = Bench()
    await bench.read({0: 0})
    offsets, _ = await bench.read(positions, partition=None if 1 in positions else 0)
    assert (len(offsets), bench.views.asked) == (4, 2)


async def test_bounds_that_are_old_are_asked_anew() -> None:
    bench = Bench()
    await bench.read({0: 0})
    bench.views.are_fresh = False
    await bench.read({0: 4})
    assert bench.views.asked == 2


async def test_what_was_seen_of_another_topic_of_the_name_refuses_nobody() -> None:
    bench = Bench()
    await bench.read({0: 0})
    bench.views.topic_id = OTHER_ID  # deleted and made again; this caller knows that already
    offsets, found = await bench.read({0: 0}, topic_id=OTHER_ID)
    assert (offsets, found.topic_id) == ([0, 1, 2, 3], OTHER_ID)
    with pytest.raises(UnknownTopicId):
        await bench.read({0: 4}, topic_id=TOPIC_ID)


async def test_a_partition_that_was_added_just_now_is_there() -> None:
    bench = Bench()
    bench.views.ends = [10]
    await bench.read({0: 0})
    bench.views.ends = [10, 10]
    offsets, _ = await bench.read({1: 0}, partition=1)
    assert offsets == [0, 1, 2, 3]
    with pytest.raises(UnknownPartition):
        await bench.read({2: 0}, partition=2)


async def test_a_topic_that_is_made_again_during_a_read_does_not_give_its_id_to_the_records() -> None:
    bench = Bench()
    await bench.read({0: 0})
    bench.views.topic_id = OTHER_ID
    with pytest.raises(UnknownTopic):
        await bench.read({0: 4}, max_records=100)


async def test_a_position_that_is_not_in_its_log_is_refused() -> None:
    bench = Bench()
    with pytest.raises(OffsetOutOfRange):
        await bench.read({0: 11})


@pytest.mark.parametrize("offset", [10, 11, 13])
async def test_a_position_behind_an_open_transaction_is_kept(offset: int) -> None:
    bench = Bench()
    bench.views.open_records = 3
    offsets, found = await bench.read({0: offset})
    assert (offsets, found.positions, found.up_to_date) == ([], {0: offset}, True)
    with pytest.raises(OffsetOutOfRange):
        await bench.read({0: 14})


async def test_those_who_read_on_at_once_are_served_by_one_read_without_a_question() -> None:
    bench = Bench()
    await bench.read({0: 0})
    found = await asyncio.gather(*(bench.read({0: 4}) for _ in range(50)))
    assert {tuple(offsets) for offsets, _ in found} == {(4, 5, 6, 7)}
    assert (bench.views.asked, bench.consumer.assignments) == (1, [[(0, 0)]])


async def test_a_consumer_goes_on_only_where_it_stands() -> None:
    bench = Bench()
    order = Order("t", TOPIC_ID, {0: 4}, {0: 10}, 4, 10_000, 5)
    assert not bench.pool.goes_on_at(order)
    await bench.read({0: 0})
    assert bench.pool.goes_on_at(order)
