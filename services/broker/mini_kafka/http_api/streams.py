"""Answers that go on: records as they are appended, for as long as the client listens.

A stream reads as any other reader does, and keeps nothing but its place. A client that is slow holds up its own
stream only; what retention drops before it was sent is named, with the place where the stream goes on. While a
gateway's cluster is away a stream goes on, and says why nothing comes. Streams end when the broker stops or the client
goes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mini_kafka.core.errors import BrokerStopping, ClusterUnavailable, OffsetOutOfRange, UnknownPartition, UnknownTopic
from mini_kafka.engine import call_time
from mini_kafka.engine.port import Read, ReadRecord, TopicDescription
from mini_kafka.http_api.bounds import Held
from mini_kafka.http_api.call import Call
from mini_kafka.http_api.position import Start
from mini_kafka.http_api.record_output import ShowAs, event, json_lines, named_event, value_lines
from mini_kafka.http_api.resume_token import ResumeToken

HEARTBEAT_MS = 15_000
"""How often a silent stream says that it is alive: proxies end connections that are silent for half a minute."""
RECORDS_AT_ONCE = 500
BYTES_AT_ONCE = 256 * 1024
TRY_AGAIN_S = 0.5
"""How soon a cluster that does not answer is asked again; it may say so at once."""
TOKEN_WORK = 5_000
"""Partitions times records of one piece: each event has a token of all partitions."""


class Stream(StreamingResponse):
    """A streamed answer that counts among the open streams for as long as it lasts."""

    def __init__(self, content: AsyncIterator[bytes], media_type: str, streams: Held) -> None:
        super().__init__(content, media_type=media_type, headers={"cache-control": "no-store"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, unless there are too many streams."""
        with self._streams.one():
            await super().__call__(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Missed:
    """Offsets of a partition that were dropped before the stream came to them; it goes on at `end_offset`."""

    partition: int
    base_offset: int
    end_offset: int


@dataclass(frozen=True, slots=True)
class Away:
    """Nothing can be read for now."""

    reason: str


async def follow(call: Call, topic: TopicDescription, start: Start) -> AsyncIterator[Read | list[Missed] | Away]:
    """Read on and on: what was found, or nothing for `HEARTBEAT_MS`, or what was missed, or why nothing is read.

    Raises:
        ClusterRefused: the cluster does not let anybody read any more.
    """
    positions: Mapping[int, int] = start.positions
    while not call.engine.closed:
        call_time.begin()
        try:
            found = await _next(call, topic, positions, start.partition)
        except ClusterUnavailable as error:
            yield Away(str(error))
            await asyncio.sleep(TRY_AGAIN_S)
            continue
        except (UnknownTopic, UnknownPartition, BrokerStopping):
            return  # it was deleted, and perhaps made again with fewer partitions; or all ends
        if isinstance(found, Read):
            if found.topic_id != topic.topic_id:
                return
            positions = found.positions
        elif found:
            positions = {**positions, **{each.partition: each.end_offset for each in found}}
        else:
            return
        yield found


async def _next(
    call: Call, topic: TopicDescription, positions: Mapping[int, int], partition: int | None
) -> Read | list[Missed]:
    """Read the next records, or find the partitions whose log starts after the place that was to be read."""
    width = len(topic.partitions) if partition is None else 1
    try:
        return await call.engine.read(
            call.caller,
            topic.name,
            positions,
            partition=partition,
            max_records=max(1, min(RECORDS_AT_ONCE, TOKEN_WORK // width)),
            max_bytes=BYTES_AT_ONCE,
            wait_ms=HEARTBEAT_MS,
        )
    except OffsetOutOfRange:
        now = await call.engine.describe_topic(call.caller, topic.name)
    starts = {bounds.partition: bounds.log_start_offset for bounds in now.partitions}
    if now.topic_id != topic.topic_id:
        return []
    return [
        Missed(number, offset, starts[number])
        for number, offset in positions.items()
        if offset < starts[number] and partition in {None, number}
    ]


async def as_lines(call: Call, topic: TopicDescription, start: Start, show_as: ShowAs) -> AsyncIterator[bytes]:
    """Stream lines of JSON; an empty line says that nothing has come, and `missed` what will not."""
    async for found in follow(call, topic, start):
        if isinstance(found, Read):
            yield json_lines(found.records, show_as) or b"\n"
        elif isinstance(found, Away):
            yield b"\n"
        else:
            for missed in found:
                yield b'{"missed":{"partition":%d,"base_offset":%d,"end_offset":%d}}\n' % (
                    missed.partition, missed.base_offset, missed.end_offset,
                )  # fmt: skip


async def as_values(call: Call, topic: TopicDescription, start: Start) -> AsyncIterator[bytes]:
    """Stream values, one a line, and nothing else."""
    async for found in follow(call, topic, start):
        if isinstance(found, Read) and found.records:
            yield value_lines(found.records)


async def as_events(call: Call, topic: TopicDescription, start: Start, show_as: ShowAs) -> AsyncIterator[bytes]:
    """Stream server-sent events; the id of each is the token to go on after it."""
    yield b": hello\n\n"  # the client's `open` comes with the first byte
    at = dict(start.positions)

    def token() -> str:
        partition = start.partition
        positions = at if partition is None else {partition: at[partition]}
        return str(ResumeToken(call.engine.epoch, topic.topic_id, positions, partition))

    def advance(read: ReadRecord) -> bytes:
        at[read.partition] = read.record.offset + 1
        return event(read, show_as, token())

    async for found in follow(call, topic, start):
        if isinstance(found, Read):
            for partition in found.positions:
                at.setdefault(partition, _first_offset(found, partition))
            yield b"".join(map(advance, found.records)) or b": nothing new\n\n"
            at.update(found.positions)
        elif isinstance(found, Away):
            yield b": %s\n\n" % " ".join(found.reason.split()).encode()
        else:
            at.update({missed.partition: missed.end_offset for missed in found})
            yield b"".join(
                named_event(
                    "missed",
                    {"partition": each.partition, "base_offset": each.base_offset, "end_offset": each.end_offset},
                    token(),
                )
                for each in found
            )


def _first_offset(found: Read, partition: int) -> int:
    """Say where a partition was read from: its first record's place, or where it goes on if there was none."""
    for read in found.records:
        if read.partition == partition:
            return read.record.offset
    return found.positions[partition]
