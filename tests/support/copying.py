"""Two sides of a copy without sockets: logs with holes and lost heads, and answers that get lost.

A side's fate is a list, one word for each produce request: `ok`, `away` (not appended), `lost` (appended, and no
answer), `half` (the first half appended, and no answer), `kill`, which ends the run there, after the append, or `late`
and `late kill`: appended while somebody waits for the ends to settle, or else before the next request. When it is used
up, everything is well.
"""

import threading
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from mini_kafka.copying.records import CopiedRecord, Page
from mini_kafka.copying.sides import RecordClient, Side
from mini_kafka_shared.client import BrokerUnavailable, NotRegistered, Refused
from mini_kafka_shared.schemas_v1 import (
    Broker,
    GroupDetails,
    GroupPartitionDetails,
    GroupSummary,
    OffsetMove,
    OffsetWishes,
    TopicDetails,
    TopicPartitionDetails,
    TopicWish,
)

TOPIC = "t"


class Killed(BaseException):
    """The process is gone."""


def record(offset: int, value: str | None = None, *, partition: int = 0, **fields: Any) -> CopiedRecord:
    return CopiedRecord(partition, offset, timestamp=offset, value=f"v{offset}" if value is None else value, **fields)


class FakeLog:
    """A partition: records by offset, ascending."""

    def __init__(self, records: Iterable[CopiedRecord] = (), log_start: int = 0, high_watermark: int = 0) -> None:
        self.records = list(records)
        self.log_start = log_start
        self.high_watermark = max([high_watermark, log_start, *(each.offset + 1 for each in self.records)])

    def append(self, records: Sequence[CopiedRecord]) -> list[int]:
        first = self.high_watermark
        for number, each in enumerate(records):
            self.records.append(msgspec.structs.replace(each, offset=first + number))
        self.high_watermark += len(records)
        return list(range(first, self.high_watermark))

    def drop_head(self, log_start: int) -> None:
        self.log_start = log_start
        self.records = [each for each in self.records if each.offset >= log_start]


class FakeSide(Side):
    """A side whose broker is in this process; as a client of itself it is asked for one topic."""

    def __init__(
        self, name: str, *logs: FakeLog, is_numbered: bool = True, page: int = 3, max_body_bytes: int = 10_000
    ) -> None:
        self.logs = list(logs)
        self.topic_id = uuid.uuid4()
        self.configs: dict[str, str] = {}
        self.fate: list[str] = []
        self.late = b""
        self.is_numbered = is_numbered
        self.engine = "memory"
        self.newest_epoch = 0
        self.page = page
        self.groups: dict[str, dict[tuple[str, int], int]] = {}
        self.busy_groups: set[str] = set()
        self._answers: dict[tuple[str, str], list[int]] = {}
        self._max_body_bytes = max_body_bytes
        super().__init__(f"http://{name}", patience_s=60, stop=threading.Event())

    def connect(self) -> "RecordClient":
        return FakeClient(self)

    def patiently(self, operation: Any) -> Any:
        while True:
            try:
                return operation()
            except BrokerUnavailable:
                continue

    def settled(self, look: Any) -> Any:
        self._arrive_late()
        return look()

    @property
    def max_records(self) -> int:
        return self.page

    @property
    def max_body_bytes(self) -> int:
        return self._max_body_bytes

    def describe(self) -> TopicDetails:
        return TopicDetails(
            name=TOPIC,
            topic_id=self.topic_id,
            records=sum(len(log.records) for log in self.logs),
            configs=self.configs,
            partitions=[
                TopicPartitionDetails(
                    partition=number, log_start_offset=log.log_start, high_watermark=log.high_watermark
                )
                for number, log in enumerate(self.logs)
            ],
        )

    def produce(self, body: bytes, producer: dict[str, str] | None) -> list[int]:
        if producer and not self.is_numbered:
            raise Refused(501, "NOT_IMPLEMENTED", "requests are not numbered here")
        epoch = int(producer["Producer-Epoch"]) if producer else self.newest_epoch
        if epoch < self.newest_epoch:
            raise Refused(403, "INVALID_PRODUCER_EPOCH", "a later one has begun")
        self.newest_epoch = epoch
        records = msgspec.json.decode(body, type=list[_Produced])
        if records:
            self._arrive_late()
        fate = self.fate.pop(0) if self.fate and records else "ok"
        self._not_yet(fate, body, producer)
        key = producer and (producer["Producer-Epoch"], producer["Producer-Seq"])
        offsets = self._answers.get(key) if key else None
        if offsets is None:
            assert len(body) <= self._max_body_bytes
            assert len(records) <= self.page
            [partition] = {each.partition for each in records} or {0}
            if fate == "half" and not key:  # a cluster takes a request in several batches
                del records[-(-len(records) // 2) :]
            if any(each.timestamp < (self.engine == "kafka") for each in records):
                raise Refused(422, "INVALID_RECORD", "a time that is not taken")
            offsets = self.logs[partition].append([each.read() for each in records])
        if key:
            self._answers[key] = offsets
        if fate in {"lost", "half"}:
            raise BrokerUnavailable("the connection was closed before the answer came")
        if fate == "kill":
            raise Killed
        return offsets

    def _arrive_late(self) -> None:
        if self.late:
            body, self.late = self.late, b""
            self.fate.insert(0, "ok")
            self.produce(body, None)

    def _not_yet(self, fate: str, body: bytes, producer: dict[str, str] | None) -> None:
        if fate == "away":
            raise BrokerUnavailable("away")
        if fate.startswith("late") and not producer:
            self.late = body
            raise Killed if fate == "late kill" else BrokerUnavailable("nobody knows what became of it")


class _Produced(msgspec.Struct, forbid_unknown_fields=True):
    """What the broker takes."""

    partition: int
    timestamp: int
    offset: int | None = None
    value: str | msgspec.UnsetType | None = msgspec.UNSET
    value_base64: str | msgspec.UnsetType = msgspec.UNSET
    key: str | msgspec.UnsetType | None = msgspec.UNSET
    key_base64: str | msgspec.UnsetType = msgspec.UNSET
    headers: Any = msgspec.UNSET
    headers_base64: Any = msgspec.UNSET

    def read(self) -> CopiedRecord:
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "offset"}
        return CopiedRecord(offset=0, **fields)


class FakeClient(RecordClient):
    """Asks the side."""

    def __init__(self, side: FakeSide) -> None:
        super().__init__(side.url if hasattr(side, "url") else "http://fake")
        self._side = side

    def broker(self) -> Broker:
        return Broker(version="1", epoch="one id", engine=self._side.engine, limits={})

    def topic(self, topic: str) -> TopicDetails:
        if topic != TOPIC or not self._side.logs:
            raise NotRegistered(404, "UNKNOWN_TOPIC_OR_PARTITION", "no topic")
        return self._side.describe()

    def have_topic(self, topic: str, wish: TopicWish) -> TopicDetails:
        if not self._side.logs:
            self._side.logs = [FakeLog() for _ in range(wish.partitions or 1)]
            self._side.configs = dict(wish.configs)
        elif len(self._side.logs) != wish.partitions or wish.configs.items() - self._side.configs.items():
            raise Refused(409, "TOPIC_ALREADY_EXISTS", f"topic {topic!r} is another one")
        return self._side.describe()

    def read(self, topic: str, partition: int, start: str, max_records: int) -> Page:
        log = self._side.logs[partition]
        position = log.log_start if start == "earliest" else int(start)
        if position < log.log_start:
            raise Refused(410, "OFFSET_OUT_OF_RANGE", f"offset {position} is before {log.log_start}")
        rest = [each for each in log.records if each.offset >= position]
        records = rest[:max_records]
        following = records[-1].offset + 1 if len(records) < len(rest) else log.high_watermark
        return Page([msgspec.structs.replace(each) for each in records], str(following), len(records) == len(rest))

    def append(self, topic: str, body: bytes, producer: dict[str, str] | None = None) -> list[int]:
        return self._side.produce(body, producer)

    def groups(self) -> list[GroupSummary]:
        return [GroupSummary(name=name, kind="offsets", state="Empty", members=0) for name in self._side.groups]

    def group(self, group: str) -> GroupDetails:
        if group not in self._side.groups:
            raise NotRegistered(404, "GROUP_ID_NOT_FOUND", "no group")
        places = [
            GroupPartitionDetails(
                topic=topic, partition=partition, committed_offset=offset, log_end_offset=offset, lag=0
            )
            for (topic, partition), offset in self._side.groups[group].items()
        ]
        return GroupDetails(name=group, kind="offsets", state="Empty", members=[], partitions=places)

    def move_offsets(self, group: str, wishes: OffsetWishes) -> list[OffsetMove]:
        if group in self._side.busy_groups:
            raise Refused(409, "GROUP_KIND_CONFLICT", f"group {group!r} has Kafka consumers")
        moves = []
        for wish in wishes.offsets:
            assert wish.partition is not None
            assert wish.offset is not None
            place = wish.topic, wish.partition
            before = self._side.groups.setdefault(group, {}).get(place)
            self._side.groups[group][place] = wish.offset
            moves.append(OffsetMove(topic=wish.topic, partition=wish.partition, before=before, after=wish.offset))
        return moves
