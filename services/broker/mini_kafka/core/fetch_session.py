"""Fetch sessions: a consumer says once what it reads, and from then on only what has changed (KIP-227).

The rules are those of Kafka's FetchManager. A session keeps the partitions in their order, those that gave records go
to the end of it, and an answer within a session leaves out a partition that has nothing new. Nothing here reads a log:
the owner reads what `partitions` names and gives each result to `is_news`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple
from uuid import UUID

NO_SESSION = 0
INITIAL_EPOCH = 0
FINAL_EPOCH = -1
MAX_SESSIONS = 1000
"""How many sessions are kept: Kafka's max.incremental.fetch.session.cache.slots."""
EVICTION_MS = 120_000
"""How long a session must have been idle before a new one may take its place: Kafka's own number."""
MAX_KEPT_PARTITIONS = 100_000
"""How many partitions all sessions together keep, 40 MB: without room a client is served without a session."""
MAX_PARTITIONS = 10_000
"""How many partitions one session keeps: what names more is served without one, because keeping it takes its time."""
MAX_EPOCH = 2**31 - 1


class SessionRefusal(Enum):
    """Why a request cannot go on with a session; the client then begins a new one."""

    UNKNOWN_SESSION = 1
    WRONG_EPOCH = 2
    OTHER_KIND_OF_TOPIC = 3


class FetchPartition:
    """A partition that a client reads: what it asked for, and what it was last told."""

    __slots__ = (
        "fetch_offset", "high_watermark", "last_fetched_epoch", "leader_epoch", "log_start_offset", "max_bytes",
        "partition", "topic",
    )  # fmt: skip

    def __init__(
        self, topic: str | UUID, partition: int, fetch_offset: int, max_bytes: int,
        leader_epoch: int = -1, last_fetched_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.topic = topic
        self.partition = partition
        self.fetch_offset = fetch_offset
        self.max_bytes = max_bytes
        self.leader_epoch = leader_epoch
        self.last_fetched_epoch = last_fetched_epoch
        self.high_watermark = -1
        self.log_start_offset = -1

    def is_news(self, high_watermark: int, log_start_offset: int, *, must_be_said: bool) -> bool:
        """Tell whether the client has to hear of this partition, and note what it is told.

        It must be where there are records or an error.
        """
        news = must_be_said or self.high_watermark != high_watermark or self.log_start_offset != log_start_offset
        self.high_watermark, self.log_start_offset = high_watermark, log_start_offset
        return news


class Opened(NamedTuple):
    """What a request reads: the session's id (0 without one), the partitions, and whether only news is answered."""

    session_id: int
    partitions: Sequence[FetchPartition]
    is_incremental: bool


class _Session:
    __slots__ = ("by_id", "epoch", "partitions", "used_ms")

    def __init__(self, by_id: bool) -> None:
        self.by_id = by_id
        self.epoch = 1
        self.used_ms = 0
        self.partitions: OrderedDict[tuple[str | UUID, int], FetchPartition] = OrderedDict()

    def ask(self, partition: FetchPartition) -> None:
        """Add a partition, or change what is asked of one; its place and what was told of it stay."""
        key = partition.topic, partition.partition
        known = self.partitions.get(key)
        if known is not None:
            partition.high_watermark, partition.log_start_offset = known.high_watermark, known.log_start_offset
        self.partitions[key] = partition


class FetchSessions:
    """All sessions of a broker; `new_id` draws random numbers from 1 on."""

    def __init__(
        self,
        new_id: Callable[[], int],
        max_sessions: int = MAX_SESSIONS,
        max_kept_partitions: int = MAX_KEPT_PARTITIONS,
    ) -> None:
        self._new_id = new_id
        self._max_sessions = max_sessions
        self._max_kept_partitions = max_kept_partitions
        self._sessions: OrderedDict[int, _Session] = OrderedDict()  # the one that was used last is the last one
        self._kept_partitions = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def open(
        self,
        session_id: int,
        epoch: int,
        wanted: Sequence[FetchPartition],
        forgotten: Sequence[tuple[str | UUID, int]],
        *,
        by_id: bool,
        now_ms: int,
    ) -> Opened | SessionRefusal:
        """Say what a request reads, by its session; a full one begins a new session where there is room."""
        if epoch in {INITIAL_EPOCH, FINAL_EPOCH}:
            self._end(session_id)
            return self._open_full(wanted, by_id, now_ms, may_begin=epoch == INITIAL_EPOCH)
        session = self._sessions.get(session_id)
        if session is None:
            return SessionRefusal.UNKNOWN_SESSION
        if session.by_id is not by_id:
            return SessionRefusal.OTHER_KIND_OF_TOPIC
        if session.epoch != epoch:
            return SessionRefusal.WRONG_EPOCH
        if len(wanted) + len(forgotten) > MAX_PARTITIONS:
            self._end(session_id)
            return SessionRefusal.UNKNOWN_SESSION
        self._kept_partitions -= len(session.partitions)
        for partition in wanted:
            session.ask(partition)
        for key in forgotten:
            session.partitions.pop(key, None)
        self._kept_partitions += len(session.partitions)
        if not session.partitions:
            self._end(session_id)
            return Opened(NO_SESSION, [], is_incremental=False)
        if self._kept_partitions > self._max_kept_partitions or len(session.partitions) > MAX_PARTITIONS:
            self._end(session_id)
            return SessionRefusal.UNKNOWN_SESSION
        self._touch(session_id, session, now_ms)
        session.epoch = 1 if session.epoch == MAX_EPOCH else session.epoch + 1
        return Opened(session_id, list(session.partitions.values()), is_incremental=True)

    def gave_records(self, session_id: int, partitions: Iterable[FetchPartition]) -> None:
        """Put partitions that were read from behind the others, so that none starves beside a busy one."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        for partition in partitions:
            key = partition.topic, partition.partition
            if session.partitions.get(key) is partition:
                session.partitions.move_to_end(key)

    def _open_full(self, wanted: Sequence[FetchPartition], by_id: bool, now_ms: int, *, may_begin: bool) -> Opened:
        if len(wanted) > MAX_PARTITIONS:
            return Opened(NO_SESSION, wanted, is_incremental=False)
        partitions = {(partition.topic, partition.partition): partition for partition in wanted}
        session_id = self._begin(partitions, by_id, now_ms) if may_begin else NO_SESSION
        return Opened(session_id, list(partitions.values()), is_incremental=False)

    def _begin(self, partitions: dict[tuple[str | UUID, int], FetchPartition], by_id: bool, now_ms: int) -> int:
        if len(self._sessions) >= self._max_sessions and not self._evict(now_ms):
            return NO_SESSION
        if self._kept_partitions + len(partitions) > self._max_kept_partitions:
            return NO_SESSION
        session = _Session(by_id)
        session.partitions.update(partitions)
        session_id = self._new_id()
        while session_id == NO_SESSION or session_id in self._sessions:
            session_id = self._new_id()
        self._sessions[session_id] = session
        self._kept_partitions += len(partitions)
        self._touch(session_id, session, now_ms)
        return session_id

    def _touch(self, session_id: int, session: _Session, now_ms: int) -> None:
        session.used_ms = now_ms
        self._sessions.move_to_end(session_id)

    def _evict(self, now_ms: int) -> bool:
        """Make room by ending the session that was idle the longest, if that was long enough."""
        oldest = next(iter(self._sessions), None)
        if oldest is None or now_ms - self._sessions[oldest].used_ms < EVICTION_MS:
            return False
        self._end(oldest)
        return True

    def _end(self, session_id: int) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            self._kept_partitions -= len(session.partitions)
