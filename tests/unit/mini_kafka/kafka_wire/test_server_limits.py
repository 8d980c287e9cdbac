"""Connections that want nothing, do not go on or do not read are closed, and never for what others do."""

import logging
import struct

import pytest

from mini_kafka.kafka_wire.bounds import SMALL_REQUEST_BYTES, WireLimits
from tests.support.kafka_connection import ECHO, REFUSE, WAIT, Trial, answer, let_run, request, tell

LIMITS = WireLimits(idle_s=600, stall_s=30)
LARGE_BYTES = 100_000


def half(size: int = LARGE_BYTES, sent: int = 50_000) -> bytes:
    return request(ECHO, 1, b"x" * size)[:sent]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]


def test_a_connection_without_a_request_is_closed_after_the_idle_time_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(trial: Trial) -> None:
        trial.server.grow_older(599)
        trial.ask(ECHO, 1)
        trial.server.grow_older(599)
        assert not trial.wire.closed
        trial.server.grow_older(1)
        assert trial.wire.closed

    tell(story, LIMITS)
    assert lines(caplog) == []


def test_a_connection_whose_fetch_waits_is_not_idle() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(WAIT, 1)
        trial.server.grow_older(100_000)
        assert not trial.wire.closed
        trial.gate.set()
        await let_run()
        trial.server.grow_older(599)
        assert not trial.wire.closed  # the time begins with the answer
        trial.server.grow_older(1)
        assert trial.wire.closed

    tell(story, LIMITS)


@pytest.mark.parametrize("sent", [half(), half(sent=3), struct.pack(">i", 2**20)])
def test_a_client_that_is_silent_amid_a_request_is_cut_off_with_one_line(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(sent)
        trial.server.grow_older(29)
        assert not trial.wire.closed
        trial.server.grow_older(1)
        assert trial.wire.closed

    tell(story, WireLimits(stall_s=30, request_bytes=2**20))
    assert lines(caplog) == ["10.0.0.9:4711 closed: the rest of its request has not come for 30 s"]


def test_a_slow_client_that_goes_on_sending_may_take_its_time() -> None:
    async def story(trial: Trial) -> None:
        whole = half(sent=LARGE_BYTES + 14)
        for start in range(0, len(whole), 10_000):
            trial.protocol.data_received(whole[start : start + 10_000])
            trial.server.grow_older(29)
        assert trial.answers == answer(1, b"x" * LARGE_BYTES)

    tell(story, LIMITS)


def test_a_client_that_reads_nothing_is_cut_off_with_one_line_and_holds_nothing_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(trial: Trial) -> None:
        trial.wire.unread = 1000
        trial.protocol.pause_writing()
        assert trial.bounds.answers.unread_bytes == 1000
        trial.server.grow_older(29)
        assert not trial.wire.closed
        trial.server.grow_older(1)
        assert trial.wire.closed
        trial.protocol.connection_lost(None)
        assert trial.bounds.answers.unread_bytes == 0

    tell(story, LIMITS)
    assert lines(caplog) == ["10.0.0.9:4711 closed: it has read nothing of its answers for 30 s"]


def test_a_client_that_reads_slowly_is_not_cut_off() -> None:
    async def story(trial: Trial) -> None:
        trial.wire.unread = 1000
        trial.protocol.pause_writing()
        for unread in range(900, 0, -100):
            trial.server.grow_older(29)
            trial.wire.unread = unread
        trial.wire.unread = 0
        trial.protocol.resume_writing()
        trial.server.grow_older(29)
        assert not trial.wire.closed
        assert trial.bounds.answers.unread_bytes == 0

    tell(story, LIMITS)


def test_a_refused_client_that_does_not_read_is_not_waited_for_for_ever() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(REFUSE, 1)
        trial.wire.unread = 10
        assert not trial.wire.aborted
        trial.server.grow_older(30)  # it has to learn first what is unread
        trial.server.grow_older(30)
        assert trial.wire.aborted

    tell(story, LIMITS)


def test_while_others_fill_the_memory_a_large_request_waits_and_is_answered_when_there_is_room() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(half())
        other, wire = trial.another()
        third, third_wire = trial.another()
        other.data_received(half())
        third.data_received(half(sent=20_000))
        assert (trial.wire.reading, wire.reading, third_wire.reading) == (True, True, False)
        other.connection_lost(None)
        assert third_wire.reading
        third.data_received(request(ECHO, 1, b"x" * LARGE_BYTES)[20_000:])
        assert b"".join(third_wire.written).endswith(answer(1, b"x" * LARGE_BYTES))

    tell(story, WireLimits(queued_bytes=80_000))


def test_while_others_fill_the_memory_a_small_request_is_answered_at_once() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(half())
        other, wire = trial.another()
        other.data_received(request(ECHO, 1, b"small"))
        assert wire.written == [answer(1, b"small")]
        assert trial.bounds.requests.held == 50_000

    tell(story, WireLimits(queued_bytes=40_000))


def test_of_far_too_much_the_largest_request_on_its_way_is_cut_off_with_one_line_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(half())
        other, wire = trial.another()
        other.data_received(half(sent=60_000))
        assert wire.closed
        assert not trial.wire.closed
        other.connection_lost(None)
        trial.protocol.data_received(request(ECHO, 1, b"x" * LARGE_BYTES)[50_000:])
        assert trial.answers == answer(1, b"x" * LARGE_BYTES)
        assert trial.bounds.requests.held == 0

    tell(story, WireLimits(queued_bytes=40_000))
    assert lines(caplog) == [
        "10.0.0.9:4711 closed: requests on their way hold 110000 bytes, over twice queued.max.request.bytes (40000),"
        " and 60000 of them are the largest one's"
    ]


def test_a_large_request_in_work_is_counted_until_it_is_answered() -> None:
    async def story(trial: Trial) -> None:
        trial.ask(WAIT, 1, b"x" * LARGE_BYTES)
        assert trial.bounds.requests.held == LARGE_BYTES
        trial.gate.set()
        await let_run()
        assert trial.bounds.requests.held == 0

    tell(story, LIMITS)


def test_silence_while_the_broker_does_not_read_is_not_the_clients() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(half())
        other, _ = trial.another()
        third, third_wire = trial.another()
        other.data_received(half(sent=20_000))
        third.data_received(half(sent=20_000))
        assert not third_wire.reading
        third.grow_older(1000)
        assert not third_wire.closed

    tell(story, WireLimits(queued_bytes=60_000))


def test_a_client_whose_turn_it_is_and_who_sends_nothing_holds_others_up_for_a_sweep_at_most() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(half(sent=20_000))
        silent, _ = trial.another()
        resting, resting_wire = trial.another()
        silent.data_received(half())
        resting.data_received(half(sent=20_000))
        assert not resting_wire.reading
        trial.server.grow_older(1)
        assert resting_wire.reading

    tell(story, WireLimits(queued_bytes=60_000))


def test_a_sweep_over_many_connections_leaves_others_their_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mini_kafka.kafka_wire.server.TOLD_AT_ONCE", 2)

    async def story(trial: Trial) -> None:
        others = [trial.another() for _ in range(4)]
        wires = [trial.wire, *(wire for _, wire in others)]
        trial.server.grow_older(600)
        assert sum(wire.closed for wire in wires) == 2
        lost = next(protocol for protocol, wire in others if not wire.closed)
        lost.connection_lost(None)
        await let_run()
        assert sum(wire.closed for wire in wires) == 4  # all but the one that is lost

    tell(story, LIMITS)


def test_little_is_not_counted() -> None:
    async def story(trial: Trial) -> None:
        trial.protocol.data_received(half(sent=SMALL_REQUEST_BYTES))
        assert trial.bounds.requests.held == 0
        trial.protocol.data_received(half()[SMALL_REQUEST_BYTES:])
        assert trial.bounds.requests.held == 50_000

    tell(story, LIMITS)
