"""The producer's run: every line is sent, refused with its reason, or named; the broker may come and go."""

import logging
import threading
from collections import deque
from collections.abc import Callable

import pytest

from mini_kafka_producer.runner import Pace, Runner
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_producer.sources import Line
from mini_kafka_shared.client import BrokerClient, BrokerUnavailable, NotRegistered, Overloaded, Refused
from mini_kafka_shared.logging_setup import OutputLost
from mini_kafka_shared.retry import GraceOver
from mini_kafka_shared.schemas import ProducerRegistered, Published, TopicRegistered

AWAY = BrokerUnavailable("the broker does not answer: connection refused")


class FakeBroker(BrokerClient):
    """Keeps what is published; before a call it raises the next trouble, if there is any."""

    def __init__(self, *troubles: BaseException | None) -> None:
        super().__init__("http://broker:8000")
        self.troubles = deque(troubles)
        self.topics: set[str] = set()
        self.published: list[tuple[str, str | None]] = []
        self.producer_ids: list[str | None] = []
        self.before_publish: Callable[[], None] = lambda: None
        self.before_register: Callable[[], None] = lambda: None

    def _trouble(self) -> None:
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble:
            raise trouble

    def register_topic(self, topic: str) -> TopicRegistered:
        self.before_register()
        self._trouble()
        self.topics.add(topic)
        return TopicRegistered(topic=topic)

    def register_producer(self, topic: str, producer_id: str | None = None) -> ProducerRegistered:
        self.producer_ids.append(producer_id)
        return ProducerRegistered(topic=topic, producer_id=producer_id or "producer-made-up")

    def publish(self, topic: str, value: str, key: str | None = None) -> Published:
        self.before_publish()
        self._trouble()
        if topic not in self.topics:
            raise NotRegistered(404, "UNKNOWN_TOPIC_OR_PARTITION", f"topic {topic} is unknown: register it")
        self.published.append((value, key))
        return Published(offset=len(self.published) - 1)


class FakeSource:
    """Hands out what it is given, a batch a read, as if each batch had come in one piece."""

    name = "the test"
    unfinished = b""

    def __init__(self, *batches: list[Line]) -> None:
        self.ready: deque[Line] = deque()
        self.batches = deque(batches)

    def fill(self) -> bool:
        if self.batches:
            self.ready.extend(self.batches.popleft())
        return bool(self.ready)


class Stop(threading.Event):
    """A stop event that nobody waits on for long: a wait takes no time, and moves the clock."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()

    def clock(self) -> float:
        return self.now


def lines(*texts: str) -> list[Line]:
    return [Line(number, text) for number, text in enumerate(texts, 1)]


class Run:
    """One run with everything around it replaced."""

    def __init__(self, broker: FakeBroker, source: FakeSource, **settings: object) -> None:
        self.broker, self.source, self.stop = broker, source, Stop()
        self.said: list[str] = []
        given = ProducerSettings.model_validate({"topic": "t", "rate": 0, **settings})
        self._runner = Runner(broker, given, source, self.stop, say=self.said.append, clock=self.stop.clock)

    def __call__(self) -> int:
        return self._runner.run()

    @property
    def values(self) -> list[str]:
        return [value for value, _ in self.broker.published]


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


def test_what_cannot_be_sent_after_a_signal_is_named_in_the_last_line() -> None:
    run = Run(FakeBroker(None, None, AWAY), FakeSource(lines("a", "b", "c\n")))
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
        def fill(self) -> bool:
            if super().fill():
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

    run._runner._say = say
    with pytest.raises(type(error)):
        run()

    assert caplog.messages[-1] == "standard output takes no more; read and not sent: line 2 ('b')"


def test_a_rate_of_almost_nothing_is_a_wait_that_a_signal_ends() -> None:
    stop = threading.Event()
    pace = Pace(5e-324, stop, lambda: 0.0)
    pace.wait()
    stop.set()

    pace.wait()
