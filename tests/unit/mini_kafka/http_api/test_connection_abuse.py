"""What no honest client sends is refused like every other error, costs little, and disturbs nobody."""

import json
import re
from dataclasses import replace

import pytest
from starlette.types import Receive, Scope, Send

from mini_kafka.http_api.connection import ANSWER
from tests.support.connection import GET, HEAD, LAST_GET, Connection, run
from tests.support.tasks import settle


def test_a_client_that_hangs_up_behind_pipelined_requests_is_noticed_by_each_of_them() -> None:
    async def story(it: Connection) -> None:
        heard: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            heard.append(scope["path"])
            assert not scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")

        it.protocol.app = app
        await it.send(GET + GET.replace(b"/x", b"/y"))
        it.wire.close()
        it.protocol.connection_lost(None)
        await settle()
        assert heard == ["/x"]

    run(story)


@pytest.mark.parametrize("later", [HEAD + b"12", HEAD[:30]], ids=["half a body", "half a head"])
def test_a_request_that_trickles_in_does_not_end_the_one_before_it(later: bytes) -> None:
    async def story(it: Connection) -> None:
        await it.send(GET)
        await it.send(later)
        assert it.wait(3600)
        it.answer_now.set()
        await settle()
        assert it.wire.written.startswith(b"HTTP/1.1 200 OK")
        assert it.wait(5)
        assert not it.wait(30)
        assert b"HTTP/1.1 408" in it.wire.written

    run(story)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x HTTP/1.1\r\n" + b"a:b\r\n" * 1000,
        b"GET /x HTTP/1.1\r\nx: " + b"y" * 6000,
        b"GET /x HTTP/1.1\r\n" + b"a:\r\n" * 160 + b"\r\n",
        b"GET /" + b"y" * 6000,
    ],
    ids=["many fields", "one endless field", "many empty fields", "an endless path"],
)
@pytest.mark.parametrize("piece", [10_000, 100])
def test_a_head_without_an_end_is_431_and_the_connection_is_closed(head: bytes, piece: int) -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        for start in range(0, len(head), piece):
            if not it.wire.closed:
                await it.send(head[start : start + piece])
        assert it.wire.written.startswith(b"HTTP/1.1 431 ")
        assert b"MINI_KAFKA_MAX_HEAD_BYTES" in it.wire.written
        assert it.wire.closed

    run(story)


def test_many_requests_in_one_piece_are_no_large_head() -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        for _ in range(3):
            await it.send(GET * 90)
            for _ in range(10):
                await settle()
        assert it.wire.written.count(b"HTTP/1.1 200 OK") == 270

    run(story)


@pytest.mark.parametrize(
    ("size", "head_bytes", "says"),
    [(5001, 5000, "over 5000 bytes (MINI_KAFKA_MAX_HEAD_BYTES)"), (65_536, 200_000, "URL is over 65535 bytes")],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_url_that_is_too_long_is_431(size: int, head_bytes: int, says: str, pieces: int) -> None:
    async def story(it: Connection) -> None:
        it.protocol.limits = replace(it.protocol.limits, head_bytes=head_bytes)
        request = GET.replace(b"/x", b"/x?" + b"a" * (size - 3))
        step = -(-len(request) // pieces)
        for start in range(0, len(request), step):
            if not it.wire.closed:
                await it.send(request[start : start + step])
        assert it.wire.written.startswith(b"HTTP/1.1 431 ")
        assert says in json.loads(it.wire.written.partition(b"\r\n\r\n")[2])["detail"]

    run(story)


def test_a_url_may_be_as_long_as_it_can_be_read() -> None:
    async def story(it: Connection) -> None:
        it.protocol.limits = replace(it.protocol.limits, head_bytes=200_000)
        it.answer_now.set()
        await it.send(GET.replace(b"/x", b"/x?" + b"a" * 65_532))
        assert it.wire.written.startswith(b"HTTP/1.1 200 ")

    run(story)


def answers_of(it: Connection) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", it.wire.written)]


def test_a_request_too_many_is_refused_when_its_turn_comes() -> None:
    """Answers have an order: those before it are given, and what comes after it is passed over."""

    async def story(it: Connection) -> None:
        await it.send(GET * 4)
        await it.send(GET * 1000)
        assert it.wire.written == b""
        assert not it.wire.closed
        assert it.wire.reading
        it.answer_now.set()
        await settle()
        assert answers_of(it) == [200, 200, 200, 429]
        assert b"\r\nretry-after: 1\r\n" in it.wire.written
        assert b"MINI_KAFKA_MAX_PIPELINED" in it.wire.written
        assert it.wire.closed

    run(story, pipelined=2)


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (b"\0\0\0\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", 400),
        (GET.replace(b"HTTP/1.1", b"HTTP/9"), 400),
        (GET.replace(b"/x", b"/" + b"x" * 6000), 431),
        (GET.replace(b"\r\n\r\n", b"\r\na: " + b"x" * 6000 + b"\r\n\r\n"), 431),
        (HEAD.replace(b"content-length: 4", b"transfer-encoding: chunked") + b"4\r\n1234\r\nnonsense", 400),
    ],
    ids=["garbage", "tunnel", "version", "url", "head", "chunk"],
)
@pytest.mark.parametrize("before", [1, 3])
def test_a_bad_request_behind_good_ones_is_answered_after_them(bad: bytes, status: int, before: int) -> None:
    """Else a client would take the refusal for the answer to what was done."""

    async def story(it: Connection) -> None:
        await it.send(GET * before + bad)
        await it.send(GET)
        assert it.wire.written == b""
        it.answer_now.set()
        await settle()
        assert answers_of(it) == [200] * before + [status]
        assert it.wire.closed

    run(story)


@pytest.mark.parametrize("before", [0, 2])
def test_an_offer_of_another_protocol_that_cannot_be_ignored_is_refused_in_its_turn(before: int) -> None:
    """It came in two pieces, so the field was not seen in time, and the parser reads on no further."""

    async def story(it: Connection) -> None:
        await it.send(GET * before + GET[:-2] + b"connection: upgrade\r\nup")
        await it.send(b"grade: h2c\r\n\r\n")
        await it.send(GET)
        it.answer_now.set()
        await settle()
        assert answers_of(it) == [200] * before + [400]
        assert it.wire.closed

    run(story)


def test_as_many_requests_as_may_wait_are_answered() -> None:
    async def story(it: Connection) -> None:
        await it.send(GET * 3)
        it.answer_now.set()
        await settle()
        assert answers_of(it) == [200] * 3
        assert not it.wire.closed

    run(story, pipelined=2)


@pytest.mark.parametrize("size", [1000, 1001, 70_000])
def test_a_large_body_behind_another_request_is_refused(size: int) -> None:
    async def story(it: Connection) -> None:
        large = HEAD.replace(b"4\r\n", b"%d\r\n" % size) + b"x" * size
        await it.send(GET)
        await it.send(large + GET)
        assert it.wire.reading
        it.answer_now.set()
        await settle()
        assert answers_of(it) == ([200, 200, 200] if size == 1000 else [200, 429])
        assert it.wire.closed is (size > 1000)
        assert (b"MINI_KAFKA_MAX_PIPELINED_BODY_BYTES" in it.wire.written) is (size > 1000)

    run(story, pipelined=2)


def test_a_client_that_hangs_up_after_a_request_too_many_is_noticed() -> None:
    async def story(it: Connection) -> None:
        heard: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            heard.append(scope["path"])

        it.protocol.app = app
        await it.send(GET * 10)
        it.wire.close()
        it.protocol.connection_lost(None)
        await settle()
        assert heard == ["/x"]

    run(story, pipelined=2)


def test_a_client_that_does_not_read_its_answer_is_cut_off_after_the_idle_time() -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        await it.send(GET)
        it.protocol.pause_writing()
        for _ in range(120):
            it.protocol.grow_older(0.5)
        assert not it.wire.aborted
        it.protocol.grow_older(0.5)
        assert it.wire.aborted

    run(story)


def test_a_connection_that_cannot_end_in_order_is_cut_off() -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        await it.send(LAST_GET)
        assert it.wire.closed
        for _ in range(121):
            it.protocol.grow_older(0.5)
        assert it.wire.aborted

    run(story)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", "not valid HTTP/1.1"),
        (b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "not valid HTTP/1.1"),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "not valid HTTP/1.1"),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", ""),
    ],
    ids=["tls", "two lengths", "length and chunks", "connect"],
)
def test_what_is_not_http_is_answered_like_every_other_error(bad: bytes, says: str) -> None:
    async def story(it: Connection) -> None:
        await it.send(bad)
        head, _, body = it.wire.written.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"\r\nx-content-type-options: nosniff" in head
        assert b"\r\ncontent-type: application/problem+json" in head
        assert says in json.loads(body)["detail"]
        assert it.wire.closed

    run(story)


@pytest.mark.parametrize("name", [b"Upgrade", b"upgrade", b"UPGRADE"])
def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_read(name: bytes) -> None:
    async def story(it: Connection) -> None:
        bodies: list[bytes] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            message = await receive()
            bodies.append(message["body"])
            scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")

        it.protocol.app = app
        offer = b"\r\nConnection: Upgrade, HTTP2-Settings\r\n" + name + b": h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        await it.send(HEAD.replace(b"\r\n\r\n", offer) + b"1234")
        assert bodies == [b"1234"]
        assert it.wire.written.startswith(b"HTTP/1.1 200 OK")

    run(story)


def test_what_looks_like_an_offer_in_a_body_is_left_alone() -> None:
    async def story(it: Connection) -> None:
        bodies: list[bytes] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            bodies.append((await receive())["body"])
            scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")

        it.protocol.app = app
        body = b"\r\nupgrade: x\r\n\r\nupgrade:"
        await it.send(HEAD.replace(b"4\r\n", b"%d\r\n" % len(body)) + body)
        assert bodies == [body]

    run(story)


@pytest.mark.parametrize("together", [True, False])
def test_fields_after_the_body_are_no_header_fields(together: bool) -> None:
    async def story(it: Connection) -> None:
        seen: list[list[bytes]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body"):
                pass
            seen.append([name for name, _ in scope["headers"]])
            scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")

        it.protocol.app = app
        head = b"POST /x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n"
        trailer = b"0\r\nHost: evil.com\r\nOrigin: http://evil.com\r\n\r\n"
        for piece in [head + trailer] if together else [head, trailer]:
            await it.send(piece)
        await it.send(GET)
        assert seen == [[b"host", b"transfer-encoding"], [b"host"]]

    run(story)


def test_a_broker_that_stops_waits_for_no_more_of_a_body() -> None:
    async def story(it: Connection) -> None:
        await it.send(HEAD + b"12")
        it.protocol.end_unfinished()
        await settle()
        assert it.wire.written.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in it.wire.written
        assert it.wire.closed

    run(story)

    async def waiting(it: Connection) -> None:
        await it.send(HEAD + b"1234")
        it.protocol.end_unfinished()
        assert it.wire.written == b""
        it.answer_now.set()
        await settle()
        assert it.wire.written.startswith(b"HTTP/1.1 200 ")

    run(waiting)
