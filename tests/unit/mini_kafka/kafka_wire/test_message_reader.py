"""Messages are read as kio means them, and no length that is only claimed costs anything: kio itself would abort."""

import random

import pytest

from mini_kafka.kafka_wire.call import Api
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.kio_codec import message_type
from mini_kafka.kafka_wire.message_reader import read_message
from mini_kafka.kafka_wire.primitives import MAX_ELEMENTS, array_length
from tests.support.kafka import body_of
from tests.support.kafka_messages import random_message, versions

EVERY_VERSION = [pytest.param(api, version, id=f"{api.name}-{version}") for api, version in versions()]
HUGE = bytes.fromhex("ffffffff0f")


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_whatever_a_client_can_say_is_read_and_every_truncation_of_it_is_refused(api: Api, version: int) -> None:
    rng = random.Random(f"{api.name} {version}")
    entity = message_type(api.name, version, "Request")
    for _ in range(5):
        message = random_message(api, version, "Request", rng)
        body = body_of(message)
        assert read_message(entity, memoryview(body)) == message
        for end in range(len(body)):
            with pytest.raises(WireError):
                read_message(entity, memoryview(body)[:end])


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_a_length_that_is_only_claimed_is_refused_wherever_it_stands(api: Api, version: int) -> None:
    rng = random.Random(f"claims {api.name} {version}")
    entity = message_type(api.name, version, "Request")
    body = body_of(random_message(api, version, "Request", rng))
    for claim in (HUGE, b"\x7f\xff\xff\xff", b"\x7f\xff"):
        for start in range(len(body) + 1):
            try:
                read_message(entity, memoryview(body[:start] + claim + body[start:]))
            except WireError:
                continue  # the others are now a number, or a part of a string: no length


def test_null_is_refused_where_none_may_be() -> None:
    rest = b"\0" * 20
    for name, version, body in (("ListOffsets", 10, b"\0\0\0\1\0\0"), ("CreateTopics", 7, b"\2\0")):
        with pytest.raises(WireError, match="is null"):
            read_message(message_type(name, version, "Request"), memoryview(body + rest))


def test_the_length_that_aborts_kio_s_reader_is_refused() -> None:
    for name, version in (("Metadata", 12), ("CreateTopics", 7), ("DescribeConfigs", 4)):
        with pytest.raises(WireError, match="are left"):
            read_message(message_type(name, version, "Request"), memoryview(HUGE))


def test_a_request_may_not_have_more_elements_than_any_client_needs() -> None:
    entity = message_type("Metadata", 8, "Request")
    end = b"\0\0\0"
    many = array_length(MAX_ELEMENTS, flexible=False) + b"\0\0" * MAX_ELEMENTS + end
    read_message(entity, memoryview(many))
    more = array_length(MAX_ELEMENTS + 1, flexible=False) + b"\0\0" * (MAX_ELEMENTS + 1) + end
    with pytest.raises(WireError, match="more than 100000 elements"):
        read_message(entity, memoryview(more))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (b"\2\1\0\1\0", "have to be in order"),
        (b"\2\3\0\2\0", "have to be in order"),
        (b"\1\0\5", "are left"),
    ],
)
def test_tagged_fields_come_in_order_and_whole(tags: bytes, reason: str) -> None:
    body = b"\0" + b"\1" + b"\0" + tags  # DescribeCluster 2: a flag, a type, a flag, tags
    with pytest.raises(WireError, match=reason):
        read_message(message_type("DescribeCluster", 2, "Request"), memoryview(body))


def test_a_tagged_field_that_is_not_known_is_passed_over() -> None:
    entity = message_type("DescribeCluster", 2, "Request")
    read = read_message(entity, b"\0" + b"\1" + b"\0" + b"\1\7\3xyz")
    assert (read.include_cluster_authorized_operations, read.endpoint_type) == (False, 1)


def test_a_known_tagged_field_is_as_long_as_it_says() -> None:
    entity = message_type("Fetch", 12, "Request")
    plain = b"\xff" * 4 + b"\0" * 21 + b"\1\1\1"  # numbers, then two empty arrays and an empty string
    read_message(entity, memoryview(plain + b"\1\0\2\2x"))  # tag 0: the cluster's id
    with pytest.raises(WireError, match="claims 3 bytes and has 2"):
        read_message(entity, memoryview(plain + b"\1\0\3\2xx"))
