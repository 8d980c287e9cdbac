"""The shell around a session: it reads while the session wants to, answers in order, and closes with one line."""

import asyncio
import logging

import pytest

from mini_kafka.kafka_wire.bounds import WireLimits
from mini_kafka.kafka_wire.server import COPIED_TOGETHER_BYTES, KafkaProtocol
from tests.support.kafka_connection import (
    BUG,
    ECHO,
    LARGE,
    REFUSE,
    SILENT,
    WAIT,
    Trial,
    Wire,
    answer,
    let_run,
    request,
    tell,
)  # fmt: skip


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
        trial.ask(ECHO, 2, b"x" * WireLimits().ahead_bytes)
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
        trial.protocol.data_received(b"".join(request(ECHO, number) for number in range(3)))
        for number in (1, 2, 3):
            assert len(trial.calls) == number  # a turn of no time answers one request
            assert not trial.wire.reading
            await asyncio.sleep(0)
        assert trial.answers == b"".join(answer(number, b"") for number in range(3))
        assert trial.wire.reading

    tell(story)


def test_of_clients_that_send_very_much_ahead_one_has_its_turn_in_each_cycle_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mini_kafka.kafka_wire.server.TURN_S", 0)

    async def story(trial: Trial) -> None:
        others = [trial.another() for _ in range(2)]
        for one in (trial.protocol, *(protocol for protocol, _ in others)):
            one.data_received(request(ECHO, 1) + request(ECHO, 2))
        assert len(trial.calls) == 3  # a turn of no time answers one request
        monkeypatch.setattr("mini_kafka.kafka_wire.server.TURN_S", 1)
        for answered in (4, 5, 6):
            await asyncio.sleep(0)
            assert len(trial.calls) == answered

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
