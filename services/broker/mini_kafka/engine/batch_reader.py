"""From stored batches to records: decoded where they are, or on a thread when a compressed one is large.

A batch that cannot be decoded does not stop a reader: each of its offsets is handed out with the reason. Transaction
markers are passed over. Nothing is waited for here but that thread.
"""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from mini_kafka.core import record_batch
from mini_kafka.core.decompression import TooWide, Undecodable, decompress
from mini_kafka.core.record_batch import Record, UnreadableRecord

INLINE_BYTES = 1024 * 1024
"""A batch that decompresses to more is read on a thread: up to here it takes the loop a millisecond or two."""
MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024
"""The widest a batch may become, unless the broker is told otherwise: 64 times the default `max.message.bytes`."""

AnyRecord = Record | UnreadableRecord
T = TypeVar("T")


class BatchReader:
    """Reads records out of batches, each opened to at most `max_decompressed_bytes`."""

    def __init__(self, max_decompressed_bytes: int = MAX_DECOMPRESSED_BYTES) -> None:
        self._limit = max_decompressed_bytes

    def peek(self, batch: bytes, offset: int) -> Record | None:
        """Read the first record from `offset` on where that is quickly done; `read` does it where it is not."""
        if record_batch.is_plain(batch):
            try:
                return next(record_batch.read_records(batch, offset), None)
            except Exception:  # noqa: BLE001 - `read` says what is wrong with it
                return None
        return None

    async def read(self, batch: bytes, offset: int, max_records: int) -> list[AnyRecord]:
        """Read at most `max_records` records of a batch, from `offset` on."""
        if record_batch.is_control(batch):
            return []
        try:
            return await self._open(
                batch, lambda opened: list(islice(record_batch.read_records(opened, offset), max_records))
            )
        except Undecodable as error:
            first = max(offset, record_batch.base_offset(batch))
            last = min(record_batch.next_offset(batch), first + max_records)
            timestamp_ms = record_batch.max_timestamp(batch)
            return [UnreadableRecord(place, timestamp_ms, str(error)) for place in range(first, last)]

    async def first_at(self, batch: bytes, timestamp_ms: int, start: int) -> tuple[int, int]:
        """Find a batch's first record at or after a time, from offset `start` on: its offset and its time.

        One that cannot be decoded, or does not hold what its header says, is taken whole.
        """
        whole = max(record_batch.base_offset(batch), start), record_batch.max_timestamp(batch)

        def find(opened: bytes) -> tuple[int, int]:
            records = record_batch.read_records(opened, start)
            return next(((it.offset, it.timestamp_ms) for it in records if it.timestamp_ms >= timestamp_ms), whole)

        try:
            return await self._open(batch, find)
        except Undecodable:
            return whole

    async def _open(self, batch: bytes, work: Callable[[bytes], T]) -> T:
        """Let `work` read a batch that has been decompressed.

        Raises:
            Undecodable: the batch is too wide, or is not what it says it is.
        """
        try:
            opened = decompress(batch, min(INLINE_BYTES, self._limit))
        except TooWide:
            return await asyncio.to_thread(lambda: _decoded(work, decompress(batch, self._limit)))
        return _decoded(work, opened)


def _decoded(work: Callable[[bytes], T], batch: bytes) -> T:
    try:
        return work(batch)
    except Exception as error:  # a valid CRC may cover anything, and the decoder raises what it likes
        raise Undecodable(f"the batch cannot be decoded: {str(error) or type(error).__name__}") from error
