"""The two sides of a copy: a broker's HTTP API each, asked with patience.

Whatever may be repeated is asked again while a side is away or overloaded, until its time is over. Nothing here
knows what is copied.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.records import CopiedRecord, Page, read_page, read_places
from mini_kafka_shared.client import BrokerClient, BrokerUnavailable, Refused
from mini_kafka_shared.retry import Stopped, keep_trying

READ_TIMEOUT_S = 30.0
"""A cluster may take its time for a large request."""
PAGE_BYTES = 2 * 1024 * 1024
"""Batches that one read asks for: ten thousand small records, and a hundred megabytes if they compress 50 times."""
PAGE_RECORDS = 10_000
SETTLE_S = 3.0
"""So long the ends of a topic have to stay before a request that nobody has answered counts as never heard.

A gateway that reaches its cluster again sends what it has under way within its second between two tries.
"""
SETTLE_LOOKS = 10
"""After so many looks it is somebody else who writes, whose records are then found out as such."""
CLUSTER, AFTER_ZERO_MS = "kafka", 1
"""A gateway's engine: its client takes the timestamp 0 for now, so it refuses it."""

T = TypeVar("T")


class RecordClient(BrokerClient):
    """Reads and appends records as they are, fast enough for millions of them."""

    def read(self, topic: str, partition: int, start: str, max_records: int) -> Page:
        """Read records of a partition from an offset, `earliest`, or a token on."""
        path = (
            f"/v1/topics/{topic}/records?partition={partition}&from={start}"
            f"&max_records={max_records}&max_bytes={PAGE_BYTES}"
        )
        return self._decode(self._request("GET", path).content, read_page)

    def append(self, topic: str, body: bytes, producer: dict[str, str] | None = None) -> list[int]:
        """Append the records of a JSON body, and give their offsets; `producer` numbers the request."""
        response = self._request("POST", f"/v1/topics/{topic}/records", body, headers=producer)
        return [place.offset for place in self._decode(response.content, read_places).records]

    def _decode(self, answer: bytes, decode: Callable[[bytes], T]) -> T:
        try:
            return decode(answer)
        except msgspec.MsgspecError as error:
            raise BrokerUnavailable(f"{self.url} gave an answer that is not the broker's: {error}") from error


class Side:
    """One side of a copy.

    Args:
        url: where its HTTP API is.
        patience_s: seconds for which a call is tried again.
        stop: ends every wait.
    """

    def __init__(self, url: str, *, patience_s: float, stop: threading.Event) -> None:
        self.url = url.rstrip("/")
        self.client = self.connect()
        self._patience_s, self._stop = patience_s, stop
        self._limits: dict[str, int | float] = {}
        self.earliest_ms = 0
        """The first timestamp that it takes."""

    def connect(self) -> RecordClient:
        """Open another connection, for another thread."""
        return RecordClient(self.url, read_timeout_s=READ_TIMEOUT_S)

    def patiently(self, operation: Callable[[], T]) -> T:
        """Call until there is an answer.

        Raises:
            BrokerUnavailable, Overloaded: there was none in time.
            Stopped: the program is asked to end.
            Refused: as every other error, at once.
        """
        return keep_trying(operation, deadline_s=self._patience_s, stop=self._stop)

    def settled(self, look: Callable[[], T]) -> T:
        """Look until nothing has changed for `SETTLE_S` seconds, or so often that it never will.

        Raises:
            Stopped: the program is asked to end.
        """
        found = look()
        for _ in range(SETTLE_LOOKS):
            if self._stop.wait(SETTLE_S):
                raise Stopped("asked to end while a request without an answer was waited for")
            before, found = found, look()
            if found == before:
                break
        return found

    def greet(self) -> None:
        """Learn what this side takes.

        Raises:
            CopyFailed: it does not let us in.
        """
        try:
            broker = self.patiently(self.client.broker)
        except Refused as refused:
            raise CopyFailed(f"{self.url} does not say what it takes: {refused}") from refused
        self._limits = broker.limits
        self.earliest_ms = AFTER_ZERO_MS if broker.engine == CLUSTER else 0

    @property
    def max_records(self) -> int:
        """How many records a request may have."""
        return min(PAGE_RECORDS, int(self._limits.get("max_records_per_request", PAGE_RECORDS)))

    @property
    def max_body_bytes(self) -> int:
        """How long a request's body may be."""
        return int(self._limits.get("max_body_bytes", PAGE_BYTES))

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[CopiedRecord]]:
        """Read a partition's records from one offset until another, over a connection of its own.

        What retention takes away meanwhile is passed over.

        Raises:
            CopyFailed: a record cannot be read, or the topic is another one by now.
        """
        client, place, position = self.connect(), str(start), start
        try:
            while position < end:
                try:
                    page = self.patiently(lambda: client.read(topic, partition, place, self.max_records))  # noqa: B023
                except Refused as refused:
                    if refused.code != "OFFSET_OUT_OF_RANGE":
                        raise CopyFailed(f"{topic}-{partition} at {self.url} cannot be read: {refused}") from refused
                    place = "earliest"
                    continue
                records: Sequence[CopiedRecord] = page.records
                if records and records[-1].offset >= end:
                    records = [record for record in records if record.offset < end]
                self._check(topic, records)
                if records:
                    yield list(records)
                if page.up_to_date:
                    return
                position = page.records[-1].offset + 1 if page.records else position
                place = page.next
        finally:
            client.close()

    def _check(self, topic: str, records: Sequence[CopiedRecord]) -> None:
        for record in records:
            if isinstance(record.decode_error, str):
                raise CopyFailed(
                    f"the record at offset {record.offset} of {topic}-{record.partition} at {self.url} cannot be"
                    f" read ({record.decode_error}), and so not copied"
                )
