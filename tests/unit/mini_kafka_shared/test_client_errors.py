"""The client: one error tree for whatever comes back, and for what does not."""

import socket

import pytest
import requests
import urllib3
from pydantic import ValidationError

from mini_kafka_shared.client import (
    DEFAULT_RETRY_AFTER_S,
    BrokerUnavailable,
    NotRegistered,
    Overloaded,
    Refused,
)
from tests.support.fake_broker import URL, FakeBroker, client_of


@pytest.mark.parametrize("status", [400, 403, 405, 409, 413, 415, 421, 422, 501])
def test_another_4xx_and_what_is_not_implemented_is_a_refusal_with_its_reason(status: int) -> None:
    broker = FakeBroker(status, {"detail": "the record is too large", "code": "MESSAGE_TOO_LARGE"})

    with pytest.raises(Refused) as refused:
        client_of(broker).publish("t", "v")

    assert not isinstance(refused.value, NotRegistered)
    assert (refused.value.status, refused.value.code) == (status, "MESSAGE_TOO_LARGE")
    assert str(refused.value) == f"the record is too large ({status} MESSAGE_TOO_LARGE)"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<h1>no</h1>", "<h1>no</h1> (400)"),
        (b"x" * 1000, "x" * 200 + " (400)"),
        (b"", "Reason (400)"),
        (b"[1]", "[1] (400)"),
        (b'{"detail": null}', "Reason (400)"),
        (b"\xff\xfe", None),
    ],
)
def test_a_refusal_with_any_body_is_a_refusal(body: bytes, text: str | None) -> None:
    with pytest.raises(Refused) as refused:
        client_of(FakeBroker(400, body)).publish("t", "v")

    assert text is None or str(refused.value) == text


def test_404_is_not_registered() -> None:
    with pytest.raises(NotRegistered, match="register it"):
        client_of(FakeBroker(404, {"detail": "register it"})).publish("t", "v")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({}, DEFAULT_RETRY_AFTER_S),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, DEFAULT_RETRY_AFTER_S),
        ({"Retry-After": "-3"}, DEFAULT_RETRY_AFTER_S),
        ({"Retry-After": "²"}, DEFAULT_RETRY_AFTER_S),
    ],
)
def test_an_overload_says_when_to_come_back(status: int, header: dict[str, str], seconds: float) -> None:
    with pytest.raises(Overloaded) as overloaded:
        client_of(FakeBroker(status, {"detail": "full"}, header)).publish("t", "v")

    assert overloaded.value.retry_after_s == seconds > 0
    assert "full" in str(overloaded.value)


def test_what_a_cluster_refuses_is_a_refusal() -> None:
    broker = FakeBroker(502, {"detail": "the user lacks a right", "code": "CLUSTER_REFUSED"})

    with pytest.raises(Refused, match=r"the user lacks a right \(502 CLUSTER_REFUSED\)"):
        client_of(broker).publish("t", "v")


@pytest.mark.parametrize("status", [301, 500, 502, 504])
def test_what_is_neither_success_nor_a_refusal_is_an_unavailable_broker(status: int) -> None:
    with pytest.raises(BrokerUnavailable, match=f"answered {status}"):
        client_of(FakeBroker(status, headers={"Location": "http://elsewhere/"})).publish("t", "v")


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"offset": "x"}', b'{"offset": -1}'])
def test_an_answer_of_another_shape_is_an_unavailable_broker(body: bytes) -> None:
    with pytest.raises(BrokerUnavailable, match="POST /produce that is not the broker's"):
        client_of(FakeBroker(200, body)).publish("t", "v")


def refused_connection() -> Exception:
    error = requests.ConnectionError("HTTPConnectionPool(…): Max retries exceeded")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused_connection(), "connection refused"),
        (requests.ConnectTimeout("pool"), "no connection in time"),
        (requests.ReadTimeout("pool"), "no answer in time"),
        (requests.ConnectionError("pool"), "the connection was closed before the answer came"),
        (requests.exceptions.ChunkedEncodingError("pool"), "the connection was closed before the answer came"),
        (requests.exceptions.InvalidURL("what is this"), "what is this"),
        (urllib3.exceptions.LocationParseError("a..b"), "Failed to parse: a..b"),
    ],
)
def test_no_answer_is_an_unavailable_broker_with_a_short_reason(error: Exception, reason: str) -> None:
    broker = FakeBroker()
    broker.error = error

    with pytest.raises(BrokerUnavailable) as unavailable:
        client_of(broker).publish("t", "v")

    assert str(unavailable.value) == f"the broker at {URL} does not answer: {reason}"


def test_a_name_that_does_not_resolve_is_said_in_the_system_s_words() -> None:
    broker = FakeBroker()
    broker.error = requests.ConnectionError("pool")
    broker.error.__context__ = socket.gaierror(-2, "Name or service not known")

    with pytest.raises(BrokerUnavailable, match="name or service not known"):
        client_of(broker).health()


def test_a_name_that_the_contract_forbids_is_not_sent() -> None:
    broker = FakeBroker()

    with pytest.raises(ValidationError):
        client_of(broker).register_topic("..")

    assert broker.options == {}
