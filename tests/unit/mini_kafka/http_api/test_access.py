"""Which Host and which page may talk to the broker."""

import pytest

from mini_kafka.http_api.access import REMEMBERED_HOSTS, AccessPolicy, Head, read_head
from mini_kafka.http_api.error_table import CROSS_SITE_REQUEST, MALFORMED_REQUEST, MISDIRECTED_REQUEST
from mini_kafka.http_api.errors import RequestRefused

POLICY = AccessPolicy(["Kafka.Example.org"])

OURS = [
    "127.0.0.1",
    "127.0.0.1:8000",
    "10.1.2.3:80",
    "[::1]:8000",
    "[::1]",
    "localhost",
    "LOCALHOST:8000",
    "broker:8000",
    "host.docker.internal:8000",
    "kafka.example.org",
    "KAFKA.example.ORG:8000",
]
FOREIGN = [
    "evil.com",
    "evil.com:8000",
    "localhost.evil.com",
    "127.0.0.1.evil.com",
    "127.0.0.1.",
    "sub.kafka.example.org",
    "1.2.3",
    "host.docker.internal.evil.com",
    ":8000",
    "[evil.com]",
    "[::1",
    "[::1].evil.com",
    "[::1]:80.evil.com",
    "a:b.evil.com",
    "evil.com:localhost",
]


@pytest.mark.parametrize("host", OURS)
def test_names_that_no_page_can_have_are_ours(host: str) -> None:
    POLICY.check("GET", Head(host=host.encode()))


@pytest.mark.parametrize("host", ["", *FOREIGN])
def test_names_that_a_page_could_have_are_421(host: str) -> None:
    with pytest.raises(RequestRefused, match="MINI_KAFKA_ALLOWED_HOSTS") as caught:
        POLICY.check("GET", Head(host=host.encode()))
    assert caught.value.kind is MISDIRECTED_REQUEST


def test_verdicts_are_remembered_up_to_a_number_and_right_beyond_it() -> None:
    policy = AccessPolicy([])
    for number in range(REMEMBERED_HOSTS + 10):
        policy.check("GET", Head(host=b"host%d" % number))
    for _ in range(2):
        with pytest.raises(RequestRefused):
            policy.check("GET", Head(host=b"evil.com"))
    assert len(policy._verdicts) == REMEMBERED_HOSTS


def test_two_host_fields_are_400() -> None:
    with pytest.raises(RequestRefused) as caught:
        read_head([(b"host", b"localhost"), (b"host", b"evil.com")])
    assert caught.value.kind is MALFORMED_REQUEST


def test_no_host_field_is_400_but_in_http_1_0() -> None:
    with pytest.raises(RequestRefused) as caught:
        read_head([])
    assert caught.value.kind is MALFORMED_REQUEST
    assert read_head([], "1.0").host is None


@pytest.mark.parametrize(
    "fields",
    [
        [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-site", b"none")],
        [(b"origin", b"http://evil.com"), (b"origin", b"http://localhost")],
    ],
)
def test_a_field_that_is_sent_twice_is_no_better_than_its_worst(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(RequestRefused):
        POLICY.check("POST", read_head([(b"host", b"localhost"), *fields]))


def test_an_endless_host_is_judged_and_not_remembered() -> None:
    policy = AccessPolicy([])
    policy.check("GET", Head(host=b"x" * 300))
    assert len(policy._verdicts) == 0


OWN_PAGE = Head(host=b"localhost:8000", origin=b"http://localhost:8000", fetch_site=b"same-origin")
NO_PAGE = Head(host=b"localhost:8000")
ADDRESS_BAR = Head(host=b"localhost:8000", fetch_site=b"none")
OTHER_PAGES = [
    Head(host=b"localhost:8000", origin=b"https://evil.com"),
    Head(host=b"localhost:8000", origin=b"http://localhost:3000"),
    Head(host=b"localhost:8000", origin=b"http://localhost:8000.evil.com"),
    Head(host=b"localhost:8000", origin=b"null"),
    Head(host=b"localhost:8000", fetch_site=b"cross-site"),
    Head(host=b"localhost:8000", fetch_site=b"same-site"),
    Head(host=b"localhost:8000", origin=b"http://localhost:8000", fetch_site=b"cross-site"),
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "WHATEVER"])
@pytest.mark.parametrize("head", OTHER_PAGES)
def test_another_sites_page_may_not_change_anything(method: str, head: Head) -> None:
    with pytest.raises(RequestRefused) as caught:
        POLICY.check(method, head)
    assert caught.value.kind is CROSS_SITE_REQUEST


SHOUTED = Head(host=b"localhost:8000", origin=b"http://LOCALHOST:8000")


@pytest.mark.parametrize("head", [OWN_PAGE, NO_PAGE, ADDRESS_BAR, SHOUTED])
def test_the_brokers_own_page_and_programs_may(head: Head) -> None:
    POLICY.check("POST", head)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("head", OTHER_PAGES)
def test_reading_needs_no_origin(method: str, head: Head) -> None:
    POLICY.check(method, head)
