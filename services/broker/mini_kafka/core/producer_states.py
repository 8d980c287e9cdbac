"""What each log remembers of its idempotent producers, so that a batch that is sent again is appended once.

The rules are Kafka's (KIP-98; ProducerStateManager and ProducerAppendInfo in the Java sources): the last five batches
of a producer in a partition are known by their sequences, a repeat gets the offset that it got, a gap is refused, and
an older epoch is fenced off. A producer that is not known may begin anywhere: the broker may have forgotten it.
(`producer_sequences` does the like for producers of the HTTP API, which name themselves and count requests.)
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from mini_kafka.core.client_batch import ClientBatch
from mini_kafka.core.errors import OutOfOrderSequence, StaleProducerEpoch
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.partition_log import PartitionLog

REMEMBERED_BATCHES = 5
"""Batches kept for a producer and a partition: as many requests as Kafka's producer may have under way."""
MAX_PRODUCERS = 100_000
"""Producers times partitions that are remembered; the one that was silent the longest is forgotten first."""
EXPIRATION_MS = 24 * 60 * 60 * 1000
"""How long a silent producer is remembered: Kafka's producer.id.expiration.ms."""
COST_BYTES = 1000
"""What one producer in one partition costs, with five batches: it counts against the memory limit."""
_MAX_SEQUENCE = 2**31 - 1


class KnownBatch(NamedTuple):
    """A batch that was appended, by its sequences, and where it came to lie."""

    first_sequence: int
    last_sequence: int
    base_offset: int
    timestamp_ms: int


class ProducerState:
    """One producer in one log."""

    __slots__ = ("appended_ms", "batches", "epoch", "producer_id")

    def __init__(self, producer_id: int, epoch: int) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.appended_ms = 0
        self.batches: list[KnownBatch] = []


class ProducerStates:
    """The producers of all logs."""

    def __init__(
        self, budget: MemoryBudget, max_producers: int = MAX_PRODUCERS, expiration_ms: int = EXPIRATION_MS
    ) -> None:
        self._budget = budget
        self._max_producers = max_producers
        self._expiration_ms = expiration_ms
        self._states: OrderedDict[tuple[PartitionLog, int], ProducerState] = OrderedDict()
        self._of_log: dict[PartitionLog, dict[int, ProducerState]] = {}

    def __len__(self) -> int:
        return len(self._states)

    def repeated(self, log: PartitionLog, batch: ClientBatch, now_ms: int) -> KnownBatch | None:
        """Find the batch that this one repeats, or None if it is the next one and has to be appended.

        Raises:
            StaleProducerEpoch: it is of an older epoch.
            OutOfOrderSequence: it is not the next one, and no repeat of the last five.
        """
        self._forget_expired(now_ms)
        state = self._states.get((log, batch.producer_id))
        if state is None:
            return None
        if batch.producer_epoch < state.epoch:
            raise StaleProducerEpoch(batch.producer_id, batch.producer_epoch, state.epoch)
        expected = 0
        if batch.producer_epoch == state.epoch:
            last_sequence = _last_sequence(batch)
            for known in state.batches:
                if known.first_sequence == batch.base_sequence and known.last_sequence == last_sequence:
                    return known
            expected = _after(state.batches[-1].last_sequence, 1)
        if batch.base_sequence != expected:
            raise OutOfOrderSequence(batch.producer_id, expected, batch.base_sequence)
        return None

    def remember(self, log: PartitionLog, batch: ClientBatch, base_offset: int, now_ms: int) -> None:
        """Note a batch that `repeated` let through and that was appended."""
        key = log, batch.producer_id
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = ProducerState(batch.producer_id, batch.producer_epoch)
            self._of_log.setdefault(log, {})[batch.producer_id] = state
            self._budget.charge(COST_BYTES)
            if len(self._states) > self._max_producers:
                self._forget_oldest()
        elif state.epoch != batch.producer_epoch:
            state.epoch = batch.producer_epoch
            state.batches.clear()
        self._states.move_to_end(key)
        state.appended_ms = now_ms
        state.batches.append(
            KnownBatch(batch.base_sequence, _last_sequence(batch), base_offset, batch.max_timestamp_ms)
        )
        if len(state.batches) > REMEMBERED_BATCHES:
            del state.batches[0]

    def of_log(self, log: PartitionLog, now_ms: int) -> list[ProducerState]:
        """Give the producers that a log remembers."""
        self._forget_expired(now_ms)
        return list(self._of_log.get(log, {}).values())

    def forget(self, logs: Iterable[PartitionLog]) -> None:
        """Drop what is remembered for the logs of a topic that is gone."""
        for log in logs:
            for producer_id in self._of_log.pop(log, {}):
                del self._states[log, producer_id]
                self._budget.release(COST_BYTES)

    def _forget_expired(self, now_ms: int) -> None:
        """Drop who was silent for too long: the first ones, because each append moves its producer to the end."""
        while self._states:
            state = next(iter(self._states.values()))
            if now_ms - state.appended_ms < self._expiration_ms:
                return
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        (log, producer_id), _ = self._states.popitem(last=False)
        self._budget.release(COST_BYTES)
        of_log = self._of_log[log]
        del of_log[producer_id]
        if not of_log:
            del self._of_log[log]


def _last_sequence(batch: ClientBatch) -> int:
    return _after(batch.base_sequence, batch.record_count - 1)


def _after(sequence: int, count: int) -> int:
    """Count on from a sequence; after the largest comes 0."""
    return (sequence + count) & _MAX_SEQUENCE
