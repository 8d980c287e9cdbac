"""A bounded number of consumers for all calls that read: each call borrows one, and best the one that stands right.

A call holds a consumer only while there is something to read; whoever waits for records holds none.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaException

from mini_kafka.core.errors import ClusterUnavailable
from mini_kafka.engine.kafka_cluster.cluster_errors import of_exception
from mini_kafka.engine.kafka_cluster.pooled_reader import Order, PooledReader
from mini_kafka.engine.port import ReadRecord


class ReaderPool:
    """Reads for everybody, with at most `size` consumers, made as they are needed."""

    def __init__(self, size: int, make: Callable[[], PooledReader]) -> None:
        self._size = size
        self._make = make
        self._made = 0
        self._idle: list[PooledReader] = []  # the one that was used last is the last
        self._free = asyncio.Semaphore(size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="reader")

    async def read(self, order: Order) -> tuple[list[ReadRecord], dict[int, int]]:
        """Serve an order, as `PooledReader.read` does, when a consumer is free.

        Raises:
            ClusterUnavailable: none became free in time, or nothing was read in time.
            OffsetOutOfRange, ClusterRefused: as they are.
        """
        try:
            await asyncio.wait_for(self._free.acquire(), order.timeout_s)
        except TimeoutError:
            raise ClusterUnavailable(
                f"all {self._size} readers are at work (MINI_KAFKA_CLUSTER_READERS): try again, or raise their number"
            ) from None
        # The consumer is not free before its thread is done, also when the caller has gone.
        return await asyncio.shield(asyncio.get_running_loop().create_task(self._serve(order)))

    def close(self) -> None:
        """Take no more orders."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, order: Order) -> tuple[list[ReadRecord], dict[int, int]]:
        try:
            reader = self._choose(order)
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, reader.read, order)
            except KafkaException as error:
                raise of_exception(error, order.topic) from error
            finally:
                self._idle.append(reader)
        finally:
            self._free.release()

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
