"""What every request passes before a route sees it, and what every answer carries."""

import asyncio
import json
import logging
from http import HTTPStatus
from typing import Any

import pytest

from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.http_api.access import AccessPolicy
from mini_kafka.http_api.gate import Gate
from mini_kafka.http_api.hot import HotRoute
from tests.support.asgi import JSON, Answer, Client
from tests.support.broker import broker
from tests.support.tasks import settle


def post(*headers: tuple[str, str], **settings: Any) -> Answer:
    async def run() -> Answer:
        async with broker(**settings) as it:
            return await it.post("/topics/register", {"topic": "t"}, headers)

    return asyncio.run(run())


def get(path: str, *headers: tuple[str, str], **settings: Any) -> Answer:
    async def run() -> Answer:
        async with broker(**settings) as it:
            return await it.get(path, headers)

    return asyncio.run(run())


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "application/x+json"])
def test_json_media_types_are_taken(media_type: str) -> None:
    assert post(("content-type", media_type)).status == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_other_media_types_are_415_and_the_answer_says_which_header_to_send(media_type: str) -> None:
    answer = post(("content-type", media_type))
    assert answer.status == 415
    assert "content-type: application/json" in answer.json()["detail"]


def test_a_body_that_says_it_is_too_large_is_413_before_it_is_read() -> None:
    async def run() -> None:
        async with broker(max_body_bytes=2000) as it:
            # The client sends no byte of its body: a gate that read first would find it gone, and answer nothing.
            it.gone.set()
            answer = await it.ask("POST", "/produce", [], (*JSON, ("content-length", "2001")))
            assert (answer.status, answer.json()["detail"]) == (
                413,
                "the body is over 2000 bytes: send less at a time, or raise MINI_KAFKA_MAX_BODY_BYTES",
            )

    asyncio.run(run())


def test_a_body_in_chunks_is_413_as_soon_as_it_is_too_large() -> None:
    async def run() -> None:
        async with broker(max_body_bytes=2000) as it:
            await it.post("/topics/register", {"topic": "t"})
            body = json.dumps({"topic": "t", "value": "x" * 1900}).encode()
            fits = await it.ask("POST", "/produce", [body[:1000], body[1000:]], JSON)
            too_large = await it.ask("POST", "/produce", [body[:1000], body[1000:], b" " * 1000], JSON)
            assert (fits.status, too_large.status) == (200, 413)
            assert (await it.get("/stats")).json()["topics"] == {"t": 1}

    asyncio.run(run())


def test_every_answer_forbids_sniffing() -> None:
    for answer in (post(*JSON), post(), get("/stats"), get("/docs"), get("/nothing"), get("/health")):
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_answer_relaxes_the_same_origin_policy() -> None:
    for answer in (post(*JSON), get("/stats", ("origin", "http://127.0.0.1:8000"))):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/nothing", "GET", 404), ("/produce", "GET", 405), ("/stats", "POST", 405)]
)
def test_a_wrong_path_or_method_is_a_problem_with_a_sentence(path: str, method: str, status: int) -> None:
    async def run() -> Answer:
        async with broker() as it:
            return await it.ask(method, path, headers=JSON)

    answer = asyncio.run(run())
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail", "code"}
    assert "/docs" in answer.json()["detail"]


def test_a_bug_is_answered_without_details_and_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(call: object) -> None:
        raise RuntimeError("the secret inside")

    async def run() -> Answer:
        gate = Gate(MemoryEngine(EngineConfig(memory_limit=1 << 20)), AccessPolicy(()), 1000)
        await gate.load(lambda: (gate, {("GET", "/broken"): HotRoute(broken)}))
        return await Client(gate).get("/broken")

    with caplog.at_level(logging.ERROR):
        answer = asyncio.run(run())
    assert (answer.status, answer.json()["code"]) == (500, "UNKNOWN_SERVER_ERROR")
    assert b"secret" not in answer.body
    assert "the secret inside" in caplog.text
    assert "Traceback" in caplog.text


def test_until_the_application_is_loaded_health_is_answered_and_the_rest_waits() -> None:
    async def answered(call: object) -> None:
        return None

    async def run() -> None:
        gate = Gate(MemoryEngine(EngineConfig(memory_limit=1 << 20)), AccessPolicy(()), 1000)
        client = Client(gate)
        for path in ("/health", "/livez", "/readyz"):
            answer = await client.get(path)
            assert (answer.status, answer.json()) == (HTTPStatus.OK, {"status": "ok"})
        early = asyncio.create_task(client.get("/early"))
        await settle()
        assert not early.done()
        await gate.load(lambda: (gate, {("GET", "/early"): HotRoute(answered)}))
        assert (await early).status == 204

    asyncio.run(run())


def test_health_checks_answer_ok() -> None:
    for path in ("/health", "/livez", "/readyz"):
        answer = get(path)
        assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_the_welcome_points_at_the_documentation() -> None:
    assert "/docs" in get("/").json()["message"]
