"""Every refusal of the core has an answer in every listener."""

import inspect
from http import HTTPStatus

import pytest

from mini_kafka.core import errors
from mini_kafka.core.errors import BrokerError
from mini_kafka.http_api.errors import HTTP_STATUS
from mini_kafka.kafka_wire.error_codes import KAFKA_CODE, ErrorCode


def concrete_errors() -> set[type[BrokerError]]:
    """Give every refusal that can be raised: those that no other stems from."""
    found, rest = set(), [BrokerError]
    while rest:
        kind = rest.pop()
        below = kind.__subclasses__()
        rest += below
        if not below:
            found.add(kind)
    return found


def test_the_http_table_has_every_error_and_no_other() -> None:
    assert set(HTTP_STATUS) == concrete_errors()


def test_the_kafka_table_has_every_error_and_no_other() -> None:
    assert set(KAFKA_CODE) == concrete_errors()
    assert ErrorCode.NONE not in KAFKA_CODE.values()


def test_every_error_lives_in_the_one_tree() -> None:
    in_the_tree = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BrokerError)}
    assert concrete_errors() <= in_the_tree


@pytest.mark.parametrize("kind", HTTP_STATUS, ids=lambda kind: kind.__name__)
def test_a_refusal_is_answered_with_an_error_status_and_kafkas_kind_of_name(kind: type[BrokerError]) -> None:
    status, code = HTTP_STATUS[kind]
    assert 400 <= status < 500 or status is HTTPStatus.SERVICE_UNAVAILABLE
    assert code.replace("_", "").isalpha()
    assert code.isupper()


@pytest.mark.parametrize("kind", HTTP_STATUS, ids=lambda kind: kind.__name__)
def test_what_may_be_tried_again_says_when_and_nothing_else_does(kind: type[BrokerError]) -> None:
    status, _ = HTTP_STATUS[kind]
    try_again = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    assert hasattr(kind, "retry_after_s") is try_again
