"""The demo's course: what is started, what is shown, when it is over, and what the verdict is."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.children import Children, Said, clean_environment
from demo.command import STORY, problem_with
from demo.comparison import Verdict, read_lines
from demo.run import CONSUMERS, GRACE_S, SILENCE_S, STARTUP_S, BrokerFailedError, Demo, InterruptedDemoError, Progress
from demo.screen import process_line, summary
from mini_kafka_shared.schemas import Message


class FakeChildren(Children):
    """Processes that say what the test wants; when they have nothing to say, the clock moves."""

    def __init__(self, *said: Said) -> None:
        super().__init__()
        self.script = deque(said)
        self.started: dict[str, tuple[str, ...]] = {}
        self.codes = {"producer": 0, "broker": 1}
        self.now = 0.0
        self.is_stopped = False

    def start(self, name: str, module: str, *arguments: str) -> None:
        self.started[name] = (module, *arguments)

    def next_said(self, timeout_s: float) -> Said | None:
        if self.script:
            return self.script.popleft()
        self.now += timeout_s
        return None

    def exit_code(self, name: str) -> int:
        return self.codes[name]

    def stop(self, grace_s: float) -> None:
        self.is_stopped = True


LISTENS = Said("broker", "listening http=127.0.0.1:1")


def sent(number: int) -> Said:
    return Said("producer", f"sent  lines@{number - 1}  key=line-{number}  {number}")


def got(name: str, number: int) -> Said:
    return Said(name, f"{name} got  lines@{number - 1}  key=line-{number}  {number}")


def travel(count: int) -> list[Said]:
    return [
        said for number in range(1, count + 1) for said in (sent(number), *(got(name, number) for name in CONSUMERS))
    ]


class Run:
    """A demo of a file with `count` lines, whose consumers wrote what the test wants."""

    def __init__(self, tmp_path: Path, count: int, *said: Said, written: int | None = None) -> None:
        self.path = tmp_path / "in.txt"
        self.path.write_text("".join(f"{number}\n" for number in range(1, count + 1)))
        for name in CONSUMERS:
            with (tmp_path / f"{name}.ndjson").open("w") as file:
                for number in range(1, (count if written is None else written) + 1):
                    message = Message(topic="lines", offset=number - 1, value=str(number), key=f"line-{number}")
                    file.write(message.model_dump_json() + "\n")
        self.children = FakeChildren(*said)
        self.shown: list[str] = []
        self.interrupted: Callable[[], bool] = lambda: False
        self.demo = Demo(
            self.path,
            tmp_path,
            self.children,
            interrupted=lambda: self.interrupted(),
            show=self.shown.append,
            clock=lambda: self.children.now,
        )


def test_a_demo_in_which_every_line_arrives_ends_well(tmp_path: Path) -> None:
    run = Run(tmp_path, 2, LISTENS, *travel(2), Said("producer", None))

    assert run.demo.run()
    assert run.children.is_stopped
    assert run.shown[-1] == "every line arrived, in order, once"
    assert "producer    sent  lines@1  key=line-2  2" in run.shown
    assert "consumer-2  got   lines@1  key=line-2  2" in run.shown


def test_after_the_last_line_it_looks_a_moment_for_one_too_many(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, LISTENS, *travel(1), Said("producer", None))

    run.demo.run()

    assert GRACE_S <= run.children.now < SILENCE_S


def test_it_waits_for_a_slow_consumer(tmp_path: Path) -> None:
    run = Run(tmp_path, 2, LISTENS, *travel(1), sent(2), got("consumer-1", 2), Said("producer", None))
    late = deque([got("consumer-2", 2)])
    next_said = run.children.next_said

    def say_late(timeout_s: float) -> Said | None:
        return late.popleft() if late and run.children.now > 2 * GRACE_S else next_said(timeout_s)

    run.children.next_said = say_late  # type: ignore[method-assign]

    assert run.demo.run()
    assert not late


def test_when_nothing_moves_it_ends_and_names_the_first_difference(tmp_path: Path) -> None:
    run = Run(tmp_path, 3, LISTENS, *travel(2), sent(3), Said("producer", None), written=2)

    assert not run.demo.run()
    assert SILENCE_S <= run.children.now < 2 * SILENCE_S
    assert "not every line arrived, in order, once" in run.shown
    assert "  consumer-1: line 3, “3”, did not arrive" in run.shown


def test_a_producer_that_failed_spoils_the_demo(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, LISTENS, *travel(1), Said("producer", None))
    run.children.codes["producer"] = 1

    assert not run.demo.run()
    assert run.shown[-1] == "  the producer ended with exit code 1"


def test_a_broker_that_ends_early_ends_the_demo(tmp_path: Path) -> None:
    with pytest.raises(BrokerFailedError, match="exit code 1"):
        Run(tmp_path, 1, Said("broker", "mini-kafka: no"), Said("broker", None)).demo.run()
    with pytest.raises(BrokerFailedError, match="exit code 1"):
        Run(tmp_path, 1, LISTENS, sent(1), Said("broker", None)).demo.run()


def test_a_broker_that_never_listens_ends_the_demo(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)

    with pytest.raises(BrokerFailedError, match="does not listen"):
        run.demo.run()
    assert run.children.now < 2 * STARTUP_S


def test_an_interrupt_ends_it_wherever_it_is(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, LISTENS, *travel(1))
    run.interrupted = lambda: not run.children.script

    with pytest.raises(InterruptedDemoError):
        run.demo.run()


def test_the_processes_get_the_broker_s_address_and_names_of_their_own(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, LISTENS, *travel(1), Said("producer", None))

    run.demo.run()

    assert set(run.children.started) == {"broker", "producer", *CONSUMERS}
    for name in ("producer", *CONSUMERS):
        assert "http://127.0.0.1:1" in run.children.started[name]
    for name in CONSUMERS:
        assert run.children.started[name][-4:] == ("--consumer-id", name, "--output", str(tmp_path / f"{name}.ndjson"))
        assert "--group" not in run.children.started[name]


@pytest.mark.parametrize(("count", "rate"), [(100, "20"), (101, "0")])
def test_a_short_file_is_sent_so_that_one_can_read_along(tmp_path: Path, count: int, rate: str) -> None:
    run = Run(tmp_path, count, LISTENS, Said("producer", None))

    run.demo.run()

    assert run.children.started["producer"][-1] == rate


def test_a_line_is_shown_to_leave_before_it_arrives() -> None:
    progress = Progress()
    early = got("consumer-1", 1)

    assert progress.take(early) == []
    assert progress.take(got("consumer-1", 2)) == []
    assert progress.take(sent(1)) == [sent(1), early]
    assert progress.take(sent(2)) == [sent(2), got("consumer-1", 2)]


def test_what_arrived_early_is_shown_when_the_producer_is_gone() -> None:
    progress = Progress()
    progress.take(got("consumer-1", 1))

    assert progress.take(Said("producer", None)) == [got("consumer-1", 1)]


def test_other_lines_are_shown_at_once_and_not_counted() -> None:
    progress = Progress()
    warning = Said("consumer-1", "12:00:00 WARN  the broker does not answer")

    assert progress.take(warning) == [warning]
    assert progress.got["consumer-1"] == 0


@pytest.mark.parametrize(
    ("said", "is_complete"),
    [
        ([sent(1), got("consumer-1", 1), got("consumer-2", 1)], False),
        ([sent(1), got("consumer-1", 1), Said("producer", None)], False),
        ([sent(1), got("consumer-1", 1), got("consumer-2", 1), Said("producer", None)], True),
        ([sent(1), got("consumer-1", 1), Said("consumer-2", None), Said("producer", None)], True),
        ([Said("producer", None)], True),
    ],
)
def test_it_is_over_when_the_producer_ended_and_no_consumer_has_more_to_get(
    said: list[Said], is_complete: bool
) -> None:
    progress = Progress()
    for each in said:
        progress.take(each)

    assert progress.is_complete is is_complete


def test_the_settings_of_the_shell_are_not_the_demo_s() -> None:
    shell = {"CONSUMER_GROUP": "g", "PRODUCER_RATE": "1", "BROKER_URL": "x", "MINI_KAFKA_HOST": "y", "PATH": "z"}

    assert clean_environment(shell) == {"PATH": "z", "PYTHONIOENCODING": "utf-8"}


def test_a_process_is_named_once_and_in_colour_only_if_wanted() -> None:
    plain = process_line("consumer-1", "consumer-1 got  t@0  v", colour=False)
    coloured = process_line("consumer-1", "consumer-1 got  t@0  v", colour=True)

    assert plain == "consumer-1  got   t@0  v"
    assert "\x1b[" in coloured
    assert coloured.endswith("got   t@0  v")


def test_the_summary_compares_what_was_sent_with_what_arrived() -> None:
    verdicts = {"consumer-1": Verdict(10, 10, None), "consumer-2": Verdict(10, 9, "line 4 did not arrive")}

    table = summary(10, verdicts).splitlines()

    assert [line.split(maxsplit=3) for line in table[1:]] == [
        ["the", "file", "10"],
        ["producer", "sent", "10"],
        ["consumer-1", "got", "10", "every line, in order, once"],
        ["consumer-2", "got", "9", "line 4 did not arrive"],
    ]


def test_a_file_that_cannot_be_sent_is_refused_with_its_reason(tmp_path: Path) -> None:
    empty, good = tmp_path / "empty", tmp_path / "good"
    empty.touch()
    good.write_text("\n")

    assert problem_with(tmp_path / "missing") == "cannot be read: no such file or directory"
    assert problem_with(tmp_path) == "is not a regular file"
    assert problem_with(Path("/dev/null")) == "is not a regular file"
    assert problem_with(empty) == "is empty: there is no line to send"
    assert problem_with(good) is None


def test_the_story_that_ships_shows_what_can_go_wrong_with_text() -> None:
    story = list(read_lines(STORY))

    assert 25 <= len(story) <= 40
    assert story.count("") == 1
    assert len(set(story)) == len(story) - 1, "one line is there twice"
    assert any(line and not line.isascii() for line in story)
    assert all(line is not None and len(line) <= 80 for line in story), "the demo shows each line whole"
