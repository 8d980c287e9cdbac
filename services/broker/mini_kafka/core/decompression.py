"""Opening a batch that a client compressed, and never wider than a limit.

A few kilobytes can hold gigabytes, so each codec is told how much it may write before it begins. The codecs are
Kafka's (gzip 1, snappy 2, lz4 3, zstd 4), in the framings that its clients use. Only bytes are made here; whether the
records in them can be read shows when they are read.
"""

import zlib
from collections.abc import Callable

import cramjam

from mini_kafka.core import record_batch

XERIAL_MAGIC = b"\x82SNAPPY\x00"
XERIAL_HEADER_BYTES = 16
FIRST_GUESS = 4
"""How many times its size a batch is expected to grow; more is tried when it does."""
LEAST_GUESS_BYTES = 1024


class Undecodable(Exception):
    """A batch whose records cannot be read; the text says why."""


class TooWide(Undecodable):
    """A batch that would be larger than the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the batch decompresses to more than {limit} bytes")


def decompress(batch: bytes, limit: int) -> bytes:
    """Give a batch with its records uncompressed, at most `limit` bytes of them; one that is not compressed as it is.

    Raises:
        TooWide: there would be more.
        Undecodable: the batch is not what its codec writes.
    """
    number = record_batch.compression(batch)
    if number == 0:
        return batch
    codec = CODECS.get(number)
    if codec is None:
        raise Undecodable(f"the batch has an unknown codec: {number}")
    try:
        records = codec(batch[record_batch.HEADER_BYTES :], limit)
    except (zlib.error, cramjam.DecompressionError) as error:
        raise Undecodable(f"the batch cannot be decompressed: {error}") from error
    return record_batch.with_records(batch, records)


def _gzip(data: bytes, limit: int) -> bytes:
    opened = zlib.decompressobj(wbits=31)
    records = opened.decompress(data, limit + 1)
    if len(records) > limit:
        raise TooWide(limit)
    if not opened.eof:
        raise Undecodable("the batch cannot be decompressed: it ends within a gzip stream")
    return records


def _snappy(data: bytes, limit: int) -> bytes:
    """Open plain snappy, or the blocks of the Java library, each after its length in 4 bytes."""
    if not data.startswith(XERIAL_MAGIC):
        return _snappy_blocks([data], limit)
    blocks = []
    position = XERIAL_HEADER_BYTES
    while position < len(data):
        end = position + 4 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            raise Undecodable("the batch cannot be decompressed: it ends within a snappy block")
        blocks.append(data[position + 4 : end])
        position = end
    return _snappy_blocks(blocks, limit)


def _snappy_blocks(blocks: list[bytes], limit: int) -> bytes:
    if sum(map(cramjam.snappy.decompress_raw_len, blocks)) > limit:
        raise TooWide(limit)
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _into_a_buffer(decompress_into: Callable[[bytes, bytearray], int]) -> Callable[[bytes, int], bytes]:
    """Make a codec of one that fills a buffer: the frame may not say how large its content is."""

    def codec(data: bytes, limit: int) -> bytes:
        size = min(limit, max(FIRST_GUESS * len(data), LEAST_GUESS_BYTES))
        while True:
            buffer = bytearray(size)
            try:
                return bytes(memoryview(buffer)[: decompress_into(data, buffer)])
            except cramjam.DecompressionError as error:
                if "whole buffer" not in str(error):
                    raise
            if size == limit:
                raise TooWide(limit)
            size = min(limit, 4 * size)

    return codec


CODECS: dict[int, Callable[[bytes, int], bytes]] = {
    1: _gzip,
    2: _snappy,
    3: _into_a_buffer(cramjam.lz4.decompress_into),
    4: _into_a_buffer(cramjam.zstd.decompress_into),
}
