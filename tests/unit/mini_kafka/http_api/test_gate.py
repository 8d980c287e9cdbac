"""What every request passes before a route sees it, and what every answer carries."""

import asyncio
import json
import logging
from http import HTTPStatus
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from mini_kafka.core.errors import MemoryLimitReached
from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.http_api.access import AccessPolicy
from mini_kafka.http_api.bounds import Bounds, HttpLimits
from mini_kafka.http_api.connection import ANSWER
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


JSON_TYPES = ["application/json", "application/json; charset=utf-8", "application/json ;v=1"]
JSON_TYPES += ["Application/JSON", "application/x+json"]


@pytest.mark.parametrize("media_type", JSON_TYPES)
def test_json_media_types_are_taken(media_type: str) -> None:
    assert post(("content-type", media_type)).status == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_other_media_types_are_415_and_the_answer_says_which_header_to_send(media_type: str) -> None:
    answer = post(("content-type", media_type))
    assert answer.status == 415
    assert "content-type: application/json" in answer.json()["detail"]


def test_an_error_is_one_write_too() -> None:
    written: list[tuple[int, bytes, bytes]] = []

    def at_once(*answer: Any) -> bool:
        written.append(answer)
        return True

    async def run() -> None:
        async with broker() as it:
            it.extensions = {ANSWER: at_once}
            assert (await it.post("/produce", {"topic": "none", "value": "v"})).status == 0

    asyncio.run(run())
    [(status, lines, body)] = written
    assert status == 404
    assert b"content-type: application/problem+json\r\n" in lines
    assert b"content-length: %d\r\n" % len(body) in lines
    assert b"x-content-type-options: nosniff\r\n" in lines


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


EXACTLY_2000 = json.dumps({"topic": "t", "value": "x"}).encode().ljust(2000)


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        ([EXACTLY_2000], 200),
        ([EXACTLY_2000[:1000], EXACTLY_2000[1000:]], 200),
        ([EXACTLY_2000 + b" "], 413),
        ([EXACTLY_2000[:1000], EXACTLY_2000[1000:], b" "], 413),
    ],
    ids=["one chunk", "two chunks", "one chunk too large", "chunks too large"],
)
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(chunks: list[bytes], status: int, announced: bool) -> None:
    async def run() -> None:
        async with broker(max_body_bytes=2000) as it:
            await it.post("/topics/register", {"topic": "t"})
            length = ("content-length", str(sum(map(len, chunks))))
            headers = (*JSON, length) if announced else JSON
            assert (await it.ask("POST", "/topics/register", chunks, headers)).status == status
            assert (await it.ask("POST", "/produce", chunks, headers)).status == status
            assert (await it.get("/stats")).json()["topics"] == {"t": 1 if status == 200 else 0}

    asyncio.run(run())


def test_a_length_that_nobody_can_count_is_413_and_a_padded_one_is_read() -> None:
    async def run() -> None:
        async with broker(max_body_bytes=2000) as it:
            for length, status in (("9" * 5000, 413), ("0" * 5000 + str(len(EXACTLY_2000)), 200)):
                answer = await it.ask("POST", "/topics/register", [EXACTLY_2000], (*JSON, ("content-length", length)))
                assert answer.status == status

    asyncio.run(run())


def test_bodies_that_are_on_their_way_may_fill_the_memory_only_so_far() -> None:
    async def run() -> None:
        async with broker(max_body_bytes=1500, max_buffered_body_bytes=2000) as it:
            slow = [
                asyncio.create_task(it.ask("POST", "/topics/register", [b" " * 800], JSON, more_to_come=True))
                for _ in range(2)
            ]
            await settle()
            answer = await it.ask("POST", "/topics/register", [b" " * 400, b" " * 400], JSON)
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert "MINI_KAFKA_MAX_BUFFERED_BODY_BYTES" in answer.json()["detail"]
            it.gone.set()
            await asyncio.gather(*slow)
            it.gone.clear()
            body = b'{"topic": "t"}'.ljust(1400)
            assert (await it.ask("POST", "/topics/register", [body[:700], body[700:]], JSON)).status == 200

    asyncio.run(run())


def test_head_is_a_get_without_a_body() -> None:
    async def run() -> None:
        async with broker() as it:
            for path in ("/health", "/stats", "/docs", "/nothing"):
                asked = await it.ask("HEAD", path)
                got = await it.get(path)
                assert (asked.status, asked.headers["content-length"]) == (got.status, got.headers["content-length"])
            assert (await it.ask("HEAD", "/produce")).status == 405

    asyncio.run(run())


def test_a_client_that_hangs_up_within_its_body_stores_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with broker() as it:
            await it.post("/topics/register", {"topic": "t"})
            it.gone.set()
            body = json.dumps({"topic": "t", "value": "x"}).encode()
            assert (await it.ask("POST", "/produce", [body], JSON, more_to_come=True)).status == 0
            assert (await it.get("/stats")).json()["topics"] == {"t": 0}

    asyncio.run(run())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_foreign_host_gets_421_on_every_path() -> None:
    for path in ("/stats", "/health", "/docs", "/openapi.json", "/nothing"):
        assert get(path, ("host", "evil.com")).status == 421
    assert post(*JSON, ("host", "evil.com")).status == 421
    assert get("/stats", ("host", "kafka.example.org"), allowed_hosts=("kafka.example.org",)).status == 200


@pytest.mark.parametrize("header", [("origin", "https://evil.com"), ("sec-fetch-site", "cross-site")])
def test_another_sites_page_changes_nothing(header: tuple[str, str]) -> None:
    async def run() -> None:
        async with broker() as it:
            assert (await it.post("/topics/register", {"topic": "t"}, (*JSON, header))).status == 403
            assert (await it.get("/stats", [header])).json()["topics"] == {}

    asyncio.run(run())


def test_the_brokers_own_page_may_change_things() -> None:
    own_page = (("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-origin"))
    assert post(*JSON, *own_page).status == 200


def test_a_server_that_can_answer_at_once_is_asked_to() -> None:
    async def run() -> None:
        answers: list[tuple[int, bytes, bytes]] = []

        def at_once(status: int, header_lines: bytes, body: bytes) -> bool:
            answers.append((status, header_lines, body))
            return True

        async with broker() as it:
            it.extensions = {ANSWER: at_once}
            assert (await it.post("/consumers/register", {"topic": "t", "consumer_id": "c"})).status == 0
            assert (await it.post("/consume", {"consumer_id": "c"})).status == 0
        [(status, lines, body), (nothing_status, nothing_lines, nothing)] = answers
        assert (status, json.loads(body)["consumer_id"]) == (200, "c")
        assert lines.endswith(b"content-length: %d\r\n" % len(body))
        assert (nothing_status, nothing) == (204, b"")
        assert b"content-length" not in nothing_lines
        for header_lines in (lines, nothing_lines):
            assert b"x-content-type-options: nosniff\r\n" in header_lines

    asyncio.run(run())


def test_a_server_that_cannot_answer_at_once_is_answered_the_usual_way() -> None:
    async def run() -> None:
        async with broker() as it:
            it.extensions = {ANSWER: lambda *_: False}
            registered = await it.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
            nothing = await it.post("/consume", {"consumer_id": "c"})
            assert (registered.status, nothing.status) == (200, 204)
            assert "content-length" not in nothing.headers  # RFC 9110 section 8.6: none in a 204

    asyncio.run(run())


def test_what_is_not_http_is_left_alone() -> None:
    async def run() -> None:
        async with broker() as it:

            async def unexpected(*_: object) -> Any:
                pytest.fail("it was served")

            await it.app({"type": "lifespan"}, unexpected, unexpected)

    asyncio.run(run())


def test_every_answer_forbids_sniffing() -> None:
    for answer in (post(*JSON), post(), get("/stats"), get("/docs"), get("/nothing"), get("/health")):
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_answer_relaxes_the_same_origin_policy() -> None:
    for answer in (post(*JSON), get("/stats", ("origin", "http://127.0.0.1:8000"))):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "method", "status", "allowed"),
    [
        *(("/nothing", "GET", 404, None), ("/health/", "GET", 404, None)),
        *(("/produce", "GET", 405, "POST"), ("/stats", "POST", 405, "GET")),
    ],
)
def test_a_wrong_path_or_method_is_a_problem_with_a_sentence(
    path: str, method: str, status: int, allowed: str | None
) -> None:
    async def run() -> Answer:
        async with broker() as it:
            return await it.ask(method, path, headers=JSON)

    answer = asyncio.run(run())
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail", "code", "request_id"}
    assert answer.headers.get("allow") == allowed
    assert "/docs" in answer.json()["detail"]


def test_a_bug_is_answered_without_details_and_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(call: object) -> None:
        raise RuntimeError("the secret inside")

    async def run() -> Answer:
        gate = Gate(MemoryEngine(EngineConfig(memory_limit=1 << 20)), AccessPolicy(()), Bounds(HttpLimits(1000, 1000)))
        await gate.load(lambda: (gate, {("GET", "/broken"): HotRoute(broken)}))
        return await Client(gate).get("/broken")

    with caplog.at_level(logging.ERROR):
        answer = asyncio.run(run())
    assert (answer.status, answer.json()["code"]) == (500, "UNKNOWN_SERVER_ERROR")
    assert b"secret" not in answer.body
    assert "the secret inside" in caplog.text
    assert "Traceback" in caplog.text


async def cut(gate: Gate, path: str) -> Answer:
    """Ask, and let the server end its patience."""
    answer = Answer()
    task = asyncio.ensure_future(Client(gate).ask("GET", path, answer=answer))
    await settle()
    task.cancel()
    await task
    return answer


def test_a_call_that_is_cut_when_the_broker_stops_is_told_so_and_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def waiting(call: object) -> None:
        await asyncio.Event().wait()

    async def run() -> Answer:
        gate = Gate(MemoryEngine(EngineConfig(memory_limit=1 << 20)), AccessPolicy(()), Bounds(HttpLimits(1000, 1000)))
        await gate.load(lambda: (gate, {("GET", "/slow"): HotRoute(waiting)}))
        return await cut(gate, "/slow")

    answer = asyncio.run(run())
    assert (answer.status, answer.json()["code"]) == (503, "BROKER_NOT_AVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert "Traceback" not in caplog.text


def test_a_call_that_is_cut_within_its_answer_leaves_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def begin(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def run() -> Answer:
        gate = Gate(MemoryEngine(EngineConfig(memory_limit=1 << 20)), AccessPolicy(()), Bounds(HttpLimits(1000, 1000)))
        await gate.load(lambda: (begin, {}))
        return await cut(gate, "/endless")

    assert (asyncio.run(run())).body == b""
    [line] = caplog.records
    assert "GET /endless" in line.getMessage()
    assert line.exc_info is None


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (MemoryLimitReached(1, 2, 3), 429, "THROTTLING_QUOTA_EXCEEDED"),
        (RuntimeError("the secret inside"), 500, "UNKNOWN_SERVER_ERROR"),
    ],
)
def test_a_route_that_fastapi_serves_is_refused_once_and_in_the_same_form(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> tuple[Answer, int]:
        starts = 0
        async with broker() as it:

            async def failing(caller: object) -> None:
                raise error

            gate = it.app

            async def counting(scope: Scope, receive: Receive, send: Send) -> None:
                async def count(message: Message) -> None:
                    nonlocal starts
                    starts += message["type"] == "http.response.start"
                    await send(message)

                await gate(scope, receive, count)

            it.engine.describe_topics = failing  # type: ignore[assignment, method-assign]
            it.app = counting
            return await it.get("/stats"), starts

    answer, starts = asyncio.run(run())
    assert (answer.status, answer.json()["code"], starts) == (status, code, 1)
    assert b"secret" not in answer.body
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("Traceback" in caplog.text) is (status == 500)


def test_until_the_application_is_loaded_health_is_answered_and_the_rest_waits() -> None:
    async def answered(call: object) -> None:
        return None

    async def run() -> None:
        gate = Gate(MemoryEngine(EngineConfig(memory_limit=1 << 20)), AccessPolicy(()), Bounds(HttpLimits(1000, 1000)))
        client = Client(gate)
        for path in ("/health", "/livez", "/readyz"):
            answer = await client.get(path)
            assert (answer.status, answer.json()) == (HTTPStatus.OK, {"status": "ok"})
        early = asyncio.create_task(client.get("/early"))
        refused = asyncio.create_task(client.post("/readyz", {}))  # only a GET is a health check
        await settle()
        assert not early.done()
        assert not refused.done()
        refused.cancel()
        await gate.load(lambda: (gate, {("GET", "/early"): HotRoute(answered)}))
        assert (await early).status == 204

    asyncio.run(run())


def test_health_checks_answer_ok() -> None:
    for path in ("/health", "/livez", "/readyz"):
        answer = get(path)
        assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_the_welcome_points_at_the_documentation() -> None:
    assert "/docs" in get("/").json()["message"]
