"""Every codec of Kafka's clients is opened, none wider than allowed, and garbage is named."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core import record_batch
from mini_kafka.core.decompression import CODECS, TooWide, Undecodable, decompress

VALUES = [b"x" * 1000, b"", b"y" * 100_000]
NO_LIMIT = 2**40


def batch_of(codec: int, values: list[bytes]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 2**31 - 1)
    for offset, value in enumerate(values):
        builder.append(offset, 1_700_000_000_000, None, value, [])
    return bytes(builder.build())


def values_of(batch: bytes) -> list[bytes | None]:
    return [record.value for record in record_batch.read_records(batch)]


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_what_a_client_compressed_is_read_as_it_was(codec: int) -> None:
    batch = batch_of(codec, VALUES)
    assert record_batch.compression(batch) == codec
    opened = decompress(batch, NO_LIMIT)
    assert record_batch.compression(opened) == 0
    assert values_of(opened) == VALUES
    assert record_batch.next_offset(opened) == len(VALUES)


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_is_opened_up_to_the_limit_and_not_a_byte_wider(codec: int) -> None:
    batch = batch_of(codec, VALUES)
    size = len(decompress(batch, NO_LIMIT)) - record_batch.HEADER_BYTES
    assert values_of(decompress(batch, size)) == VALUES
    with pytest.raises(TooWide, match=f"decompresses to more than {size - 1} bytes"):
        decompress(batch, size - 1)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\x82SNAPPY\x00" + b"\xff" * 20], ids=["empty", "text", "snappy"]
)
def test_what_is_not_compressed_as_it_says_is_undecodable(codec: int, content: bytes) -> None:
    header = batch_of(codec, [b"x" * 100])[: record_batch.HEADER_BYTES]
    with pytest.raises(Undecodable):
        decompress(header + content, NO_LIMIT)


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_that_was_cut_off_is_undecodable(codec: int) -> None:
    with pytest.raises(Undecodable):
        decompress(batch_of(codec, VALUES)[:-5], NO_LIMIT)


def test_an_unknown_codec_is_named() -> None:
    batch = bytearray(batch_of(0, VALUES))
    batch[22] |= 5
    with pytest.raises(Undecodable, match="unknown codec: 5"):
        decompress(bytes(batch), NO_LIMIT)


@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=200))
def test_whatever_the_bytes_are_they_are_opened_or_refused(codec: int, content: bytes) -> None:
    header = batch_of(codec, [b"x"])[: record_batch.HEADER_BYTES]
    try:
        opened = decompress(header + content, 10_000)
    except Undecodable:
        return
    assert len(opened) <= record_batch.HEADER_BYTES + 10_000
