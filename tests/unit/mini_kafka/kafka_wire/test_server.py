"""The shell around a session: it reads while the session wants to, answers in order, and closes with one line."""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.kafka_wire.addresses import Advertiser
from mini_kafka.kafka_wire.call import Answer, Api, BrokerIdentity, Call
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.server import COPIED_TOGETHER_BYTES, KafkaProtocol, KafkaServer
from mini_kafka.kafka_wire.session import MAX_WAITING_BYTES
from mini_kafka.listening import Address
from mini_kafka.measures import Traffic

ECHO, WAIT, BUG, REFUSE, SILENT, LARGE = range(6)


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("10.0.0.9", 4711), "sockname": ("10.0.0.1", 9092)})
        self.written: list[bytes] = []
        self.reading, self.closed = True, False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.written += [b"<lines>", *map(bytes, list_of_data)]

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Trial:
    """One connection with handlers of its own, and a gate that the waiting one waits at."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.cancelled = False
        self.calls: list[Call] = []
        handlers: list[Callable[[Call], Answer | Awaitable[Answer]]] = [
            self.echo, self.wait, self.fail, self.refuse, lambda _call: None, lambda _call: [b"x" * 70_000, b"y"],
        ]  # fmt: skip
        apis = {key: Api(key, f"Api{key}", 0, 0, 9, handle) for key, handle in enumerate(handlers)}
        advertiser = Advertiser(9092, None, Address("published", 1), None)
        self.traffic = Traffic("kafka", ("api",))
        self.limit = ConnectionLimit(1)
        self.server = KafkaServer(None, apis, None, BrokerIdentity(1, "c"), advertiser, self.limit, self.traffic, 2**20)  # type: ignore[arg-type]
        self.wire = Wire()
        self.protocol = KafkaProtocol(self.server)
        self.protocol.connection_made(self.wire)

    def echo(self, call: Call) -> bytes:
        self.calls.append(call)
        return bytes(call.request.body)

    async def wait(self, call: Call) -> bytes:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return b"waited" + bytes(call.request.body)

    def fail(self, _call: Call) -> bytes:
        raise RuntimeError("a bug")

    def refuse(self, _call: Call) -> bytes:
        raise WireError("these bytes are none")

    def ask(self, key: int, number: int, body: bytes = b"") -> None:
        self.protocol.data_received(request(key, number, body))

    @property
    def answers(self) -> bytes:
        return b"".join(part for part in self.wire.written if part != b"<lines>")


def request(key: int, number: int, body: bytes = b"") -> bytes:
    content = struct.pack(">hhih", key, 0, number, -1) + body
    return struct.pack(">i", len(content)) + content


def answer(number: int, body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, number) + body


def tell(story: Callable[[Trial], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Trial())

    asyncio.run(run())


async def let_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_handler_that_does_not_wait_is_answered_at_once() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(ECHO, 1, b"hello")
        assert trial.answers == answer(1, b"hello")

    tell(story)


def test_requests_behind_a_waiting_one_wait_for_their_turn() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(WAIT, 1)
        trial.ask(ECHO, 2, b"x")
        await let_run()
        assert trial.answers == b""
        trial.gate.set()
        await let_run()
        assert trial.answers == answer(1, b"waited") + answer(2, b"x")

    tell(story)


def test_a_client_that_hangs_up_ends_what_waits_for_it() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(WAIT, 1)
        await let_run()
        trial.protocol.connection_lost(None)
        await let_run()
        assert trial.cancelled
        assert trial.protocol not in trial.server.connections

    tell(story)


def test_a_client_that_sends_ahead_is_read_only_so_far() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(WAIT, 1)
        trial.ask(ECHO, 2, b"x" * MAX_WAITING_BYTES)
        assert not trial.wire.reading
        trial.gate.set()
        await let_run()
        assert trial.wire.reading

    tell(story)


def test_a_client_that_does_not_read_is_answered_no_more_until_it_does() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.pause_writing()
        trial.ask(ECHO, 1)
        assert trial.answers == b""
        assert not trial.wire.reading
        trial.protocol.resume_writing()
        assert trial.answers == answer(1, b"")
        assert trial.wire.reading

    tell(story)


@pytest.mark.parametrize(
    ("key", "level", "said"),
    [
        (REFUSE, logging.WARNING, "10.0.0.9:4711 closed: these bytes are none"),
        (BUG, logging.ERROR, "10.0.0.9:4711 closed: the broker failed on its request"),
        (99, logging.WARNING, "10.0.0.9:4711 closed: there is no API 99 here"),
    ],
)
def test_what_cannot_be_answered_ends_the_connection_with_one_line_that_names_the_peer(
    key: int, level: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(trial: Trial) -> None:
        trial.ask(ECHO, 1, b"before")
        trial.ask(key, 2)
        trial.ask(ECHO, 3, b"after")
        assert trial.wire.closed
        assert trial.answers == answer(1, b"before")

    tell(story)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(level, said)]


def test_a_client_that_sends_very_much_ahead_leaves_others_their_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mini_kafka.kafka_wire.server.TURN_S", 0)

    async def story(trial: Trial) -> None:
        for number in range(3):
            trial.ask(ECHO, number)
        assert len(trial.calls) < 3
        assert not trial.wire.reading
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(trial.calls) == 0  # a turn of no time answers nothing
        monkeypatch.setattr("mini_kafka.kafka_wire.server.TURN_S", 1)
        await let_run()
        assert trial.answers == b"".join(answer(number, b"") for number in range(3))
        assert trial.wire.reading

    tell(story)


def test_a_connection_too_many_is_closed_and_one_that_ends_makes_place() -> None:
    async def story(trial: Trial) -> None:
        wires = [Wire(), Wire()]
        extra, late = KafkaProtocol(trial.server), KafkaProtocol(trial.server)
        extra.connection_made(wires[0])
        assert wires[0].closed
        extra.connection_lost(None)
        trial.protocol.connection_lost(None)
        late.connection_made(wires[1])
        assert not wires[1].closed

    tell(story)


def test_requests_and_connections_are_counted() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(ECHO, 1)
        trial.ask(REFUSE, 2)
        assert {kind: dict(kept.statuses) for kind, kept in trial.traffic.requests.items()} == {
            ("Api0",): {"answered": 1},
            ("",): {"closed": 1},
        }
        assert len(trial.traffic.connections) == 1
        trial.protocol.connection_lost(None)
        assert len(trial.traffic.connections) == 0

    tell(story)


def test_where_nothing_is_answered_the_next_request_follows() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(SILENT, 1)
        trial.ask(ECHO, 2, b"x")
        assert trial.answers == answer(2, b"x")

    tell(story)


def test_the_pieces_of_a_large_answer_are_not_copied_together() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(LARGE, 1)
        assert trial.wire.written[0] == b"<lines>"
        assert trial.answers == answer(1, b"x" * 70_000 + b"y")
        assert len(trial.answers) > COPIED_TOGETHER_BYTES

    tell(story)


def test_a_call_knows_its_client_and_where_the_client_came() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(ECHO, 1)
        (call,) = trial.calls
        assert (call.caller.door, call.caller.address, call.caller.client_id) == ("kafka", "10.0.0.9", "")
        assert str(call.connection.advertised) == "10.0.0.1:9092"

    tell(story)


def test_a_stop_closes_every_connection() -> None:
    async def story(trial: Trial) -> None:
        trial.server.stop()
        assert trial.wire.closed

    tell(story)


def test_requests_that_came_together_are_answered_in_one_write() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(b"".join(request(ECHO, number, b"hello") for number in (1, 2, 3)))
        assert trial.wire.written == [b"".join(answer(number, b"hello") for number in (1, 2, 3))]

    tell(story)


def test_what_was_answered_before_a_refusal_is_sent_before_the_connection_is_closed() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(request(ECHO, 1, b"hello") + request(REFUSE, 2))
        assert trial.answers == answer(1, b"hello")
        assert trial.wire.closed

    tell(story)


def test_large_answers_do_not_pile_up_before_they_are_written() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(b"".join(request(LARGE, number) for number in (1, 2)))
        assert trial.wire.written.count(b"<lines>") == 2

    tell(story)
