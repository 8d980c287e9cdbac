"""A bounded number of consumers for all calls that read: each call borrows one, and best the one that stands right.

A call holds a consumer only while there is something to read; whoever waits for records holds none.
"""

import asyncio
from collections.abc import Callable, Hashable
from functools import partial

from confluent_kafka import KafkaException

from mini_kafka.core.errors import ClusterUnavailable
from mini_kafka.engine.kafka_cluster.cluster_errors import of_exception
from mini_kafka.engine.kafka_cluster.daemon_threads import DaemonThreads, retrieve
from mini_kafka.engine.kafka_cluster.pooled_reader import Order, PooledReader
from mini_kafka.engine.port import ReadRecord

REST_AFTER_S = 2.0
"""How long a consumer that nobody goes on with keeps what it has fetched ahead."""

Found = tuple[list[ReadRecord], dict[int, int]]
"""The records, and where to go on in each partition."""


class ReaderPool:
    """Reads for everybody, with at most `size` consumers, made as they are needed."""

    def __init__(self, size: int, make: Callable[[], PooledReader]) -> None:
        self._size = size
        self._make = make
        self._made = 0
        self._idle: list[PooledReader] = []  # the one that was used last is the last
        self._free = asyncio.Semaphore(size)
        self._loop = asyncio.get_running_loop()
        self._resting: set[asyncio.Task[None]] = set()
        self._serving: dict[Hashable, asyncio.Task[Found]] = {}
        self._closed = False
        self._threads = DaemonThreads(size, "reader")

    def goes_on_at(self, order: Order) -> bool:
        """Tell whether a consumer that is free stands where an order begins."""
        return any(reader.goes_on_at(order) for reader in self._idle)

    async def read(self, order: Order) -> Found:
        """Serve an order, as `PooledReader.read` does, when a consumer is free.

        Raises:
            ClusterUnavailable: none became free in time, or nothing was read in time.
            OffsetOutOfRange, ClusterRefused: as they are.
        """
        key = order.topic_id, tuple(order.positions.items()), order.max_records, order.max_bytes
        serving = self._serving.get(key)
        if serving is None:  # else somebody reads the same just now: followers of one topic are woken together
            serving = self._serving[key] = self._loop.create_task(self._serve(order))
            serving.add_done_callback(lambda done: self._served(key, done))
        # The consumer is not free before its thread is done, also when the caller has gone.
        return await asyncio.shield(serving)

    def close(self) -> None:
        """Take no more orders."""
        self._closed = True
        self._threads.close()

    def _served(self, key: Hashable, serving: "asyncio.Task[Found]") -> None:
        del self._serving[key]
        retrieve(serving)

    async def _serve(self, order: Order) -> Found:
        try:
            await asyncio.wait_for(self._free.acquire(), order.timeout_s)
        except TimeoutError:
            raise ClusterUnavailable(
                f"all {self._size} readers are at work (MINI_KAFKA_CLUSTER_READERS): try again, or raise their number"
            ) from None
        try:
            reader = self._choose(order)
            is_dead = False
            try:
                return await self._threads.run(partial(reader.read, order))
            except KafkaException as error:
                is_dead = error.args[0].fatal()
                raise
            finally:
                self._take_back(reader, is_dead)
        except KafkaException as error:
            raise of_exception(error, order.topic) from error
        finally:
            self._free.release()

    def _take_back(self, reader: PooledReader, is_dead: bool) -> None:
        """Keep a consumer for the next call; one that can read nothing any more makes room for a new one."""
        if is_dead:
            self._made -= 1
            return
        self._idle.append(reader)
        reader.reads += 1
        self._loop.call_later(REST_AFTER_S, self._let_rest, reader, reader.reads)

    def _let_rest(self, reader: PooledReader, reads: int) -> None:
        """Let a consumer go of what it holds if nobody has used it since."""
        if not self._closed and reader.reads == reads and not self._free.locked():
            resting = self._loop.create_task(self._rest(reader, reads))
            self._resting.add(resting)
            resting.add_done_callback(self._resting.discard)

    async def _rest(self, reader: PooledReader, reads: int) -> None:
        async with self._free:
            if reader.reads == reads and reader in self._idle:
                self._idle.remove(reader)
                await self._threads.run(reader.rest)
                self._idle.insert(0, reader)

    def _choose(self, order: Order) -> PooledReader:
        """Give the consumer that goes on where the order begins; else a new one; else the one that rests longest."""
        for reader in reversed(self._idle):
            if reader.goes_on_at(order):
                self._idle.remove(reader)
                return reader
        if self._made < self._size:
            reader = self._make()
            self._made += 1
            return reader
        return self._idle.pop(0)
