"""A member of a group in trouble: answers that are lost, a broker that forgets, and handling at most once."""

from collections.abc import Callable

import pytest

from mini_kafka.core.in_flight_ranges import State
from mini_kafka_shared.client import BrokerUnavailable, Overloaded, Refused
from mini_kafka_shared.retry import GraceOver
from tests.support.group_broker import Run, fail_at

AWAY = BrokerUnavailable("the broker does not answer: connection refused")
MakeRun = Callable[..., Run]


@pytest.mark.parametrize("where", ["before", "after"])
def test_an_acknowledgement_that_fails_on_the_way_is_repeated_and_changes_nothing_twice(
    make_run: MakeRun, where: str
) -> None:
    run = make_run("a", "bad", "c", retry_backoff_ms=0)
    getattr(run.broker, where)["acknowledge"].extend([AWAY, AWAY])
    run.during = lambda value: fail_at("bad")(value) if run.broker.share.committed_offset == 0 else None

    assert run() == 0
    assert run.handled == ["a", "c", "bad"]
    assert run.broker.share.committed_offset == 3


def test_an_acknowledgement_that_never_arrives_ends_the_run_with_1_and_accepts_nothing(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run("a", broker_wait=0)
    run.broker.before["acknowledge"].extend([AWAY] * 10)

    assert run() == 1
    assert run.broker.share.committed_offset == 0
    assert run.count(State.ACQUIRED) == 1, "it comes to another member when the lock runs out"
    assert any("may stay locked for 30 s" in message for message in caplog.messages)
    assert any("gave up after 0 s" in message for message in caplog.messages)


def test_what_an_answer_that_was_lost_has_locked_is_not_waited_for(make_run: MakeRun) -> None:
    run = make_run("a", "b", "c")
    run.broker.after["acquire"].append(AWAY)

    assert run() == 0
    assert run.handled == ["a", "b", "c"]
    assert run.stop.now < 10, "the locks last 30 s"


def test_a_run_that_ends_on_a_lost_answer_gives_back_what_it_cannot_know_of(make_run: MakeRun) -> None:
    run = make_run("a")
    run.broker.after["acquire"].append(GraceOver())

    assert run() == 0
    assert run.count(State.AVAILABLE) == 1


def test_who_holds_nothing_for_certain_does_not_warn_of_locks(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(broker_wait=0)
    run.broker.before["acquire"].extend([None, AWAY])
    run.broker.before["release_member"].append(AWAY)

    assert run() == 1
    assert not [message for message in caplog.messages if "stay locked" in message]


def test_a_broker_that_forgot_everything_is_gone_on_with(make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run("a", "b", "c")

    def during(value: str) -> None:
        if value == "b":
            run.broker.forget()
            run.broker.values.extend(["new"])
            run.stop.wait(1.0)
            run.during = lambda _: None

    run.during = during

    assert run() == 0
    assert run.handled == ["a", "b", "new"], "c is not there any more"
    assert any("unless the broker is started anew" in message for message in caplog.messages)


def test_a_broker_that_is_away_or_full_is_waited_for(make_run: MakeRun) -> None:
    run = make_run("a")
    run.broker.before["acquire"].extend([AWAY, Overloaded("full", 3.0)])
    run.broker.before["acknowledge"].append(Overloaded("stopping", 1.0))

    assert run() == 0
    assert run.handled == ["a"]
    assert run.broker.share.committed_offset == 1


def test_a_refusal_ends_the_run_with_1_and_its_reason(make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run("a")
    run.broker.before["acquire"].append(Refused(409, "INCONSISTENT_GROUP_PROTOCOL", "another kind of group"))

    assert run() == 1
    assert any("the broker refuses this consumer: another kind" in message for message in caplog.messages)


def test_at_most_once_a_record_is_accepted_before_it_is_handled(make_run: MakeRun) -> None:
    run = make_run("a", "b", at_most_once=True)
    run.during = lambda _: committed.append(run.broker.share.committed_offset)
    committed: list[int] = []

    assert run() == 0
    assert run.handled == ["a", "b"]
    assert committed == [1, 2]


def test_at_most_once_a_record_whose_handling_fails_is_lost_and_named(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run("bad", "b", at_most_once=True)
    run.during = fail_at("bad")

    assert run() == 0
    assert run.handled == ["b"]
    assert run.broker.share.committed_offset == 2
    assert any(text.startswith("t@0: the handler failed at delivery 1, and it is lost") for text in caplog.messages)


@pytest.mark.parametrize("where", ["before", "after"])
def test_at_most_once_a_record_is_not_handled_where_nobody_knows_whether_it_was_accepted(
    make_run: MakeRun, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run("a", "b", at_most_once=True)
    getattr(run.broker, where)["acknowledge"].append(AWAY)

    assert run() == 0
    assert run.handled == (["a", "b"] if where == "before" else ["b"])
    assert any("t@0 is passed over" in text for text in caplog.messages) == (where == "after")


def test_at_most_once_a_signal_gives_back_what_is_not_accepted(make_run: MakeRun) -> None:
    run = make_run("a", "b", "c", at_most_once=True)
    run.during = lambda _: run.stop.set()

    assert run() == 0
    assert run.handled == ["a"]
    assert run.count(State.AVAILABLE) == 2


def test_at_most_once_a_signal_before_the_accept_is_heard_loses_nothing(make_run: MakeRun) -> None:
    run = make_run("a", at_most_once=True)
    run.broker.before["acknowledge"].append(GraceOver())

    assert run() == 0
    assert run.handled == []
    assert run.count(State.AVAILABLE) == 1


def test_at_most_once_a_message_that_cannot_be_written_is_still_shown(make_run: MakeRun) -> None:
    run = make_run("a", "b", output="out.ndjson", at_most_once=True)

    def write(_line: str) -> None:
        raise OSError(28, "No space left on device")

    run.runner._write = write

    assert run() == 1
    assert run.said == ["c got  a"]
    assert run.count(State.AVAILABLE) == 1


def test_at_most_once_nothing_is_acknowledged_twice(make_run: MakeRun) -> None:
    run = make_run("a", "b", at_most_once=True)
    run()

    assert run.broker.calls == ["acquire", "acknowledge", "acknowledge", "acquire"]
