"""A token comes back as the place that it was made of, and nothing else passes for one."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from uuid import UUID, uuid4
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.topic import MAX_PARTITIONS
from mini_kafka.http_api.bounds import Limits
from mini_kafka.http_api.errors import RequestRefused
from mini_kafka.http_api.resume_token import PREFIX, ResumeToken, parse

EPOCH = "0123456789abcdef"
TOPIC = UUID(int=7)
offsets = st.integers(0, 2**63 - 1)


@given(st.lists(offsets, min_size=1, max_size=20))
def test_a_place_in_all_partitions_comes_back(positions: list[int]) -> None:
    token = ResumeToken(EPOCH, uuid4(), dict(enumerate(positions)))
    assert parse(str(token)) == token


@given(st.integers(0, 10_000), offsets)
def test_a_place_in_one_partition_comes_back(partition: int, offset: int) -> None:
    token = ResumeToken(EPOCH, TOPIC, {partition: offset}, partition)
    assert parse(str(token)) == token


def test_a_token_needs_no_escaping_in_a_url() -> None:
    token = str(ResumeToken(EPOCH, TOPIC, {0: 2**62, 1: 255}))
    assert token.startswith(PREFIX)
    assert all(character.isalnum() or character in "-_." for character in token)
    assert token.isascii()


def test_the_token_of_a_thousand_partitions_is_under_8_kb() -> None:
    assert len(str(ResumeToken(EPOCH, TOPIC, dict.fromkeys(range(1000), 2**39)))) < 8192


def test_the_token_of_as_many_partitions_as_a_broker_may_have_fits_into_a_head() -> None:
    positions = dict.fromkeys(range(MAX_PARTITIONS), 2**28 - 1)  # more records than any memory holds
    assert len(str(ResumeToken(EPOCH, TOPIC, positions))) < Limits().head_bytes * 0.9


@given(st.integers(0), st.integers(0, 255))
def test_a_token_that_was_changed_on_its_way_is_refused(place: int, replacement: int) -> None:
    token = str(ResumeToken(EPOCH, TOPIC, {0: 17, 1: 300}))
    place = len(PREFIX) + place % (len(token) - len(PREFIX))
    changed = token[:place] + chr(replacement) + token[place + 1 :]
    with suppress(RequestRefused):
        assert parse(changed) == parse(token)  # what base64 ignores changes nothing


@pytest.mark.parametrize(
    "text", ["", PREFIX, "t.abc", "t.é", "t." + "A" * 200_000, str(ResumeToken(EPOCH, TOPIC, {0: 1}))[:-3]]
)
def test_what_is_no_token_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(RequestRefused, match="send the `next` of an earlier answer as it came"):
        parse(text)


def forged(numbers: bytes) -> str:
    """Make a token as a client could: with a right checksum over wrong numbers."""
    content = bytes([1]) + bytes.fromhex(EPOCH) + TOPIC.bytes + numbers
    content += crc32(content).to_bytes(4, "big")
    return PREFIX + urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "numbers",
    [b"\x81\x01", b"\x05\x05\x05", b"\x00\x80", b"\x00" + b"\xff" * 9 + b"\x01", b"\x00" + b"\xff" * 40_000 + b"\x01"],
    ids=["no position", "two positions of one partition", "no end", "over 63 bits", "enormous"],
)
def test_a_token_that_no_broker_wrote_is_refused_although_its_checksum_is_right(numbers: bytes) -> None:
    with pytest.raises(RequestRefused, match="send the `next` of an earlier answer as it came"):
        parse(forged(numbers))
