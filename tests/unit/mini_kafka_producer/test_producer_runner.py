"""The producer's run: every line is sent, refused with its reason, or named; the broker may come and go."""

import logging
import threading

import pytest

from mini_kafka_producer.runner import Pace
from mini_kafka_producer.sources import FOR_EVER, Line
from mini_kafka_shared.client import BrokerUnavailable, Overloaded, Refused
from mini_kafka_shared.logging_setup import OutputLost
from mini_kafka_shared.retry import GraceOver
from mini_kafka_shared.schemas import Published
from tests.support.producer_run import FakeBroker, FakeSource, Run, lines
from tests.support.stop import Stop

AWAY = BrokerUnavailable("the broker does not answer: connection refused")


@pytest.fixture(autouse=True)
def captured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_every_line_is_published_in_order_and_said_with_its_place() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", ""), [Line(3, "b\tc")]))

    assert run() == 0
    assert run.values == ["a", "", "b\tc"]
    assert run.said == ["sent  t@0  a", "sent  t@1  ", r"sent  t@2  b\tc", "sent 3 messages to t in 0.0 s"]


def test_a_key_holds_the_line_s_number() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b")), key="line-{n}")

    assert run() == 0
    assert run.broker.published == [("a", "line-1"), ("b", "line-2")]
    assert run.said[1] == "sent  t@1  key=line-2  b"


def test_a_key_without_n_is_the_same_for_every_message() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b")), key="{k}")

    run()

    assert run.broker.published == [("a", "{k}"), ("b", "{k}")]


def test_a_long_value_is_sent_whole_and_shown_short() -> None:
    run = Run(FakeBroker(), FakeSource(lines("x" * 1000)))

    run()

    assert run.values == ["x" * 1000]
    assert run.said[0].endswith("x…")
    assert len(run.said[0]) < 120


def test_the_topic_and_the_producer_are_registered_first() -> None:
    run = Run(FakeBroker(), FakeSource(), producer_id="p")

    assert run() == 0
    assert run.broker.topics == {"t"}
    assert run.broker.producer_ids == ["p"]


def test_count_ends_the_run() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c")), count=2)

    assert run() == 0
    assert run.values == ["a", "b"]
    assert run.said[-1] == "sent 2 messages to t in 0.0 s"


def test_the_rate_is_kept() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c", "d", "e")), rate=2)
    run.broker.before_publish = lambda: times.append(run.stop.now)
    times: list[float] = []

    run()

    assert times == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_after_a_pause_the_rate_is_not_caught_up() -> None:
    stop = Stop()
    pace = Pace(2, stop, stop.clock)
    pace.wait()
    stop.now = 100.0

    times = []
    for _ in range(3):
        pace.wait()
        times.append(stop.now)

    assert times == [100.0, 100.0, 100.5]


def test_a_line_with_a_fault_is_named_and_not_sent_and_the_others_are(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(FakeBroker(), FakeSource([Line(1, "a"), Line(2, fault="it is not UTF-8"), Line(3, "c")]))

    assert run() == 1
    assert run.values == ["a", "c"]
    assert "line 2 of the test is not sent: it is not UTF-8" in caplog.messages
    assert run.said[-1] == "sent 2 messages to t in 0.0 s; 1 could not be sent"


def test_a_refused_message_is_not_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    refused = Refused(413, "MESSAGE_TOO_LARGE", "send a smaller record")
    run = Run(FakeBroker(None, refused), FakeSource(lines("too large", "small")))

    assert run() == 1
    assert run.values == ["small"]
    assert "line 1 of the test is not sent: send a smaller record (413 MESSAGE_TOO_LARGE)" in caplog.messages


def test_a_message_is_sent_again_when_the_broker_was_away_or_full() -> None:
    run = Run(FakeBroker(AWAY, None, AWAY, AWAY, Overloaded("full", 7.0)), FakeSource(lines("a", "b")))

    assert run() == 0
    assert run.values == ["a", "b"]


def test_a_broker_that_forgot_the_topic_is_registered_with_again(caplog: pytest.LogCaptureFixture) -> None:
    class Restarted(FakeBroker):
        def publish(self, topic: str, value: str, key: str | None = None) -> Published:
            published = super().publish(topic, value, key)
            if published.offset == 0:
                self.topics.clear()
            return published

    run = Run(Restarted(), FakeSource(lines("a"), lines("b")))

    assert run() == 0
    assert run.values == ["a", "b"]
    assert run.broker.producer_ids == [None, "producer-made-up"], "the same producer registers again"
    assert any("registering again" in message for message in caplog.messages)


def test_a_broker_that_never_learns_the_topic_is_not_asked_for_ever() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a")))
    run.broker.before_publish = run.broker.topics.clear

    assert run() == 1
    assert run.said[-1] == "sent 0 messages to t in 0.0 s; 1 could not be sent"


def test_a_broker_that_stays_away_ends_the_run_with_1_and_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(FakeBroker(None, AWAY), FakeSource(lines("a", "b")), broker_wait=0)

    assert run() == 1
    assert caplog.messages[-1] == "the broker does not answer: connection refused; gave up after 0 s"
    assert run.said[-1] == "sent 0 messages to t in 0.0 s; read and not sent: line 1 ('a') and line 2 ('b')"


def test_a_refused_registration_ends_the_run_with_1(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(FakeBroker(Refused(422, "INVALID_TOPIC", "no such name")), FakeSource(lines("a")))

    assert run() == 1
    assert caplog.messages[-1] == "the broker refuses this producer: no such name (422 INVALID_TOPIC)"
    assert run.values == []


def test_what_was_read_before_a_signal_is_still_sent_at_once() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c")), rate=0.001)
    run.broker.before_publish = run.stop.set

    assert run() == 0
    assert run.values == ["a", "b", "c"]
    assert run.said[-1].startswith("sent 3 messages to t")
    assert "not sent" not in run.said[-1]


@pytest.mark.parametrize("trouble", [AWAY, Overloaded("full", 1.0)])
def test_what_cannot_be_sent_after_a_signal_is_named_in_the_last_line(trouble: Exception) -> None:
    run = Run(FakeBroker(None, None, trouble), FakeSource(lines("a", "b", "c\n")))
    run.broker.before_publish = run.stop.set
    run.source.unfinished = b"half"

    assert run() == 0
    assert run.values == ["a"]
    assert run.said[-1].endswith(
        r"; read and not sent: line 2 ('b') and line 3 ('c\\n') and an unfinished line ('half')"
    )


def test_many_lines_are_named_by_the_first_and_the_last() -> None:
    run = Run(FakeBroker(None, AWAY), FakeSource(lines("a", "b", "c", "d")))
    run.broker.before_publish = run.stop.set

    assert run() == 0
    assert run.said[-1].endswith("; read and not sent: 4 lines from line 1 ('a') to line 4 ('d')")


def test_a_signal_while_the_broker_is_away_ends_the_wait() -> None:
    run = Run(FakeBroker(*[AWAY] * 1000), FakeSource(lines("a")))
    run.broker.before_register = run.stop.set

    assert run() == 0
    assert len(run.broker.troubles) == 999


def test_a_broker_that_hangs_after_a_signal_is_left_and_the_line_named() -> None:
    run = Run(FakeBroker(None, GraceOver()), FakeSource(lines("a")))

    assert run() == 0
    assert run.said[-1].endswith("; read and not sent: line 1 ('a')")


def test_a_source_that_breaks_ends_the_run_with_1_and_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeSource):
        def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
            if super().fill(lines, wait_s):
                return True
            raise OSError(5, "Input/output error")

    run = Run(FakeBroker(), Broken(lines("a")))

    assert run() == 1
    assert run.values == ["a"]
    assert caplog.messages[-1] == "the test cannot be read: input/output error"


@pytest.mark.parametrize("error", [BrokenPipeError(), OutputLost("the output cannot be written")])
def test_when_the_output_takes_no_more_what_is_left_is_named_elsewhere(
    caplog: pytest.LogCaptureFixture, error: OSError
) -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b")))

    def say(_line: str) -> None:
        raise error

    run.runner._say = say
    with pytest.raises(type(error)):
        run()

    assert caplog.messages[-1] == "standard output takes no more; read and not sent: line 2 ('b')"


def test_a_rate_of_almost_nothing_is_a_wait_that_a_signal_ends() -> None:
    stop = threading.Event()
    pace = Pace(5e-324, stop, lambda: 0.0)
    pace.wait()
    stop.set()

    pace.wait()
