"""The gateway's way to the cluster: its admin clients, what they answer, and whether the cluster is there.

librdkafka's futures come to the loop without blocking it, its blocking calls run on a few threads, its log lines go to
ours. What it raises becomes the core's errors here. Knows neither topics nor groups.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from mini_kafka.core.errors import BrokerError, ClusterUnavailable
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig, admin_config
from mini_kafka.engine.kafka_cluster.cluster_errors import ALL_AWAY, of_exception
from mini_kafka.engine.kafka_cluster.daemon_threads import DaemonThreads, retrieve
from mini_kafka.engine.kafka_cluster.trouble import NEVER_ANSWERED, explained, recurring

PROBE_S = 3.0
"""How often the cluster is asked whether it is there, while it is: so late /readyz learns that it is not."""
PROBE_AWAY_S = 1.0
HEAR_S = 0.5
"""How soon what librdkafka notices while it is asked is known, such as a name that nobody can resolve."""
PROBES = 2
"""How many nodes are asked before the cluster counts as away: one that does not answer may be the only one."""
PROBED_TOPIC = "is the cluster there?"
"""What every node is asked about: no topic can have this name, so none is found, and none is made."""
REPEATED_LINE_S = 60
REMEMBERED_LINES = 1000
THREADS = 4
"""For calls that block and have no future, such as the list of all topics."""
LET_GO_S = 60.0
"""How much longer than a call may take an admin client is kept that is asked no more: also a thread may wait for it."""
NO_EPOCH = "0" * 16
"""The epoch while the cluster was never heard of."""

T = TypeVar("T")


class RareRepeats(logging.Filter):
    """Lets a line through that did not come within the last minute, of whichever client."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is news."""
        text, now = recurring(record.getMessage()), record.created
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
    """A cluster's admin clients, and what is known about the cluster."""

    def __init__(self, config: ClusterConfig) -> None:
        """Make the clients, which connect by themselves, again and again.

        Raises:
            KafkaException: librdkafka does not take the settings, such as a file that is not there.
        """
        self.config = config
        self.admin = self._make_admin()
        self.changes = self._make_admin()
        """For what changes topics: a node answers a connection's requests one after the other, and one that waits for
        a new controller would hold up all questions behind it."""
        self.brokers = 0
        self.trouble = "it has not answered yet"
        """Why the cluster cannot be asked now; empty while it answers."""
        self._last_error = ""
        self._warned = False
        self._cluster_id = ""
        self._threads = DaemonThreads(THREADS, "cluster")
        self._probe_thread = DaemonThreads(1, "probe")
        self._probing: asyncio.Task[None] | None = None

    def _make_admin(self) -> AdminClient:
        return AdminClient(admin_config(self.config) | {"error_cb": self._note_error}, logger=librdkafka_logger)

    def renew(self) -> None:
        """Ask with another admin client from now on, and let the old one go when whoever asked it has been told."""
        old, self.admin = self.admin, self._make_admin()
        end = threading.Thread(target=_end, args=(old,), name="old-admin", daemon=True)
        asyncio.get_running_loop().call_later(self.config.timeout_s + LET_GO_S, end.start)

    def start(self) -> None:
        """Watch from now on whether the cluster is there."""
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    async def close(self) -> None:
        """Stop watching; calls under way end by themselves."""
        if self._probing is not None:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing
        self._threads.close()

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
            raise self.refusal(error, named) from error

    async def on_thread(self, work: Callable[[], T], named: str = "") -> T:
        """Do on a thread what blocks.

        Raises:
            BrokerError: what the cluster answered, or that it did not.
        """
        try:
            return await self._threads.run(work)
        except KafkaException as error:
            raise self.refusal(error, named) from error

    def refusal(self, error: KafkaException, named: str = "") -> BrokerError:
        """Give the core's error for what librdkafka raised, with the reason why the cluster is away, if it is known."""
        found = of_exception(error, named)
        is_known = self.trouble and (self._warned or self._last_error)
        return ClusterUnavailable(self.trouble) if is_known and isinstance(found, ClusterUnavailable) else found

    def _note_error(self, error: KafkaError) -> None:
        """Keep why a node cannot be reached: the call that waits for it only knows that its time is over."""
        if error.code() != ALL_AWAY:
            self._last_error = explained(error.str())
            if self.trouble:
                self.trouble = self._last_error

    async def _probe(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(PROBE_AWAY_S if self.trouble else PROBE_S)

    async def _look(self) -> None:
        """Ask the cluster who it is, and log when that changes."""
        asking = asyncio.ensure_future(self._probe_thread.run(self._ask_any_node))
        asking.add_done_callback(retrieve)
        while not asking.done():
            await asyncio.wait([asking], timeout=HEAR_S)
            self._hear()
        try:
            cluster = asking.result()
        except KafkaException as error:
            was_there = not self.trouble
            self.trouble = self._last_error or self._of_silence(error.args[0].str())
            if was_there or not self._warned:
                self._warned = True
                logger.warning(
                    "the Kafka cluster does not answer: %s; trying again every %d s", self.trouble, PROBE_AWAY_S
                )
            return
        if self.trouble:
            logger.info("the Kafka cluster %s answers, with %d nodes", cluster.cluster_id, len(cluster.brokers))
        self._cluster_id, self.brokers = str(cluster.cluster_id), len(cluster.brokers)
        self.trouble = self._last_error = ""

    def _of_silence(self, reason: str) -> str:
        return reason if self._cluster_id else f"{reason}; {NEVER_ANSWERED}"

    def _hear(self) -> None:
        """Take over what librdkafka logged and noticed meanwhile."""
        self.admin.poll(0)
        self.changes.poll(0)

    def _ask_any_node(self) -> ClusterMetadata:
        """Ask some node that librdkafka is connected to, and block; one that stands still must not speak for all.

        A request of the admin client proper goes to the controller that librdkafka heard of last, also where that
        node is gone. This one goes to any node, and tells librdkafka of the controller and the nodes that are there.
        """
        timeout_s = min(PROBE_S, self.config.timeout_s)
        for _ in range(PROBES - 1):
            with suppress(KafkaException):
                return self.admin.list_topics(PROBED_TOPIC, timeout=timeout_s)
        return self.admin.list_topics(PROBED_TOPIC, timeout=timeout_s)


def _end(admin: AdminClient) -> None:
    """End a client of librdkafka, whoever may still refer to it, and wait for its threads."""
    with admin:
        pass


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
