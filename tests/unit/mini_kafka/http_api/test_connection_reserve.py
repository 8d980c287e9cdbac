"""Past the limit of connections a health check is answered, all else is told so, and nobody is kept for long."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send

from mini_kafka.connection_limit import RESERVE, ConnectionLimit
from mini_kafka.http_api.connection import ANSWER, RESERVE_PATIENCE_S
from tests.support.connection import GET, HEAD, Connection
from tests.support.tasks import settle

HEALTH = GET.replace(b"/x", b"/health")


def full(limit: int = 1, per_address: int = 0) -> ConnectionLimit:
    """Make a limit that is reached already, by others."""
    connections = ConnectionLimit(limit, per_address)
    for _ in range(limit):
        connections.admit("others")
    return connections


def run(connections: ConnectionLimit, story: Callable[[Connection], Awaitable[None]]) -> None:
    async def inside() -> None:
        await story(Connection(connections, "10.0.0.1"))

    asyncio.run(inside())


async def healthy(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")


@pytest.mark.parametrize("path", [b"/health", b"/livez", b"/readyz", b"/health?x=1"])
def test_past_the_limit_a_health_check_is_answered_and_all_else_is_503(path: bytes) -> None:
    async def health(it: Connection) -> None:
        it.protocol.app = healthy
        await it.send(GET.replace(b"/x", path))
        assert it.wire.written.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nconnection: close\r\n" in it.wire.written
        assert it.wire.closed

    run(full(), health)

    async def other(it: Connection) -> None:
        it.protocol.app = healthy
        await it.send(GET)
        head, _, body = it.wire.written.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1" in head
        problem = json.loads(body)
        assert problem["code"] == "TOO_MANY_CONNECTIONS"
        assert "MINI_KAFKA_MAX_CONNECTIONS (1)" in problem["detail"]
        assert it.wire.closed

    run(full(), other)


def test_one_address_has_a_limit_of_its_own_where_there_is_one() -> None:
    connections = ConnectionLimit(100, per_address=1)

    async def story(it: Connection) -> None:
        second = Connection(connections, "10.0.0.1")
        await second.send(GET)
        assert b"MINI_KAFKA_MAX_CONNECTIONS_PER_ADDRESS (1) for 10.0.0.1" in second.wire.written
        other = Connection(connections, "10.0.0.2")
        for each in (it, other):
            each.answer_now.set()
            await each.send(GET)
            assert each.wire.written.startswith(b"HTTP/1.1 200 ")

    run(connections, story)


def test_only_one_request_of_a_connection_past_the_limit_is_answered_and_no_body_waited_for() -> None:
    async def twice(it: Connection) -> None:
        it.protocol.app = healthy
        await it.send(HEALTH + HEALTH)
        assert it.wire.written.count(b"HTTP/1.1 ") == 1

    run(full(), twice)

    async def body(it: Connection) -> None:
        await it.send(HEAD)
        assert it.wire.written.startswith(b"HTTP/1.1 503 ")
        assert it.wire.closed

    run(full(), body)


@pytest.mark.parametrize(("sent", "answer"), [(b"", b""), (b"GET /hea", b"HTTP/1.1 503 ")])
def test_a_connection_past_the_limit_is_not_waited_for_as_long_as_others(sent: bytes, answer: bytes) -> None:
    async def story(it: Connection) -> None:
        if sent:
            await it.send(sent)
        assert it.wait(RESERVE_PATIENCE_S)
        assert not it.wait(1)
        assert it.wire.written[:13] == answer

    run(full(), story)


def test_past_the_reserve_a_connection_is_closed_at_once() -> None:
    connections = full()
    for _ in range(RESERVE):
        connections.admit("others")

    async def story(it: Connection) -> None:
        assert it.wire.aborted
        it.protocol.connection_lost(None)
        assert (connections.served, connections.in_reserve) == (1, RESERVE)

    run(connections, story)


def test_a_connection_that_ends_gives_its_place_back() -> None:
    connections = ConnectionLimit(1)

    async def story(it: Connection) -> None:
        assert (connections.served, connections.in_reserve) == (1, 0)
        second = Connection(connections)
        assert (connections.served, connections.in_reserve) == (1, 1)
        for each in (it, second):
            each.protocol.connection_lost(None)
        await settle()
        assert (connections.served, connections.in_reserve) == (0, 0)

    run(connections, story)
