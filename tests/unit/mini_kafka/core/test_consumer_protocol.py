"""Reading what consumers tell each other, and not falling over what is something else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.consumer_protocol import assigned_partitions, subscribed_topics
from mini_kafka.core.offsets import TopicPartition


def text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()


def subscription(*topics: str, version: int = 1, rest: bytes = b"\xff\xff\xff\xff") -> bytes:
    return struct.pack(">hi", version, len(topics)) + b"".join(map(text, topics)) + rest


def assignment(*topics: tuple[str, list[int]], version: int = 0, rest: bytes = b"\xff\xff\xff\xff") -> bytes:
    body = b"".join(text(name) + struct.pack(f">i{len(numbers)}i", len(numbers), *numbers) for name, numbers in topics)
    return struct.pack(">hi", version, len(topics)) + body + rest


def test_a_subscription_names_its_topics_whatever_its_version_adds() -> None:
    assert subscribed_topics(subscription("a", "größe")) == ["a", "größe"]
    assert subscribed_topics(subscription("a", version=3, rest=b"\0\0\0\0\0\0\0\0more")) == ["a"]
    assert subscribed_topics(subscription()) == []
    assert subscribed_topics(subscription("")) == [""]


def test_an_assignment_names_its_partitions() -> None:
    assert assigned_partitions(assignment(("a", [0, 2]), ("b", []), ("c", [1]))) == [
        TopicPartition("a", 0),
        TopicPartition("a", 2),
        TopicPartition("c", 1),
    ]


def test_no_assignment_is_none_of_the_partitions() -> None:
    assert assigned_partitions(b"") == []


@pytest.mark.parametrize(
    "odd",
    [
        b"\0",
        b"\xff\xff\0\0\0\0",
        struct.pack(">hi", 0, -1),
        struct.pack(">hi", 0, 2**31 - 1),
        struct.pack(">hih", 0, 1, -1),
        struct.pack(">hih", 0, 1, 2) + b"\xff\xfe",
        b'{"version":1}',
    ],
)
def test_bytes_of_another_kind_are_not_read(odd: bytes) -> None:
    assert subscribed_topics(odd) is None
    assert assigned_partitions(odd) is None


@given(st.binary(max_size=60))
def test_no_bytes_are_an_error(data: bytes) -> None:
    subscribed_topics(data)
    assigned_partitions(data)


@given(st.data())
def test_a_truncated_assignment_is_not_read(data: st.DataObject) -> None:
    whole = assignment(("topic", [1, 2, 3]), rest=b"")
    cut = data.draw(st.integers(min_value=1, max_value=len(whole) - 1))
    assert assigned_partitions(whole[:cut]) is None
