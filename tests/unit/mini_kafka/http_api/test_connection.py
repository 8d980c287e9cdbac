"""Clients that are slow with what they owe are cut off; those that wait for the broker are not."""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from mini_kafka.http_api.connection import ANSWER, ENDED_BODY, PATIENT_BODY
from tests.support.connection import GET, HEAD, LAST_GET, OLD_GET, Connection, run
from tests.support.tasks import settle


def test_a_connection_without_a_request_is_closed_after_the_idle_time() -> None:
    async def story(it: Connection) -> None:
        assert it.wait(60)
        assert not it.wait(1)
        assert it.wire.written == b""

    run(story)


def test_a_head_that_trickles_is_cut_off_after_the_header_time_with_408() -> None:
    async def story(it: Connection) -> None:
        for byte in range(10):
            await it.send(HEAD[byte : byte + 1])
            assert it.wait(1)
        await it.send(HEAD[10:11])
        assert not it.wait(1)
        assert it.wire.written.startswith(b"HTTP/1.1 408 ")
        problem = json.loads(it.wire.written.partition(b"\r\n\r\n")[2])
        assert (
            problem["detail"] == "the head took longer than 10 s to arrive (MINI_KAFKA_HEADER_TIMEOUT): send it at once"
        )

    run(story)


def test_a_body_that_trickles_is_cut_off_after_the_body_time_with_408() -> None:
    async def story(it: Connection) -> None:
        await it.send(HEAD)
        assert it.wait(15)
        await it.send(b"1")
        assert it.wait(15)
        await it.send(b"2")
        assert not it.wait(1)
        assert it.wire.written.startswith(b"HTTP/1.1 408 ")
        assert b"the body took longer than 30 s to arrive (MINI_KAFKA_BODY_TIMEOUT)" in it.wire.written

    run(story)


class PatientReader:
    """An application that reads a body as it comes, and sums up what came when no more is waited for."""

    def __init__(self, it: Connection) -> None:
        self.came = b""
        it.protocol.app = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions = scope["extensions"]
        extensions[PATIENT_BODY]()
        while ENDED_BODY not in extensions:
            self.came += (await receive())["body"]
        extensions[ANSWER](408, b"content-length: 0\r\n", str(extensions[ENDED_BODY]).encode())


def test_a_body_that_is_read_as_it_comes_has_the_body_time_for_each_of_its_pieces() -> None:
    async def story(it: Connection) -> None:
        reader = PatientReader(it)
        await it.send(HEAD)
        for byte in (b"1", b"2", b"3"):
            assert it.wait(29)
            await it.send(byte)
        assert it.wait(30)
        assert it.wire.written == b""
        it.protocol.grow_older(1)
        await settle()
        assert reader.came == b"123"
        assert it.wire.written.startswith(b"HTTP/1.1 408 ")
        assert (
            b"the next piece of the body took longer than 30 s to arrive (MINI_KAFKA_BODY_TIMEOUT)" in it.wire.written
        )
        assert it.wire.closed

    run(story)


def test_who_reads_a_body_as_it_comes_is_told_of_the_stop_and_answers_itself() -> None:
    async def story(it: Connection) -> None:
        reader = PatientReader(it)
        await it.send(HEAD + b"12")
        it.protocol.end_unfinished()
        await settle()
        assert reader.came == b"12"
        assert b"the broker is stopping" in it.wire.written
        assert it.wire.closed

    run(story)


def test_a_client_that_waits_for_its_answer_is_never_cut_off() -> None:
    async def story(it: Connection) -> None:
        await it.send(HEAD + b"1234")
        assert it.wait(3600)
        it.answer_now.set()
        await settle()
        assert it.wire.written.startswith(b"HTTP/1.1 200 ")
        assert it.wait(60)
        assert not it.wait(1)

    run(story)


def test_every_request_of_a_kept_connection_has_the_full_times() -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        for _ in range(5):
            assert it.wait(55)
            await it.send(GET[:10])
            assert it.wait(9)
            await it.send(GET[10:])
        assert it.wire.written.count(b"HTTP/1.1 200 ") == 5

    run(story)


def test_a_refused_body_that_goes_on_for_ever_is_cut_off() -> None:
    async def story(it: Connection) -> None:
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"][ANSWER](413, b"content-length: 0\r\n", b"")

        it.protocol.app = refuse
        await it.send(HEAD.replace(b"4\r\n", b"4000000\r\n"))
        assert it.wire.written.startswith(b"HTTP/1.1 413 ")
        await it.send(b"x" * 1000)
        assert it.wait(30)
        assert not it.wait(1)
        assert b"408" not in it.wire.written

    run(story)


def test_a_small_answer_is_one_write() -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        await it.send(GET)
        assert [write.partition(b"\r\n")[0] for write in it.wire.writes] == [b"HTTP/1.1 200 OK"]
        assert it.wire.written.endswith(b"\r\n\r\nok")
        assert b"\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in it.wire.written

    run(story)


@pytest.mark.parametrize("head", [OLD_GET, LAST_GET])
def test_a_client_that_wants_no_other_answer_gets_its_connection_closed(head: bytes) -> None:
    async def story(it: Connection) -> None:
        it.answer_now.set()
        await it.send(head)
        assert b"\r\nconnection: close\r\n" in it.wire.written
        assert it.wire.closed

    run(story)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def story(it: Connection) -> None:
        await it.send(GET)
        await it.send(GET * 2)
        assert it.wire.written == b""
        it.answer_now.set()
        await settle()
        assert it.wire.written.count(b"HTTP/1.1 200 OK") == 3
        assert it.wait(60)
        assert not it.wait(1)

    run(story)


def test_an_answer_waits_for_a_client_that_reads_slowly() -> None:
    async def story(it: Connection) -> None:
        taken: list[bool] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            taken.append(scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok"))
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        it.protocol.app = app
        it.protocol.pause_writing()
        await it.send(GET)
        assert taken == [False]
        assert it.wire.written == b""
        it.protocol.resume_writing()
        await settle()
        assert it.wire.written.startswith(b"HTTP/1.1 200 ")

    run(story)


def test_a_request_is_answered_once() -> None:
    async def story(it: Connection) -> None:
        taken: list[bool] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            taken.extend(scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok") for _ in range(2))

        it.protocol.app = app
        await it.send(GET)
        assert taken == [True, False]
        assert it.wire.written.count(b"HTTP/1.1") == 1

    run(story)


def test_a_client_that_is_gone_is_not_answered() -> None:
    async def story(it: Connection) -> None:
        taken: list[bool] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            taken.append(scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok"))

        it.protocol.app = app
        await it.send(GET)
        it.protocol.connection_lost(None)
        await settle()
        assert taken == [False]
        assert it.wire.written == b""

    run(story)


def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on_only_if_its_body_is_wanted() -> None:
    expecting = HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")

    async def story(it: Connection) -> None:
        it.answer_now.set()
        await it.send(expecting)
        assert it.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
        await it.send(b"1234")
        assert it.wire.written.count(b"HTTP/1.1 200 OK") == 1

    run(story)

    async def refused(it: Connection) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"][ANSWER](413, b"content-length: 0\r\n", b"")
            await receive()

        it.protocol.app = app
        await it.send(expecting)
        assert it.wire.written.startswith(b"HTTP/1.1 413")
        assert b"100 Continue" not in it.wire.written

    run(refused)


def test_on_a_connection_that_is_closing_no_other_request_is_served() -> None:
    async def story(it: Connection) -> None:
        served: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            served.append(scope["path"])
            await it.answer_now.wait()
            scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")

        it.protocol.app = app
        await it.send(GET + GET.replace(b"/x", b"/consume"))
        it.wire.close()
        it.answer_now.set()
        await settle()
        assert served == ["/x"]

    run(story)


def test_a_client_is_read_on_while_its_requests_wait_their_turn() -> None:
    """A client that is not read cannot be seen to hang up."""

    async def story(it: Connection) -> None:
        await it.send(GET)
        await it.send(GET * 2)
        assert it.wire.reading

    run(story)


def test_after_an_early_answer_the_rest_of_a_large_body_is_read() -> None:
    async def story(it: Connection) -> None:
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            await it.answer_now.wait()
            scope["extensions"][ANSWER](413, b"content-length: 0\r\n", b"")

        it.protocol.app = refuse
        await it.send(HEAD.replace(b"4\r\n", b"4000000\r\n") + b"x" * 100_000)
        assert not it.wire.reading
        it.answer_now.set()
        await settle()
        assert it.wire.reading

    run(story)


def test_whoever_waits_for_the_client_learns_that_the_answer_is_out() -> None:
    async def story(it: Connection) -> None:
        heard: list[str] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            watching = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            scope["extensions"][ANSWER](200, b"content-length: 2\r\n", b"ok")
            heard.append((await watching)["type"])

        it.protocol.app = app
        await it.send(GET)
        assert heard == ["http.disconnect"]

    run(story)


def test_after_a_refused_body_has_come_all_the_same_the_next_request_is_waited_for_as_usual() -> None:
    async def story(it: Connection) -> None:
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"][ANSWER](413, b"content-length: 0\r\n", b"")

        it.protocol.app = refuse
        await it.send(HEAD)
        assert it.wait(29)
        await it.send(b"1234")
        assert it.wait(60)
        assert not it.wait(1)

    run(story)
