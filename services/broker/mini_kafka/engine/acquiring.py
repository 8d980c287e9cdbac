"""Records for one acquire call: a fair turn for each partition, locked by its share and read from its log.

New records are read first and locked then; what came back is locked first and read then. Decompressing a large batch
may wait, and meanwhile a share can end, a lock run out or somebody take the records: what is no longer held is left
out in the end, and a call that is cancelled gives its records back. It waits for no record; that is `shared_groups`'.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Generic, NamedTuple, Protocol, TypeVar

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.share_group import L, SharedLog, TopicShare
from mini_kafka.core.share_partition import Acquired, Lock, Stretch
from mini_kafka.engine.batch_reader import AnyRecord
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.group_values import AcquiredRecord, RecordLock
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import READ_BYTES
from mini_kafka.engine.reader import COLLECTED_BATCHES
from mini_kafka.engine.rows import rows

RANGES_PER_SLICE = 200
"""Ranges of records in flight that are worked on before others get their turn: a millisecond or two."""
PARTITIONS_PER_SLICE = 10
"""Partitions that records are acquired from before others get their turn: a millisecond or two."""
FIRST_AGAIN = 4
"""Records that are acquired again at once. Their size is known only when they are locked and read, so a call takes
twice as many each time, and stops when it has bytes enough."""

R = TypeVar("R", bound=SharedLog, contravariant=True)


class LogReader(Protocol[R]):
    """Reads records of one log, as `reader.Reader` does."""

    async def read_partition(
        self, log: R, offset: int, max_records: int, max_bytes: int, max_batches: int = COLLECTED_BATCHES
    ) -> tuple[list[AnyRecord], int, int]:
        """Give records from an offset on, the offset to go on at, and the bytes that were read."""

    async def read_ranges(self, log: R, ranges: Sequence[tuple[int, int]]) -> tuple[dict[int, AnyRecord], int]:
        """Read the records in ascending ranges of offsets, those that the log still has; count the bytes."""


class _Taken(NamedTuple, Generic[L]):
    shared: TopicShare[L]
    acquired: Acquired
    records: dict[int, AnyRecord]


class Order(NamedTuple):
    """What a call wants of each partition: how long the locks are to last, and for whom."""

    lock_ms: int
    member: str | None


class Acquiring(Generic[L]):
    """Locks and reads records of shares; `changed` hears of each share that was changed."""

    def __init__(self, clock: Clock, reader: LogReader[L], changed: Callable[[TopicShare[L]], None]) -> None:
        self._clock = clock
        self._reader = reader
        self._changed = changed

    def has_something(self, shared: TopicShare[L]) -> bool:
        """Tell whether a share may have a record to acquire now; note where only room is missing."""
        share = shared.share
        if share.count(State.AVAILABLE):
            return True
        if share.next_offset >= shared.log.high_watermark:
            return False
        if not shared.group.in_flight.room:
            shared.group.wants_room = True
            return shared.log.log_start_offset > share.committed_offset  # what is gone makes room
        return True

    async def acquire(
        self, candidates: Sequence[TopicShare[L]], max_records: int, lock_ms: int, member: str | None
    ) -> list[AcquiredRecord]:
        """Acquire at most `max_records` records, and of each partition a fair part."""
        order = Order(lock_ms, member)
        taken: list[_Taken[L]] = []
        records_left, bytes_left = max_records, READ_BYTES
        pace = Pace(PARTITIONS_PER_SLICE)
        try:
            for place, shared in enumerate(candidates):
                await pace.step()
                if shared.ended:
                    continue
                others = len(candidates) - place
                count, size = await self._take(
                    shared, -(-records_left // others), max(bytes_left // others, 1), order, taken
                )
                records_left -= count
                bytes_left -= size
                if records_left <= 0 or bytes_left <= 0:
                    break
        except (asyncio.CancelledError, BrokerError):  # of a log that is elsewhere, and cannot be read now
            self._give_back(taken)
            raise
        return self._still_held(taken)

    async def _take(
        self, shared: TopicShare[L], max_records: int, max_bytes: int, order: Order, taken: list[_Taken[L]]
    ) -> tuple[int, int]:
        """Take records of one partition, those that came back first; count them and their bytes."""
        shared.share.expire(self._clock.now_ms(), RANGES_PER_SLICE)
        pace = Pace(RANGES_PER_SLICE // 2)
        while not shared.ended and shared.catch_up(RANGES_PER_SLICE):
            await pace.step(RANGES_PER_SLICE)
        count = size = 0
        at_once = FIRST_AGAIN
        while not shared.ended and count < max_records and size < max_bytes:
            now_ms = self._clock.now_ms()
            wanted = min(at_once, max_records - count, RANGES_PER_SLICE // 2)
            again = shared.share.acquire_available(now_ms, wanted, order.lock_ms, order.member)
            if not again:
                break
            part = [_Taken(shared, acquired, {}) for acquired in again]
            taken += part  # before they are read: a call that is cancelled there gives them back
            self._changed(shared)
            more, read = await self._read_again(shared, part)
            count, size, at_once = count + more, size + read, at_once * 2
            await pace.step(wanted)
        if not shared.ended and count < max_records and size < max_bytes:
            more, read = await self._take_new(shared, max_records - count, max_bytes - size, order, taken)
            count, size = count + more, size + read
        if not shared.ended:
            self._changed(shared)
        return count, size

    async def _take_new(
        self, shared: TopicShare[L], max_records: int, max_bytes: int, order: Order, taken: list[_Taken[L]]
    ) -> tuple[int, int]:
        share, log = shared.share, shared.log
        room = min(max_records, shared.group.in_flight.room)
        base = share.next_offset
        if room <= 0 or not log.log_start_offset <= base < log.high_watermark:
            return 0, 0
        batches = min(room, COLLECTED_BATCHES)  # without a record are only a few, and then the call looks again
        records, end, size = await self._reader.read_partition(log, base, room, max_bytes, batches)
        if shared.ended:
            return 0, 0
        found = {record.offset: record for record in records}
        new = share.acquire_new(
            self._clock.now_ms(), Stretch(base, end, list(found)), room, order.lock_ms, order.member
        )
        taken += [_Taken(shared, acquired, found) for acquired in new]
        return sum(acquired.lock.end_offset - acquired.lock.base_offset for acquired in new), size

    async def _read_again(self, shared: TopicShare[L], part: Sequence[_Taken[L]]) -> tuple[int, int]:
        """Read records that were locked by their offsets; those that compaction took away are done with that."""
        ranges = [(taken.acquired.lock.base_offset, taken.acquired.lock.end_offset) for taken in part]
        found, size = await self._reader.read_ranges(shared.log, ranges)
        count = 0
        now_ms = self._clock.now_ms()
        for taken in part:
            base, end, acquisition = taken.acquired.lock
            for offset in range(base, end):
                if offset in found:
                    taken.records[offset] = found[offset]
                    count += 1
                elif not shared.ended and offset >= shared.log.log_start_offset:
                    shared.share.accept(now_ms, [Lock(offset, offset + 1, acquisition)])
        return count, size

    def _give_back(self, taken: Sequence[_Taken[L]]) -> None:
        for shared, acquired, _ in taken:
            if not shared.ended:
                shared.share.release(self._clock.now_ms(), [acquired.lock])
                self._changed(shared)

    def _still_held(self, taken: Sequence[_Taken[L]]) -> list[AcquiredRecord]:
        """Give the records that were taken and read, and are still locked."""
        now_ms = self._clock.now_ms()
        answer: list[AcquiredRecord] = []
        for shared, acquired, records in taken:
            (base, end, acquisition), delivery_count, deadline_ms = acquired
            offsets: Sequence[int] = range(base, end)
            if len(records) < end - base or not shared.share.holds(now_ms, acquired.lock):
                offsets = [
                    offset
                    for offset in offsets
                    if offset in records and shared.share.holds(now_ms, Lock(offset, offset + 1, acquisition))
                ]
            topic, partition = (repeat(each) for each in shared.partition)
            topic_id, one = repeat(shared.topic.topic_id), repeat(1)
            locks = rows(RecordLock, topic_id, topic, partition, offsets, repeat(acquisition), one)
            found = map(records.__getitem__, offsets)
            answer += rows(AcquiredRecord, topic, partition, found, repeat(delivery_count), locks, repeat(deadline_ms))
        return answer
