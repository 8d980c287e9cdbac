"""The run of a consumer without a group: every message that arrives is handled, and the broker may come and go."""

import json
import logging
from collections import deque
from collections.abc import Callable

import pytest

from mini_kafka_consumer import runner
from mini_kafka_consumer.registered_consumer import RegisteredConsumer
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_shared.client import BrokerClient, BrokerUnavailable, NotRegistered, Overloaded, Refused
from mini_kafka_shared.logging_setup import OutputLost
from mini_kafka_shared.retry import GraceOver
from mini_kafka_shared.schemas import ConsumerRegistered, Message
from tests.support.stop import Stop

AWAY = BrokerUnavailable("the broker does not answer: connection refused")
UNKNOWN = NotRegistered(404, "UNKNOWN_MEMBER_ID", "register it")


class FakeBroker(BrokerClient):
    """Answers each poll with the next of its answers: values become messages, errors are raised, None is 204.

    A poll that finds nothing waits as long as it was asked to; after the last answer it calls `at_end`.
    """

    def __init__(self, stop: Stop, *answers: str | BaseException | None) -> None:
        super().__init__("http://broker:8000")
        self.stop, self.answers = stop, deque(answers)
        self.registered: list[tuple[str, str | None]] = []
        self.polls: list[tuple[str, int]] = []
        self.offset = 0
        self.waits_as_asked = True
        self.registration_trouble: deque[Exception] = deque()
        self.at_end: Callable[[], None] = stop.set

    def register_consumer(self, topic: str, consumer_id: str | None = None) -> ConsumerRegistered:
        self.registered.append((topic, consumer_id))
        if self.registration_trouble:
            raise self.registration_trouble.popleft()
        return ConsumerRegistered(topic=topic, consumer_id=consumer_id or "consumer-made-up")

    def consume(self, consumer_id: str, wait_ms: int = 0) -> Message | None:
        self.polls.append((consumer_id, wait_ms))
        if not self.answers:
            self.at_end()
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            self.stop.now += wait_ms / 1000 if self.waits_as_asked else 0.0
            return None
        self.offset += 1
        return Message(topic="t", offset=self.offset - 1, value=answer, key="k")


class Run:
    """One run with everything around it replaced."""

    def __init__(self, *answers: str | BaseException | None, **settings: object) -> None:
        self.stop = Stop()
        self.broker = FakeBroker(self.stop, *answers)
        self.said: list[str] = []
        self.written: list[str] = []
        given = ConsumerSettings.model_validate({"topic": "t", "consumer_id": "c", **settings})
        self.runner = RegisteredConsumer(
            self.broker, given, self.stop, say=self.said.append, write=self.written.append, clock=self.stop.clock
        )

    def __call__(self) -> int:
        return self.runner.run()


@pytest.fixture(autouse=True)
def captured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_every_message_is_printed_and_written() -> None:
    run = Run("a", None, "b\n")

    assert run() == 0
    assert run.said == ["c got  t@0  key=k  a", r"c got  t@1  key=k  b\n"]
    assert [json.loads(line) for line in run.written] == [
        {"topic": "t", "partition": 0, "offset": 0, "key": "k", "value": "a"},
        {"topic": "t", "partition": 0, "offset": 1, "key": "k", "value": "b\n"},
    ]
    assert all("\n" not in line for line in run.written)


def test_the_made_up_id_is_the_name_and_is_kept_for_the_next_registration() -> None:
    run = Run("a", UNKNOWN, "b", consumer_id=None)

    assert run() == 0
    assert run.broker.registered == [("t", None), ("t", "consumer-made-up")]
    assert {consumer_id for consumer_id, _ in run.broker.polls} == {"consumer-made-up"}
    assert [line.split()[0] for line in run.said] == ["consumer-made-up"] * 2


@pytest.mark.parametrize(("interval", "wait_ms"), [(0.25, 250), (1.0, 1000), (30.0, 1000)])
def test_a_poll_waits_at_the_broker_and_never_so_long_that_a_signal_would_wait(interval: float, wait_ms: int) -> None:
    run = Run(None, None, poll_interval=interval)

    run()

    assert {wait for _, wait in run.broker.polls} == {wait_ms}


def test_a_broker_that_does_not_wait_is_not_hurried() -> None:
    run = Run(None, None, None, poll_interval=0.5)
    run.broker.waits_as_asked = False

    run()

    assert run.stop.now == 4 * 0.5


def test_after_a_message_the_next_is_asked_for_at_once() -> None:
    run = Run("a", "b", "c", max_messages=3)

    assert run() == 0
    assert run.stop.now == 0.0


def test_max_messages_ends_the_run() -> None:
    run = Run("a", "b", "c", max_messages=2)

    assert run() == 0
    assert len(run.said) == 2
    assert list(run.broker.answers) == ["c"], "no message is taken that nobody handles"


def test_idleness_ends_the_run_when_asked_to() -> None:
    run = Run("a", None, None, "b", exit_on_idle=2.5)
    run.broker.at_end = lambda: None

    assert run() == 0
    assert len(run.said) == 2
    assert run.stop.now == 2.0 + 2.5, "a message begins the wait anew"


def test_exit_on_idle_0_takes_what_is_there_and_ends() -> None:
    run = Run("a", "b", None, "later", exit_on_idle=0)

    assert run() == 0
    assert len(run.said) == 2
    assert run.stop.now == 0.0


def test_the_wait_for_an_absent_broker_is_no_idleness() -> None:
    run = Run(*[AWAY] * 5, UNKNOWN, "a", exit_on_idle=0.1)
    run.broker.at_end = lambda: None

    assert run() == 0
    assert len(run.said) == 1


def test_a_message_that_arrived_before_a_signal_is_handled() -> None:
    run = Run("a", "b")
    consume = run.broker.consume

    def consume_while_a_signal_comes(consumer_id: str, wait_ms: int = 0) -> Message | None:
        run.stop.set()
        return consume(consumer_id, wait_ms)

    run.broker.consume = consume_while_a_signal_comes  # type: ignore[method-assign]

    assert run() == 0
    assert run.said == ["c got  t@0  key=k  a"]
    assert len(run.written) == 1
    assert len(run.broker.polls) == 1


def test_a_broker_that_forgot_the_consumer_is_registered_with_again(caplog: pytest.LogCaptureFixture) -> None:
    run = Run("a", AWAY, UNKNOWN, "b")

    assert run() == 0
    assert run.broker.registered == [("t", "c")] * 2
    assert len(run.said) == 2
    assert any("registering again" in message for message in caplog.messages)


def test_a_broker_that_is_away_or_full_is_waited_for() -> None:
    run = Run(AWAY, AWAY, Overloaded("full", 3.0), "a")
    run.broker.registration_trouble.extend([AWAY, AWAY])

    assert run() == 0
    assert len(run.said) == 1


def test_a_broker_that_stays_away_ends_the_run_with_1_and_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    run = Run("a", AWAY, broker_wait=0)

    assert run() == 1
    assert "the broker does not answer: connection refused; gave up after 0 s" in caplog.messages


def test_a_refusal_ends_the_run_with_1_and_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    run = Run()
    run.broker.registration_trouble.append(Refused(409, "INCONSISTENT_GROUP_PROTOCOL", "another kind of group"))

    assert run() == 1
    assert len(run.broker.registered) == 1
    assert any(
        message == "the broker refuses this consumer: another kind of group (409 INCONSISTENT_GROUP_PROTOCOL)"
        for message in caplog.messages
    )


def test_a_signal_while_the_broker_is_away_ends_the_wait() -> None:
    run = Run(*[AWAY] * 1000)

    assert run() == 0
    assert len(run.broker.polls) <= 102


def test_a_broker_that_hangs_after_a_signal_is_left() -> None:
    assert Run("a", GraceOver())() == 0


def test_a_message_that_cannot_be_written_is_still_shown_and_ends_the_run(caplog: pytest.LogCaptureFixture) -> None:
    run = Run("a", "b", output="out.ndjson")

    def write(_line: str) -> None:
        raise OSError(28, "No space left on device")

    run.runner._write = write

    assert run() == 1
    assert run.said == ["c got  t@0  key=k  a"]
    assert "t@0 cannot be written to out.ndjson: no space left on device" in caplog.messages


def test_a_message_is_written_before_it_is_shown() -> None:
    run = Run("a")

    def say(_line: str) -> None:
        raise OutputLost("the output cannot be written")

    run.runner._say = say

    with pytest.raises(OutputLost):
        run()
    assert len(run.written) == 1


def test_a_message_whose_handling_fails_is_written_and_named_and_the_next_one_is_handled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run("bad", "b")

    def handle_or_fail(message: Message) -> str:
        if message.value == "bad":
            raise ValueError("cannot do this")
        return f"got  {message.value}"

    monkeypatch.setattr(runner, "handle", handle_or_fail)

    assert run() == 0
    assert run.said == ["c got  b"]
    assert len(run.written) == 2
    assert "t@0: the handler failed, and it is lost: ValueError: cannot do this" in caplog.messages
    assert caplog.messages[-1] == "c got 2 messages; the handler failed once"


def test_a_broken_pipe_is_not_reported_as_trouble() -> None:
    run = Run("a")

    def write(_line: str) -> None:
        raise BrokenPipeError

    run.runner._write = write
    with pytest.raises(BrokenPipeError):
        run()


def test_the_last_log_line_counts_the_messages(caplog: pytest.LogCaptureFixture) -> None:
    Run("a")()

    assert caplog.messages[-1] == "c got 1 message"


def test_a_message_of_another_topic_is_shown_and_ends_the_run_with_1(caplog: pytest.LogCaptureFixture) -> None:
    run = Run("a", "b", topic="mine")

    assert run() == 1
    assert run.said == ["c got  t@0  key=k  a"]
    assert len(run.written) == 1
    [error] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "reads topic t now" in error
    assert "another --consumer-id" in error
