"""The producer's batches: full, or due; never there twice; and a refusal names the line that is to blame."""

import logging

import pytest

from mini_kafka_producer.runner import MAX_BATCH_CHARACTERS
from mini_kafka_producer.sources import FOR_EVER, Line
from mini_kafka_shared.client import BrokerUnavailable, NotRegistered, Overloaded
from mini_kafka_shared.retry import GraceOver
from tests.support.producer_run import FakeBroker, FakeSource, Run, lines

AWAY = BrokerUnavailable("the broker does not answer: no answer in time")


@pytest.fixture(autouse=True)
def captured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_without_a_batch_each_line_is_a_call_of_the_guide_s_produce() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b")))

    assert run() == 0
    assert run.values == ["a", "b"]
    assert run.broker.requests == []


def test_lines_that_are_there_go_together_and_are_said_one_by_one() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c", "d", "e")), batch=2, key="k{n}")

    assert run() == 0
    assert run.broker.requests == [["a", "b"], ["c", "d"], ["e"]]
    assert run.broker.published[4] == ("e", "k5")
    assert run.said == [
        *(f"sent  t@{number}  key=k{number + 1}  {value}" for number, value in enumerate("abcde")),
        "sent 5 messages to t in 0.0 s",
    ]


def test_count_is_not_exceeded_by_a_batch() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c", "d")), batch=2, count=3)

    assert run() == 0
    assert run.broker.requests == [["a", "b"], ["c"]]


class SlowSource(FakeSource):
    """A line every second, for whoever waits so long."""

    def __init__(self, run_clock: list[Run], *texts: str) -> None:
        super().__init__(*([line] for line in lines(*texts)))
        self.run_clock = run_clock

    def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
        stop = self.run_clock[0].stop
        while self.batches and len(self.ready) < lines and wait_s >= 1:
            stop.now, wait_s = stop.now + 1, wait_s - 1
            self.ready.extend(self.batches.popleft())
        if len(self.ready) < lines and self.batches:
            stop.now += wait_s
        return bool(self.ready)


@pytest.mark.parametrize(
    ("linger_ms", "requests"),
    [
        (0, [["a"], ["b"], ["c"], ["d"]]),
        (1500, [["a", "b"], ["c", "d"]]),
        (60_000, [["a", "b", "c"], ["d"]]),
    ],
)
def test_a_batch_waits_for_more_as_long_as_linger_ms_says(linger_ms: int, requests: list[list[str]]) -> None:
    runs: list[Run] = []
    runs.append(Run(FakeBroker(), SlowSource(runs, "a", "b", "c", "d"), batch=3, linger_ms=linger_ms))

    assert runs[0]() == 0
    assert runs[0].broker.requests == requests


@pytest.mark.parametrize(
    ("linger_ms", "sizes", "ends_at"), [(0, [1] * 6, 2.5), (1000, [3, 3], 2.5), (400, [1] * 6, 2.5)]
)
def test_the_rate_is_the_messages_rate_and_a_batch_is_what_is_due_meanwhile(
    linger_ms: int, sizes: list[int], ends_at: float
) -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcdef")), batch=100, rate=2, linger_ms=linger_ms)

    assert run() == 0
    assert [len(request) for request in run.broker.requests] == sizes
    assert run.stop.now == ends_at


def test_a_batch_ends_before_it_is_too_much_for_the_broker() -> None:
    half = "x" * (MAX_BATCH_CHARACTERS // 2)
    run = Run(FakeBroker(), FakeSource(lines(half, half, "y", half + half + "z", "end")), batch=100)

    assert run() == 0
    assert [len(request) for request in run.broker.requests] == [2, 1, 1, 1]


def test_a_line_with_a_fault_ends_the_batch_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource([Line(1, "a"), Line(2, "b"), Line(3, fault="it is not UTF-8"), Line(4, "d")])
    run = Run(FakeBroker(), source, batch=100)

    assert run() == 1
    assert run.broker.requests == [["a", "b"], ["d"]]
    assert "line 3 of the test is not sent: it is not UTF-8" in caplog.messages


@pytest.mark.parametrize("trouble", [AWAY, Overloaded("full", 7.0)])
@pytest.mark.parametrize("is_lost_on_the_way_back", [False, True])
def test_a_batch_that_is_sent_again_is_there_once(trouble: Exception, is_lost_on_the_way_back: bool) -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcdef")), batch=2)
    troubles = run.broker.after if is_lost_on_the_way_back else run.broker.troubles
    troubles.extend([None, trouble, trouble, None] if is_lost_on_the_way_back else [None, None, trouble, trouble])

    assert run() == 0
    assert run.values == list("abcdef")
    assert run.said[:-1] == [f"sent  t@{number}  {value}" for number, value in enumerate("abcdef")]
    assert run.broker.requests == [["a", "b"], ["c", "d"], ["c", "d"], ["c", "d"], ["e", "f"]]


def test_two_runs_of_one_producer_id_are_not_taken_for_each_other() -> None:
    broker = FakeBroker()
    for _ in range(2):
        assert Run(broker, FakeSource(lines("a", "b")), batch=2, producer_id="p")() == 0

    assert [value for value, _ in broker.published] == ["a", "b", "a", "b"]


def test_of_a_batch_that_is_refused_all_is_sent_but_the_line_to_blame(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcdefg")), batch=5)
    run.broker.too_large = {"b", "e"}

    assert run() == 1
    assert run.values == ["a", "c", "d", "f", "g"]
    assert [len(request) for request in run.broker.requests] == [5, 2, 1, 1, 3, 1, 2, 1, 1, 2]
    errors = [text for text in caplog.messages if "is not sent" in text]
    assert errors == [
        f"line {number} of the test is not sent: send a smaller record (413 MESSAGE_TOO_LARGE)" for number in (2, 5)
    ]
    assert run.said[-1] == "sent 5 messages to t in 0.0 s; 2 could not be sent"


def test_half_of_a_refused_batch_that_is_sent_again_is_there_once() -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcd")), batch=4)
    run.broker.too_large = {"d"}
    run.broker.after.append(AWAY)

    assert run() == 1
    assert run.values == ["a", "b", "c"]


def test_what_was_read_before_a_signal_is_sent_in_batches_and_at_once() -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcde")), batch=2, rate=0.001, linger_ms=60_000)
    run.broker.before_publish = run.stop.set

    assert run() == 0
    assert run.broker.requests == [["a"], ["b", "c"], ["d", "e"]]
    assert run.stop.now == 0.0
    assert "not sent" not in run.said[-1]


def test_a_batch_without_an_answer_at_the_end_is_named() -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c")), batch=2)
    run.broker.after.append(GraceOver())

    assert run() == 0
    assert run.said[-1].endswith("; read and not sent: 3 lines from line 1 ('a') to line 3 ('c')")


def test_when_the_output_takes_no_more_a_batch_that_was_sent_is_not_named_as_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(FakeBroker(), FakeSource(lines("a", "b", "c")), batch=2)

    def say(_line: str) -> None:
        raise BrokenPipeError

    run.runner._say = say
    with pytest.raises(BrokenPipeError):
        run()

    assert caplog.messages[-1] == "standard output takes no more; read and not sent: line 3 ('c')"


def test_a_topic_that_a_broker_does_not_make_by_itself_is_registered_again() -> None:
    unknown = NotRegistered(404, "UNKNOWN_TOPIC_OR_PARTITION", "create it")
    run = Run(FakeBroker(None, unknown), FakeSource(lines("a", "b")), batch=2)

    assert run() == 0
    assert run.values == ["a", "b"]
    assert len(run.broker.producer_ids) == 2


def test_a_gateway_to_a_cluster_gets_batches_without_numbers_and_one_line_says_what_that_means(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcdef")), batch=2)
    run.broker.is_gateway = True

    assert run() == 0
    assert run.values == list("abcdef")
    assert run.broker.requests == [["a", "b"], ["a", "b"], ["c", "d"], ["e", "f"]]
    assert [text for text in caplog.messages if "may be there twice" in text] == [
        "the broker is a gateway to a Kafka cluster: a batch sent again may be there twice"
    ]


def test_a_gateway_gets_a_batch_again_whose_answer_was_lost() -> None:
    run = Run(FakeBroker(), FakeSource(lines(*"abcd")), batch=2)
    run.broker.is_gateway = True
    run.broker.after.append(AWAY)

    assert run() == 0
    assert run.values == list("ababcd")


def gateway_run(*values: str, failing: list[set[str]]) -> Run:
    run = Run(FakeBroker(), FakeSource(lines(*values)), batch=10)
    run.broker.is_gateway = True
    run.broker.failing.extend(failing)
    return run


def test_of_a_batch_that_a_cluster_took_in_part_only_the_rest_is_sent_again() -> None:
    run = gateway_run(*"abcd", failing=[{"b", "c"}, {"c"}])

    assert run() == 0
    assert run.broker.requests[1:] == [["a", "b", "c", "d"], ["b", "c"], ["c"]]
    assert run.values == list("adbc")
    assert [line.split("  ")[1:] for line in run.said[:4]] == [["t@0", "a"], ["t@2", "b"], ["t@3", "c"], ["t@1", "d"]]


def test_the_rest_of_a_batch_that_is_given_up_is_named_and_what_was_taken_is_not() -> None:
    run = gateway_run(*"abc", failing=[{"b"}] * 3)
    run.broker.before_publish = lambda: run.stop.set() if len(run.broker.requests) == 3 else None

    run()
    assert run.values == ["a", "c"]
    assert "sent 2 messages to t" in run.said[-1]
    assert "read and not sent: line 2 ('b')" in run.said[-1]


def test_of_the_rest_of_a_batch_the_line_to_blame_is_found() -> None:
    run = gateway_run(*"abcd", failing=[{"b", "c", "d"}])
    run.broker.before_publish = lambda: run.broker.too_large.update("c" if len(run.broker.requests) > 2 else "")

    assert run() == 1
    assert run.values == list("abd")
    assert "1 could not be sent" in run.said[-1]
