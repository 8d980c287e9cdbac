"""Every request counts once, by the template of its route; what a client chooses becomes no label."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from tests.support.asgi import JSON
from tests.support.broker import Broker, tell
from tests.support.connection import Connection
from tests.support.connection import run as on_a_connection
from tests.support.tasks import settle

Counted = dict[tuple[str, ...], dict[str | int, int]]


def counted(it: Broker) -> Counted:
    return {kind: dict(requests.statuses) for kind, requests in it.gate.traffic.requests.items()}


async def produce(it: Broker) -> None:
    await it.post("/topics/register", {"topic": "t"})


async def wrong_body(it: Broker) -> None:
    await it.post("/produce", {})


async def read(it: Broker) -> None:
    await it.ask("PUT", "/v1/topics/t")
    await it.get("/v1/topics/t/records")


async def acquire(it: Broker) -> None:
    await it.post("/v1/groups/a%2Fb/acquire", {"topics": ["t"]})


async def nothing_there(it: Broker) -> None:
    await it.get("/v1/no/such/thing")
    await it.get("/produced")


async def wrong_method(it: Broker) -> None:
    await it.ask("DELETE", "/produce")


async def odd_method(it: Broker) -> None:
    await it.ask("PROPFIND", "/a")
    await it.ask("MKCOL", "/b")


async def foreign_host(it: Broker) -> None:
    await it.get("/stats", [("host", "evil.com")])


async def head(it: Broker) -> None:
    await it.ask("HEAD", "/health")


async def stream_too_many(it: Broker) -> None:
    await it.ask("PUT", "/v1/topics/t")
    await it.get("/v1/topics/t/records?follow=true")


async def lines_cut_off(it: Broker) -> None:
    it.gone.set()
    lines = [("content-type", "application/x-ndjson")]
    await it.ask("POST", "/v1/topics/t/records?ack=each", [b'{"value": 1}\n'], lines, more_to_come=True)


async def head_of_a_stream(it: Broker) -> None:
    await it.ask("PUT", "/v1/topics/t")
    await it.ask("HEAD", "/v1/topics/t/records?follow=true")


async def body_cut_off(it: Broker) -> None:
    it.gone.set()
    await it.ask("PUT", "/v1/topics/t", [b"{"], JSON, more_to_come=True)


async def page(it: Broker) -> None:
    await it.get("/docs/assets/start.js")
    await it.get("/docs/assets/nothing.js")


STORIES: dict[Callable[[Broker], Awaitable[None]], Counted] = {
    produce: {("POST", "/topics/register"): {200: 1}},
    wrong_body: {("POST", "/produce"): {422: 1}},
    read: {("PUT", "/v1/topics/{topic}"): {201: 1}, ("GET", "/v1/topics/{topic}/records"): {200: 1}},
    acquire: {("POST", "/v1/groups/{group}/acquire"): {200: 1}},
    nothing_there: {("GET", "unmatched"): {404: 2}},
    wrong_method: {("DELETE", "/produce"): {405: 1}},
    odd_method: {("other", "unmatched"): {404: 2}},
    foreign_host: {("GET", "unmatched"): {421: 1}},
    head: {("GET", "/health"): {200: 1}},
    stream_too_many: {
        ("PUT", "/v1/topics/{topic}"): {201: 1}, ("GET", "/v1/topics/{topic}/records"): {503: 1},
    },
    lines_cut_off: {("POST", "/v1/topics/{topic}/records"): {200: 1}},
    head_of_a_stream: {("PUT", "/v1/topics/{topic}"): {201: 1}, ("GET", "/v1/topics/{topic}/records"): {200: 1}},
    body_cut_off: {("PUT", "unmatched"): {499: 1}},
    page: {("GET", "/docs/assets/{name}"): {200: 1, 404: 1}},
}  # fmt: skip


@pytest.mark.parametrize(("story", "expected"), STORIES.items(), ids=lambda it: getattr(it, "__name__", ""))
def test_a_request_counts_once_under_the_template_of_its_route(
    story: Callable[[Broker], Awaitable[None]], expected: Counted
) -> None:
    async def run(it: Broker) -> None:
        await story(it)
        assert counted(it) == expected
        for requests in it.gate.traffic.requests.values():
            assert sum(requests.durations.counts) == sum(requests.statuses.values())

    tell(run, max_streams=0)


def test_a_client_that_hangs_up_counts_as_499() -> None:
    async def story(it: Broker) -> None:
        it.gone.set()
        await it.ask("POST", "/produce", [b"{"], JSON, more_to_come=True)
        assert counted(it) == {("POST", "/produce"): {499: 1}}

    tell(story)


def test_a_stream_counts_when_it_begins_so_that_its_length_is_no_duration() -> None:
    async def story(it: Broker) -> None:
        await it.ask("PUT", "/v1/topics/t")
        stream = asyncio.create_task(it.get("/v1/topics/t/records?follow=true"))
        await settle()
        assert counted(it)["GET", "/v1/topics/{topic}/records"] == {200: 1}
        it.gone.set()
        await stream
        assert counted(it)["GET", "/v1/topics/{topic}/records"] == {200: 1}

    tell(story)


def test_what_never_becomes_a_request_counts_with_its_status() -> None:
    async def story(it: Connection) -> None:
        await it.send(b"no HTTP at all\r\n\r\n")
        assert {kind: dict(it.statuses) for kind, it in it.traffic.requests.items()} == {
            ("other", "unmatched"): {400: 1}
        }

    on_a_connection(story)


def test_a_request_is_a_line_of_the_log_at_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    async def story(it: Broker) -> None:
        with caplog.at_level(logging.INFO):
            await it.get("/v1/topics/t/records")
        assert caplog.records == []
        with caplog.at_level(logging.DEBUG, "mini_kafka"):
            await it.get("/v1/topics/t/records?from=secret", [("x-request-id", "till-7")])
        (record,) = [record for record in caplog.records if record.name.startswith("mini_kafka")]
        facts = vars(record)
        assert (facts["method"], facts["route"], facts["status"]) == ("GET", "/v1/topics/{topic}/records", 404)
        assert (facts["request_id"], facts["client"]) == ("till-7", "127.0.0.1:50000")
        assert facts["duration_ms"] >= 0
        line = record.getMessage()
        assert line.startswith("GET /v1/topics/{topic}/records 404 in ")
        assert line.endswith(" ms, request till-7 of 127.0.0.1:50000")
        assert "secret" not in line

    tell(story)
