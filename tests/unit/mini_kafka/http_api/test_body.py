"""A body is taken as it is, up to its limit; one that is encoded, too large or no JSON is refused in the one form."""

import asyncio
import gzip

import pytest

from mini_kafka.engine.port import Caller
from tests.support.asgi import JSON, Answer
from tests.support.broker import Broker, broker, tell


def post(*headers: tuple[str, str]) -> Answer:
    async def run() -> Answer:
        async with broker() as it:
            return await it.post("/topics/register", {"topic": "t"}, headers)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "media_type"),
    [
        ("POST", "/produce", "application/json"),
        ("POST", "/v1/topics/t/records", "text/plain"),
        ("POST", "/v1/topics/t/records", "application/x-ndjson"),
        ("PUT", "/v1/topics/t", "application/json"),
        ("POST", "/v1/groups/g/acknowledge", "application/json"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity, br", "utf-8"])
def test_a_body_that_is_compressed_is_415_and_nothing_is_stored(
    method: str, path: str, media_type: str, encoding: str
) -> None:
    async def run() -> None:
        async with broker() as it:
            headers = (("content-type", media_type), ("content-encoding", encoding))
            answer = await it.ask(method, path, [gzip.compress(b'{"topic": "t"}')], headers)
            assert (answer.status, answer.json()["code"]) == (415, "UNSUPPORTED_CONTENT_ENCODING")
            assert answer.headers["accept-encoding"] == "identity"
            assert "send it plain" in answer.json()["detail"]
            assert await it.engine.describe_topics(Caller("test")) == []

    asyncio.run(run())


def test_a_body_whose_chunks_are_compressed_is_415_too() -> None:
    answer = post(*JSON, ("transfer-encoding", "gzip, chunked"))
    assert (answer.status, answer.json()["code"]) == (415, "UNSUPPORTED_CONTENT_ENCODING")
    assert post(*JSON, ("transfer-encoding", "chunked")).status == 200


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_a_body_that_says_it_is_plain_is_taken(encoding: str) -> None:
    assert post(*JSON, ("content-encoding", encoding)).status == 200


@pytest.mark.parametrize("length", [2001, 10**30])
def test_a_body_that_says_it_is_too_large_has_the_one_form_of_errors_on_fastapis_routes_too(length: int) -> None:
    async def run() -> None:
        async with broker(max_body_bytes=2000) as it:
            headers = (*JSON, ("content-length", str(length)))
            answer = await it.ask("PUT", "/v1/topics/t", [b"{}"], headers)
            assert (answer.status, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
            assert "MINI_KAFKA_MAX_BODY_BYTES" in answer.json()["detail"]
            chunked = await it.ask("PUT", "/v1/topics/t", [b" " * 1500] * 2, (*JSON, ("transfer-encoding", "chunked")))
            assert {**chunked.json(), "request_id": ""} == {**answer.json(), "request_id": ""}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/topics/t"),
        ("PATCH", "/v1/topics/t"),
        ("PUT", "/v1/groups/g/offsets"),
        ("POST", "/v1/groups/g/acquire"),
    ],
)
def test_a_body_that_brings_no_records_has_a_limit_of_its_own_since_it_is_parsed_at_once(
    method: str, path: str
) -> None:
    async def story(it: Broker) -> None:
        for chunks in ([b" " * 2001], [b" " * 1500] * 2):
            answer = await it.ask(method, path, chunks, JSON)
            assert (answer.status, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
            assert "MINI_KAFKA_MAX_CONTROL_BODY_BYTES" in answer.json()["detail"]
        assert (await it.post("/v1/topics/t/records", [{"value": "x" * 3000}])).status == 200

    tell(story, max_control_body_bytes=2000)


@pytest.mark.parametrize("path", ["/v1/topics/t", "/v1/groups/g/offsets"])
def test_bodies_on_their_way_count_together_on_fastapis_routes_too(path: str) -> None:
    async def story(it: Broker) -> None:
        it.bounds.buffered.hold(1024)
        answer = await it.ask("PUT", path, [b"{", b"}"], JSON)
        assert (answer.status, answer.json()["code"]) == (503, "TOO_MANY_BODIES")
        assert it.bounds.buffered.held == 1024

    tell(story, max_buffered_body_bytes=1024)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/topics/t"), ("POST", "/produce")])
@pytest.mark.parametrize("body", [b"\xff", b"{", b"{]"])
def test_a_body_that_is_no_json_is_said_to_be_none(method: str, path: str, body: bytes) -> None:
    async def run() -> None:
        async with broker() as it:
            answer = await it.ask(method, path, [body], (*JSON, ("content-length", str(len(body)))))
            assert answer.status == 422
            assert answer.json()["detail"].startswith("the body is not what this call takes: the body: ")
            assert "JSON" in answer.json()["detail"]

    asyncio.run(run())


def test_an_encoding_of_no_body_is_nobodys_concern() -> None:
    async def run() -> None:
        async with broker() as it:
            assert (await it.get("/health", (("content-encoding", "gzip"),))).status == 200

    asyncio.run(run())
