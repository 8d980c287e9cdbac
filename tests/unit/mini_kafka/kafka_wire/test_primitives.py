"""The hand-written types: what is written can be read again, and no claimed length is believed."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.messages import fetch, metadata, produce
from mini_kafka.kafka_wire.primitives import (
    INT32,
    MAX_ELEMENTS,
    MAX_TAGS,
    Reader,
    TooMuchAtOnce,
    array_length,
    string,
    uvarint,
)


@given(st.integers(0, 2**32 - 1))
def test_a_varint_is_read_as_it_was_written(value: int) -> None:
    assert Reader(uvarint(value)).uvarint() == value


@pytest.mark.parametrize(("value", "written"), [(0, "00"), (127, "7f"), (128, "8001"), (2**32 - 1, "ffffffff0f")])
def test_varints_are_written_as_the_protocol_guide_says(value: int, written: str) -> None:
    assert uvarint(value) == bytes.fromhex(written)


@given(st.none() | st.text(), st.booleans())
def test_a_string_is_read_as_it_was_written(text: str | None, flexible: bool) -> None:
    assert Reader(string(text, flexible=flexible)).nullable_string(flexible=flexible) == text


@given(st.booleans(), st.integers(0, 100))
def test_an_array_of_as_many_elements_as_there_are_bytes_is_believed(flexible: bool, count: int) -> None:
    data = array_length(count, flexible=flexible) + b"\0" * count
    assert Reader(data).array_length(flexible=flexible) == count
    if count:
        with pytest.raises(WireError):
            Reader(data[:-1]).array_length(flexible=flexible)
        with pytest.raises(WireError):
            Reader(data).array_length(flexible=flexible, least=2)


@pytest.mark.parametrize("claimed", ["ffffffff0f", "ffffffff07", "8080808010"])
def test_a_claimed_length_costs_nothing(claimed: str) -> None:
    data = bytes.fromhex(claimed)
    for kind in ("array_length", "nullable_string", "nullable_bytes"):
        with pytest.raises(WireError):
            getattr(Reader(data), kind)(flexible=True)


@pytest.mark.parametrize("kind", ["string", "nullable_bytes", "array_length"])
def test_a_negative_length_other_than_null_is_refused(kind: str) -> None:
    with pytest.raises(WireError):
        getattr(Reader(b"\xff\xff\xff\xfe" if kind != "string" else b"\xff\xfe"), kind)(flexible=False)


def test_null_is_no_string_where_one_must_be() -> None:
    with pytest.raises(WireError):
        Reader(b"\0").string(flexible=True)


def test_every_number_ends_where_the_bytes_do() -> None:
    data = bytes(range(8)) + uuid4().bytes
    for kind, size in (("int8", 1), ("int16", 2), ("int32", 4), ("int64", 8), ("uuid", 16)):
        getattr(Reader(data[:size]), kind)()
        with pytest.raises(WireError):
            getattr(Reader(data[: size - 1]), kind)()


MANY = INT32.pack(MAX_ELEMENTS + 1)
ONE_TOPIC = INT32.pack(1) + b"\0\1t"


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (produce.read_request, b"\xff\xff\0\1\0\0\0\0" + ONE_TOPIC + MANY + bytes(8) * MAX_ELEMENTS),
        (fetch.read_request, bytes(17) + ONE_TOPIC + MANY + bytes(16) * MAX_ELEMENTS),
        (metadata.read_request, MANY + bytes(2) * (MAX_ELEMENTS + 1)),
    ],
    ids=["Produce", "Fetch", "Metadata"],
)
def test_what_is_read_by_hand_has_no_more_elements_than_any_client_needs(
    read: Callable[[memoryview, int], object], body: bytes
) -> None:
    with pytest.raises(WireError, match="more than 100000 elements"):
        read(memoryview(body + bytes(100)), 4)


def test_a_structure_has_only_so_many_tagged_fields_and_they_are_counted_before_they_are_passed_over() -> None:
    reader = Reader((uvarint(MAX_TAGS) + b"\0\0" * MAX_TAGS) * (MAX_ELEMENTS // MAX_TAGS + 1))
    for _ in range(MAX_ELEMENTS // MAX_TAGS):
        reader.skip_tags()
    with pytest.raises(WireError, match="more than 100000 elements"):
        reader.skip_tags()
    with pytest.raises(WireError, match="101 tagged fields: 100 are allowed"):
        Reader(uvarint(MAX_TAGS + 1) + b"\0\0" * (MAX_TAGS + 1)).skip_tags()


def test_a_reader_may_be_told_to_stop_where_there_is_too_much_for_the_loop() -> None:
    Reader(uvarint(6) + bytes(5), at_once=5).array(lambda: None, flexible=True)
    with pytest.raises(TooMuchAtOnce):
        Reader(uvarint(7) + bytes(6), at_once=5).array(lambda: None, flexible=True)
    with pytest.raises(WireError, match="more than 100000 elements"):
        Reader(uvarint(MAX_ELEMENTS + 2) + bytes(MAX_ELEMENTS + 1), at_once=5).array(lambda: None, flexible=True)
