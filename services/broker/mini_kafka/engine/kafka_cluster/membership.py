"""One member of one Kafka group, on a thread of its own: what it is assigned, what it receives, what it commits.

librdkafka tells of assignments inside `poll`, and waits until it is answered; so the member lives on a thread, and the
loop hears of everything through `MemberEvents`, each call of which the thread waits for. That is also what bounds it:
nothing is polled before the loop has taken what came before. The loop's orders wait in a queue, at most for one poll.

The protocol is the classic one with cooperative-sticky assignment, which every compatible cluster knows, and which
takes from a member only what moves. A member that falls silent is missed after `SESSION_MS`.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

import confluent_kafka
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicCollection
from confluent_kafka.admin import OffsetSpec

from mini_kafka.core.errors import BrokerError, ClusterUnavailable, GroupKindConflict
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.batch_reader import AnyRecord
from mini_kafka.engine.kafka_cluster.cluster_config import LibrdkafkaConfig, client_config
from mini_kafka.engine.kafka_cluster.cluster_errors import PARTITION_EOF, TOPIC_GONE, known_offset, translated
from mini_kafka.engine.kafka_cluster.connection import Connection, librdkafka_logger
from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark, read_mark
from mini_kafka.engine.kafka_cluster.pooled_reader import record_of, size_of
from mini_kafka.engine.kafka_cluster.topic_ids import id_of

SESSION_MS = 10_000
"""How long a gateway that has died keeps its partitions; a cluster takes no less than 6 s unless it is told to."""
HEARTBEAT_MS = 1000
"""How soon a member hears that another has come: at the next heartbeat."""
METADATA_MS = 5000
"""How soon a member hears of partitions that were added."""
QUEUE_KB = 4096
"""What librdkafka fetches ahead of the windows, for all partitions of a group together."""
IDLE_S = 0.05
"""How long a poll waits for a record, and an order for the poll."""
COMMIT_EVERY_S = 0.02
"""The shortest time between two commits of one member; with `IDLE_S`, an accepted record waits for 70 ms at most."""
BATCH_RECORDS = 500
BATCH_BYTES = 1024 * 1024
"""What one poll hands to the loop at most, but at least one record: a millisecond of its time."""
CALLBACK_S = 10.0
"""How long the cluster may take to say what is committed while the group waits for this member."""
FLUSH_S = 3.0
LOOK_AGAIN_S = 0.1
LOOP_S = 60.0
"""How long the loop may take to hear of something, before the member gives up its place."""

HOPELESS = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.INVALID_GROUP_ID,
     KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.INVALID_SESSION_TIMEOUT, KafkaError.GROUP_MAX_SIZE_REACHED}
)  # fmt: skip
"""What no waiting helps against: the member leaves, and the next call for its group tries anew."""
logger = logging.getLogger(__name__)
T = TypeVar("T")


class Assigned(NamedTuple):
    """A partition that is the member's now: where to begin, where the log ends, and what was noted with the offset."""

    partition: TopicPartition
    offset: int
    log_end_offset: int
    mark: Mark
    """It has the id of the topic as it is now."""
    is_new: bool
    """Whether the group had committed nothing there, or only in an earlier topic of that name."""


class Received(NamedTuple):
    """What came of a partition: records, and an offset below which there is no other one."""

    partition: TopicPartition
    records: Sequence[AnyRecord]
    end: int


class MemberEvents(Protocol):
    """Who hears of a member's fate, on the loop."""

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        """Hear that partitions are the member's from now on, on top of those it has; also when there is none."""

    def taken_back(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, Committed]:
        """Hear that partitions are the member's no more, and say what is to be committed of them, if it still can."""

    def received(self, news: Sequence[Received]) -> Sequence[TopicPartition]:
        """Take records in, and say of which partitions no more should come for now."""

    def topic_gone(self, topic: str) -> None:
        """Hear that the cluster does not know a topic, or not any more."""

    def ended(self, error: BrokerError | None) -> None:
        """Hear that the member has left, and why if it did not want to."""


class Membership:
    """A member of a group, from `start` until `close`."""

    def __init__(self, connection: Connection, group: str, client_id: str, events: MemberEvents) -> None:
        self._connection = connection
        self._group = group
        self._client_id = client_id
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._commits: SimpleQueue[tuple[TopicPartition, Committed]] = SimpleQueue()
        self._stopping = False
        self._consumer: Consumer
        self._mine: set[TopicPartition] = set()
        self._to_commit: dict[TopicPartition, Committed] = {}
        self._flushing: list[Future[None]] = []
        self._commit_at = 0.0
        self._is_committing = False
        """Whether a commit is under way: of two that fail, the older one must not be tried again over the newer."""
        self._batch: dict[TopicPartition, list[AnyRecord]] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._over: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Join the group, as soon as there is a topic to subscribe to."""
        threading.Thread(target=self._run, name=f"group-{self._group[:40]}", daemon=True).start()

    def subscribe(self, topics: Sequence[str]) -> None:
        """Want these topics and no others."""
        wanted = list(topics)
        self._orders.put(
            lambda: self._consumer.subscribe(
                wanted, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        )

    def commit(self, partition: TopicPartition, committed: Committed) -> None:
        """Commit an offset soon; a later one of the same partition takes its place."""
        self._commits.put((partition, committed))

    def resume(self, partition: TopicPartition) -> None:
        """Let records of a partition come in again."""
        self._orders.put(lambda: self._consumer.resume([confluent_kafka.TopicPartition(*partition)]))

    def _take_commits(self) -> None:
        with suppress(Empty):
            while True:
                partition, committed = self._commits.get_nowait()
                if partition in self._mine:
                    self._to_commit[partition] = committed

    async def flush(self) -> None:
        """Wait until what was to be committed is, for a time: while a group moves partitions, it takes no commit."""
        done: Future[None] = Future()
        self._orders.put(lambda: self._flushing.append(done))
        waited = (asyncio.wrap_future(done), self._over)
        await asyncio.wait(waited, timeout=FLUSH_S, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Commit what is done, leave the group, and wait for it."""
        self._stopping = True
        await asyncio.shield(self._over)

    def _run(self) -> None:
        error: BrokerError | None = None
        try:
            self._consumer = Consumer(self._config(), logger=librdkafka_logger)
            try:
                self._live()
            finally:
                self._consumer.close()
        except BrokerError as refusal:
            error = refusal
        except KafkaException as refusal:
            error = translated(refusal.args[0], self._group)
        except Exception:
            logger.exception("the member of group %s fails: a bug in the broker", self._group)
        with suppress(RuntimeError):  # the loop is closed, and nobody is interested any more
            self._loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BrokerError | None) -> None:
        if not self._over.done():
            self._over.set_result(None)
        self._events.ended(error)

    def _config(self) -> LibrdkafkaConfig:
        return client_config(self._connection.config) | {
            "group.id": self._group,
            "client.id": self._client_id,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "topic.metadata.refresh.interval.ms": METADATA_MS,
            "queued.max.messages.kbytes": QUEUE_KB,
            "on_commit": self._on_commit,
        }

    def _live(self) -> None:
        while not self._stopping:
            with suppress(Empty):
                while True:
                    self._orders.get_nowait()()
            self._take_commits()
            if self._to_commit and not self._is_committing and time.monotonic() >= self._commit_at:
                self._commit_at = time.monotonic() + COMMIT_EVERY_S
                wanted, self._to_commit, self._is_committing = self._to_commit, {}, True
                self._consumer.commit(offsets=_offsets(wanted), asynchronous=True)
            while self._flushing and not (self._to_commit or self._is_committing):
                self._flushing.pop().set_result(None)
            self._poll()
            if self._batch or self._ends:
                news = [
                    Received(partition, self._batch.get(partition, ()), self._ends.get(partition, 0))
                    for partition in {**self._batch, **self._ends}
                ]
                full = self._on_loop(lambda news=news: self._events.received(news))  # type: ignore[misc]
                if full:
                    self._consumer.pause([confluent_kafka.TopicPartition(*partition) for partition in full])
                self._batch, self._ends = {}, {}

    def _poll(self) -> None:
        """Collect what has come, by partition; waits for the first record, and for no second one."""
        message = self._consumer.poll(IDLE_S)
        count = size = 0
        while message is not None:
            error = message.error()
            if error is None:
                read = record_of(message)
                place = TopicPartition(message.topic() or "", read.partition)
                self._batch.setdefault(place, []).append(read.record)
                count, size = count + 1, size + size_of(message)
            else:
                self._hear(error, message)
            if count >= BATCH_RECORDS or size >= BATCH_BYTES:
                return
            message = self._consumer.poll(0)

    def _hear(self, error: KafkaError, message: Message) -> None:
        code, topic = error.code(), message.topic()
        if code == PARTITION_EOF and topic is not None:
            place = TopicPartition(topic, int(message.partition() or 0))
            self._ends[place] = int(message.offset() or 0)
        elif code in TOPIC_GONE and topic is not None:
            self._on_loop(lambda: self._events.topic_gone(topic))
        elif code == KafkaError.INCONSISTENT_GROUP_PROTOCOL:
            raise GroupKindConflict(self._group, "has Kafka consumers", error.str())
        elif code in HOPELESS or error.fatal():
            raise translated(error, topic or self._group)
        else:
            logger.info("group %s: %s", self._group, error.str())

    def _on_assign(self, _: Consumer, partitions: Sequence[confluent_kafka.TopicPartition]) -> None:
        """Begin where the group has committed, and commit the log's start where it has nothing."""
        assigned = self._patiently(lambda: self._look_up(partitions)) if partitions else []
        self._on_loop(lambda: self._events.assigned(assigned))
        if assigned:
            places = [confluent_kafka.TopicPartition(*one.partition, one.offset) for one in assigned]
            self._consumer.incremental_assign(places)
            self._consumer.resume(places)
            self._mine.update(one.partition for one in assigned)
            self._to_commit.update({one.partition: Committed(one.offset, one.mark) for one in assigned if one.is_new})

    def _patiently(self, work: Callable[[], T]) -> T:
        """Ask the cluster once more while its nodes do not agree yet, for instance on a partition just added."""
        until = time.monotonic() + CALLBACK_S
        while True:
            try:
                return work()
            except KafkaException as error:
                if time.monotonic() >= until:
                    raise ClusterUnavailable(f"partitions assigned to group {self._group!r}: {error}") from error
                time.sleep(LOOK_AGAIN_S)

    def _look_up(self, partitions: Sequence[confluent_kafka.TopicPartition]) -> list[Assigned]:
        committed = self._consumer.committed(list(partitions), timeout=CALLBACK_S)
        for one in committed:
            if one.error is not None:  # not the same as nothing: that would commit the log's start
                raise KafkaException(one.error)
        ids = self._topic_ids({one.topic for one in partitions})
        places = [confluent_kafka.TopicPartition(one.topic, one.partition) for one in partitions]
        ends = self._offsets_at(places, OffsetSpec.latest())
        starts = self._offsets_at(places, OffsetSpec.earliest())
        assigned = []
        for one in committed:
            place, topic_id = TopicPartition(one.topic, one.partition), ids[one.topic]
            before = Committed(one.offset, read_mark(one.metadata))
            is_new = one.offset < 0 or not before.is_of(topic_id)
            registered = before.mark is not None and before.mark.registered and not is_new
            mark = Mark("shared", registered, topic_id)
            assigned.append(Assigned(place, starts[place] if is_new else one.offset, ends[place], mark, is_new))
        return assigned

    def _topic_ids(self, topics: Iterable[str]) -> dict[str, UUID]:
        asked = self._connection.admin.describe_topics(TopicCollection([*topics]), request_timeout=CALLBACK_S)
        return {name: id_of(future.result()) for name, future in asked.items()}

    def _offsets_at(
        self, places: Sequence[confluent_kafka.TopicPartition], spec: OffsetSpec
    ) -> dict[TopicPartition, int]:
        if not places:
            return {}
        asked = self._connection.admin.list_offsets(
            dict.fromkeys(places, spec), isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=CALLBACK_S
        )
        return {
            TopicPartition(one.topic, one.partition): known_offset(future.result().offset)
            for one, future in asked.items()
        }

    def _on_revoke(self, _: Consumer, partitions: Sequence[confluent_kafka.TopicPartition]) -> None:
        """Commit what is done before another member begins there."""
        to_commit = self._let_go(partitions)
        try:
            self._commit(to_commit)
        except KafkaException as error:
            logger.warning(
                "group %s: offsets of %d partitions that move were not committed, so records come twice: %s",
                self._group, len(to_commit), error.args[0].str(),
            )  # fmt: skip

    def _on_lost(self, _: Consumer, partitions: Sequence[confluent_kafka.TopicPartition]) -> None:
        logger.warning("group %s: %d partitions were lost, and their records come again", self._group, len(partitions))
        self._let_go(partitions)

    def _let_go(self, partitions: Sequence[confluent_kafka.TopicPartition]) -> Mapping[TopicPartition, Committed]:
        """End what there is of partitions, and give what was to be committed of them, also where a share had ended.

        What came and what was ordered before would be taken for what comes after the next assignment.
        """
        places = [TopicPartition(one.topic, one.partition) for one in partitions]
        for place in places:
            self._batch.pop(place, None)
            self._ends.pop(place, None)
        done = self._on_loop(lambda: self._events.taken_back(places))
        self._take_commits()
        noted = {place: self._to_commit.pop(place) for place in places if place in self._to_commit}
        self._mine.difference_update(places)
        return {**noted, **done}

    def _commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        if offsets:
            self._consumer.commit(offsets=_offsets(offsets), asynchronous=False)

    def _on_commit(self, error: KafkaError | None, partitions: Sequence[confluent_kafka.TopicPartition]) -> None:
        """Commit once more what could not be committed now, unless there is a later offset.

        While a group moves partitions it refuses commits, also of partitions that stay where they are.
        """
        self._is_committing = False
        for one in partitions:
            place = TopicPartition(one.topic, one.partition)
            if (one.error or error) is not None and place in self._mine:
                self._to_commit.setdefault(place, Committed(one.offset, read_mark(one.metadata)))
                self._commit_at = time.monotonic() + LOOK_AGAIN_S

    def _on_loop(self, work: Callable[[], T]) -> T:
        """Have something done on the loop, and wait for it."""
        done: Future[T] = Future()

        def do() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again, on the thread that asked
                done.set_exception(error)

        self._loop.call_soon_threadsafe(do)
        try:
            return done.result(LOOP_S)
        except TimeoutError:
            raise ClusterUnavailable("this gateway stood still, and gives up its place in the group") from None


def _offsets(offsets: Mapping[TopicPartition, Committed]) -> list[confluent_kafka.TopicPartition]:
    return [
        confluent_kafka.TopicPartition(*place, offset, metadata=str(mark) if mark else "")
        for place, (offset, mark) in offsets.items()
    ]
