"""The gateway's way to the cluster: one admin client, what it answers, and whether the cluster is there.

librdkafka's futures come to the loop without blocking it, its blocking calls run on a few threads, its log lines go to
ours. What it raises becomes the core's errors here. Knows neither topics nor groups.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig, client_config
from mini_kafka.engine.kafka_cluster.cluster_errors import ALL_AWAY, of_exception

PROBE_S = 3.0
"""How often the cluster is asked whether it is there, while it is: so late /readyz learns that it is not."""
PROBE_AWAY_S = 1.0
REPEATED_LINE_S = 60
REMEMBERED_LINES = 1000
THREADS = 4
"""For calls that block and have no future, such as the list of all topics."""
NO_EPOCH = "0" * 16
"""The epoch while the cluster was never heard of."""

T = TypeVar("T")


class RareRepeats(logging.Filter):
    """Lets a line through that did not come within the last minute."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is news."""
        text, now = record.getMessage(), record.created
        if now - self._last.get(text, 0) < REPEATED_LINE_S:
            return False
        if len(self._last) >= REMEMBERED_LINES:
            self._last.clear()
        self._last[text] = now
        return True


logger = logging.getLogger(__name__)
librdkafka_logger = logging.getLogger("librdkafka")
"""librdkafka's own lines; it never writes a password into one. It repeats some of them with every try to connect."""
librdkafka_logger.addFilter(RareRepeats())


class Connection:
    """A cluster's admin client, and what is known about the cluster."""

    def __init__(self, config: ClusterConfig) -> None:
        """Make the client, which connects by itself, again and again.

        Raises:
            KafkaException: librdkafka does not take the settings, such as a file that is not there.
        """
        self.config = config
        told = client_config(config) | {"error_cb": self._note_error}
        self.admin = AdminClient(told, logger=librdkafka_logger)
        self.brokers = 0
        self.trouble = "it has not answered yet"
        """Why the cluster cannot be asked now; empty while it answers."""
        self._last_error = ""
        self._warned = False
        self._cluster_id = ""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="cluster")
        self._probing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on whether the cluster is there."""
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    async def close(self) -> None:
        """Stop watching; calls under way end by themselves."""
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def epoch(self) -> str:
        """Name the log by the cluster's id, in 16 hexadecimal digits: every gateway of one cluster names it so."""
        return sha256(self._cluster_id.encode()).hexdigest()[:16] if self._cluster_id else NO_EPOCH

    async def ask(self, future: "Future[T]", named: str = "") -> T:
        """Await an answer of the admin client about the topic or group `named`.

        Raises:
            BrokerError: what the cluster answered, or that it did not.
        """
        await settled([future])
        try:
            return future.result()
        except KafkaException as error:
            raise of_exception(error, named) from error

    async def on_thread(self, work: Callable[[], T], named: str = "") -> T:
        """Do on a thread what blocks.

        Raises:
            BrokerError: what the cluster answered, or that it did not.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except KafkaException as error:
            raise of_exception(error, named) from error

    def _note_error(self, error: KafkaError) -> None:
        """Keep why a node cannot be reached: the call that waits for it only knows that its time is over."""
        if error.code() != ALL_AWAY:
            self._last_error = error.str()

    async def _probe(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(PROBE_AWAY_S if self.trouble else PROBE_S)

    async def _look(self) -> None:
        """Ask the cluster who it is, and log when that changes."""
        try:
            asked = self.admin.describe_cluster(request_timeout=min(PROBE_S, self.config.timeout_s))
            await settled([asked])
            self.admin.poll(0)  # hands over what librdkafka logged and noticed meanwhile
            cluster = asked.result()
        except KafkaException as error:
            was_there = not self.trouble
            self.trouble = self._last_error or error.args[0].str()
            if was_there or not self._warned:
                self._warned = True
                logger.warning(
                    "the Kafka cluster does not answer: %s; trying again every %d s", self.trouble, PROBE_AWAY_S
                )
            return
        if self.trouble:
            logger.info("the Kafka cluster %s answers, with %d nodes", cluster.cluster_id, len(cluster.nodes))
        self._cluster_id, self.brokers = cluster.cluster_id, len(cluster.nodes)
        self.trouble = self._last_error = ""


async def settled(futures: "Iterable[Future[Any]]") -> None:
    """Wait until librdkafka has answered all of these, with one turn of the loop; to cancel the wait cancels none."""
    waited: Sequence[Future[Any]] = tuple(futures)
    loop = asyncio.get_running_loop()
    all_done: asyncio.Future[None] = loop.create_future()
    settled_so_far = count(1)

    def finish() -> None:
        if not all_done.done():
            all_done.set_result(None)

    def one_is_done(_: "Future[Any]") -> None:
        if next(settled_so_far) == len(waited):
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(finish)

    for future in waited:
        future.add_done_callback(one_is_done)
    if waited:
        await all_done
