"""A group's broker for tests of its members, with the broker's own rules and a clock that the test moves."""

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from mini_kafka.core.in_flight_ranges import State
from mini_kafka.core.share_partition import InFlightLimit, Lock, SharePartition, Stretch
from mini_kafka_consumer.group_member import GroupMember
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_shared.client import BrokerClient
from mini_kafka_shared.schemas import Message
from mini_kafka_shared.schemas_v1 import Acknowledged, AcknowledgeRequest, AcquiredRecord
from tests.support.stop import Stop

MAX_DELIVERIES = 5


class FakeBroker(BrokerClient):
    """Shares a topic's values by the broker's own rules; a poll that finds nothing waits, and calls `at_end`.

    `before` and `after` hold, for each call by its name, what is raised instead of doing it, and instead of answering.
    """

    def __init__(self, stop: Stop, *values: str) -> None:
        super().__init__("http://broker:8000")
        self.stop, self.values = stop, list(values)
        self.before: defaultdict[str, deque[BaseException | None]] = defaultdict(deque)
        self.after: defaultdict[str, deque[BaseException | None]] = defaultdict(deque)
        self.calls: list[str] = []
        self.wishes: list[AcknowledgeRequest] = []
        self.members: set[str] = set()
        self.most_asked = 0
        self.hurried = False
        self.at_end: Callable[[], None] = stop.set
        self.share = SharePartition(0, MAX_DELIVERIES, InFlightLimit(1000), itertools.count(1))

    @property
    def now_ms(self) -> int:
        return round(self.stop.now * 1000)

    def forget(self) -> None:
        """Start anew: no record, no lock."""
        self.values.clear()
        self.share.reset(0)

    def hurry(self, seconds: float) -> None:
        self.hurried = True

    def acquire(
        self, group: str, topic: str, member: str, *, max_records: int, wait_ms: int, lock_ms: int
    ) -> list[AcquiredRecord]:
        self._begin("acquire")
        self.members.add(member)
        self.most_asked = max(self.most_asked, max_records)
        found = self.take(max_records, lock_ms, member)
        if not found:
            self.stop.now += wait_ms / 1000
            if wait_ms and not self.share.count(State.DELAYED):
                self.at_end()
        self._end("acquire")
        return found

    def take(self, max_records: int, lock_ms: int, member: str) -> list[AcquiredRecord]:
        self.share.expire(self.now_ms, 1000)
        acquired = self.share.acquire_available(self.now_ms, max_records, lock_ms, member)
        left = max_records - sum(each.lock.end_offset - each.lock.base_offset for each in acquired)
        first, end = self.share.next_offset, min(self.share.next_offset + left, len(self.values))
        acquired += self.share.acquire_new(self.now_ms, Stretch(first, end, range(first, end)), left, lock_ms, member)
        return [
            AcquiredRecord(
                topic="t",
                partition=0,
                offset=offset,
                value=self.values[offset],
                delivery_count=each.delivery_count,
                lock=f"{offset}:{each.lock.acquisition}",
            )
            for each in acquired
            for offset in range(each.lock.base_offset, each.lock.end_offset)
        ]

    def acknowledge(self, group: str, request: AcknowledgeRequest) -> Acknowledged:
        self._begin("acknowledge")
        self.wishes.append(request)
        now_ms, share = self.now_ms, self.share
        accepted = share.accept(now_ms, _locks(request.accept))
        rejected = share.reject(now_ms, _locks(request.reject))
        late = [*accepted.late, *rejected.late]
        released = renewed = 0
        for each in request.release:
            lock, delay_ms = (each, 0) if isinstance(each, str) else (each.lock, each.delay_ms)
            done = share.release(now_ms, _locks([lock]), delay_ms)
            released, late = released + done.records, late + done.late
        done = share.renew(now_ms, _locks(request.renew), request.lock_ms)
        renewed, late = done.records, late + done.late
        self._end("acknowledge")
        return Acknowledged(
            accepted=accepted.records,
            released=released,
            rejected=rejected.records,
            renewed=renewed,
            expired=[f"{lock.base_offset}:{lock.acquisition}" for lock in late],
        )

    def release_member(self, group: str, member: str) -> int:
        self._begin("release_member")
        held = self.share.held_by_member().get(member, 0)
        self.share.release_member(member, 1000)
        return held

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        _raise_next(self.before[call])

    def _end(self, call: str) -> None:
        _raise_next(self.after[call])


def _raise_next(errors: deque[BaseException | None]) -> None:
    if errors and (error := errors.popleft()):
        raise error


def _locks(texts: Sequence[str]) -> list[Lock]:
    pairs = [tuple(map(int, text.split(":"))) for text in texts]
    return [Lock(offset, offset + 1, acquisition) for offset, acquisition in pairs]


class Run:
    """One run with everything around it replaced; `during` is called with each value that the handler gets."""

    def __init__(self, *values: str, **settings: object) -> None:
        self.stop = Stop()
        self.broker = FakeBroker(self.stop, *values)
        self.said: list[str] = []
        self.written: list[str] = []
        given = ConsumerSettings.model_validate({"topic": "t", "consumer_id": "c", "group": "g", **settings})
        self.runner = GroupMember(
            self.broker, given, self.stop, say=self.said.append, write=self.written.append, clock=self.stop.clock
        )
        self.handled: list[str] = []
        self.during: Callable[[str], object] = lambda value: None

    def __call__(self) -> int:
        return self.runner.run()

    def handle(self, message: Message) -> str:
        self.during(message.value)
        self.handled.append(message.value)
        return f"got  {message.value}"

    def count(self, state: State) -> int:
        return self.broker.share.count(state)


def fail_at(bad: str) -> Callable[[str], None]:
    """Make a handler's `during` that raises at one value."""

    def during(value: str) -> None:
        if value == bad:
            raise ValueError("cannot do this")

    return during
