"""An error names its request, in the body, in the header and in the log, and the client may choose the name."""

import asyncio
import logging
import re

import pytest

from mini_kafka.http_api.errors import internal_error
from mini_kafka.http_api.request_id import request_id_of, with_request_id
from tests.support.asgi import Answer
from tests.support.broker import broker
from tests.support.connection import Connection
from tests.support.connection import run as on_a_connection

MADE_UP = re.compile(r"[0-9a-f]{16}")
NDJSON = (("content-type", "application/x-ndjson"),)


def ask(path: str, *headers: tuple[str, str], body: bytes = b"", method: str = "POST") -> Answer:
    async def run() -> Answer:
        async with broker(memory_limit=1024 * 1024) as it:
            return await it.ask(method, path, [body], headers)

    return asyncio.run(run())


def the_id_of(answer: Answer) -> str:
    name = answer.json()["request_id"]
    assert answer.headers["x-request-id"] == name
    return str(name)


JSON = ("content-type", "application/json")
REFUSED_BY = {
    "the gate": ("/produce", [("host", "evil.com")], b""),
    "a hot route": ("/produce", [JSON], b"{}"),
    "the engine": ("/produce", [JSON], b'{"topic": "none", "value": "v"}'),
    "the application": ("/nothing", [], b""),
    "a model": ("/v1/groups/g/offsets", [JSON], b"{}"),
    "half of a body of lines": (
        "/v1/topics/t/records", list(NDJSON), b'{"value": "%s"}\n' % (b"x" * 1024 * 512) * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "headers", "body"), REFUSED_BY.values(), ids=list(REFUSED_BY))
def test_every_error_has_a_name_in_its_body_and_its_header(
    path: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    answer = ask(path, *headers, body=body)
    assert answer.status >= 400
    assert MADE_UP.fullmatch(the_id_of(answer))
    assert the_id_of(ask(path, *headers, ("x-request-id", "till-7"), body=body)) == "till-7"


@pytest.mark.parametrize("path", ["/health", "/stats", "/docs"])
def test_an_answer_that_is_no_error_has_no_name(path: str) -> None:
    answer = ask(path, ("x-request-id", "till-7"), method="GET")
    assert answer.status == 200
    assert "x-request-id" not in answer.headers


@pytest.mark.parametrize("name", ["a", "A-b_c.d:e/f=g;h@i+j", "0" * 128, "Root=1-67891233-abcdef"])
def test_a_client_may_name_its_request_with_a_plain_word(name: str) -> None:
    assert the_id_of(ask("/nothing", ("x-request-id", name))) == name


@pytest.mark.parametrize("name", ["", " ", "two words", 'quo"te', "back\\slash", "é", "a\nb", "0" * 129])
def test_another_name_is_not_taken(name: str) -> None:
    assert MADE_UP.fullmatch(the_id_of(ask("/nothing", ("x-request-id", name))))


def test_two_names_are_none() -> None:
    assert MADE_UP.fullmatch(the_id_of(ask("/nothing", ("x-request-id", "a"), ("x-request-id", "b"))))


def test_a_request_keeps_its_name() -> None:
    scope: dict[str, object] = {"headers": []}
    assert request_id_of(scope) == request_id_of(scope) != request_id_of({"headers": []})


def test_the_name_comes_last_in_the_body_and_changes_nothing_else() -> None:
    plain, named = internal_error(), with_request_id(internal_error(), "a")
    assert named.body == plain.body[:-1] + b', "request_id": "a"}'
    assert (named.status, named.headers) == (plain.status, (*plain.headers, (b"x-request-id", b"a")))


@pytest.mark.parametrize("path", ["/stats", "/produce"])
def test_a_bug_is_logged_under_the_name_that_its_client_got(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    async def run() -> Answer:
        async with broker() as it:
            it.engine.describe_topics = it.engine.produce = failing  # type: ignore[assignment, method-assign]
            body = {"topic": "t", "value": "v"}
            return await (it.get(path) if path == "/stats" else it.post(path, body))

    answer = asyncio.run(run())
    assert answer.status == 500
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info
    assert vars(record)["request_id"] == the_id_of(answer)
    assert the_id_of(answer) in record.getMessage()


def test_what_is_no_request_gets_a_name_too_which_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def story(it: Connection) -> None:
        await it.send(b"no HTTP at all\r\n\r\n")
        head, _, body = it.wire.written.partition(b"\r\n\r\n")
        found = re.search(rb'"request_id": "([0-9a-f]{16})"', body)
        assert found
        assert b"\r\nx-request-id: " + found[1] in head
        assert f"request {found[1].decode()}" in caplog.text

    with caplog.at_level(logging.INFO):
        on_a_connection(story)
