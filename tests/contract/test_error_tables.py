"""Every refusal of the core has an answer in every listener, and every error of the HTTP API an entry in its table."""

from collections.abc import Mapping
from http import HTTPStatus

import pytest

from mini_kafka.core import errors
from mini_kafka.core.errors import BrokerError
from mini_kafka.http_api import error_table
from mini_kafka.http_api.error_table import CORE_ERRORS, KINDS, ErrorKind
from mini_kafka.http_api.errors import problem
from mini_kafka.kafka_wire.error_codes import KAFKA_CODE, ErrorCode
from mini_kafka.settings import BrokerSettings
from mini_kafka_shared.settings import environment_name

TABLES: Mapping[str, Mapping[type[BrokerError], object]] = {"http_api": CORE_ERRORS, "kafka_wire": KAFKA_CODE}
"""The table of each listener, from the core's errors to its own."""


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


@pytest.mark.parametrize("listener", TABLES)
def test_a_listeners_table_has_every_error_and_no_other(listener: str) -> None:
    assert set(TABLES[listener]) == concrete_errors()


def test_the_kafka_table_has_every_error_and_no_other() -> None:
    assert set(KAFKA_CODE) == concrete_errors()
    assert ErrorCode.NONE not in KAFKA_CODE.values()


def test_every_error_lives_in_the_one_tree() -> None:
    assert {kind.__module__ for kind in concrete_errors()} == {errors.__name__}


def test_every_kind_of_error_has_an_entry_and_a_code_of_its_own() -> None:
    named = [kind for kind in vars(error_table).values() if isinstance(kind, ErrorKind)]
    kinds = {*named, *CORE_ERRORS.values()}
    assert set(KINDS.values()) == kinds
    assert len(KINDS) == len(kinds), "two kinds have one code"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_an_entry_has_an_error_status_a_name_like_kafkas_and_sentences(kind: ErrorKind) -> None:
    assert kind.status >= 400
    assert kind.code.replace("_", "").isalpha()
    assert kind.code.isupper()
    assert kind.title[0].isupper()
    assert not kind.title.endswith(".")
    assert kind.advice.endswith(".")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_a_setting_that_an_entry_names_exists(kind: ErrorKind) -> None:
    known = {environment_name(BrokerSettings, name) for name in BrokerSettings.model_fields}
    assert set(kind.settings) <= known


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_what_may_be_tried_again_says_when_and_nothing_else_does(kind: ErrorKind) -> None:
    is_passing = kind.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    assert (b"retry-after" in dict(problem(kind, "no").headers)) is is_passing
