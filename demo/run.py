"""One demo from the first process to the verdict: what is started, when it is over, and who was right."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from demo.children import Children, Said
from demo.comparison import KEY_PREFIX, Verdict, compare, read_lines, read_messages
from demo.screen import process_line, summary, wants_colour
from mini_kafka_shared.logging_setup import say

TOPIC = "lines"
CONSUMERS = ("consumer-1", "consumer-2")
READABLE_RATE = "20"
READABLE_LINES = 100
"""A file of up to so many lines is sent at a rate that eyes can follow; a longer one as fast as it goes."""

LOOK_S = 0.1
STARTUP_S = 30.0
GRACE_S = 0.5
"""How long to look for a message too many, after everybody has got as many as were sent."""
SILENCE_S = 15.0
"""After so long without a line from anybody, nothing more will come."""

LISTENING = "listening http="


class InterruptedDemoError(Exception):
    """Somebody pressed Ctrl-C."""


class BrokerFailedError(Exception):
    """The broker did not start, or ended before the others."""


@dataclass(slots=True)
class Progress:
    """What the processes have said so far: lines sent, lines got, and who has ended."""

    sent: int = 0
    got: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CONSUMERS, 0))
    ended: set[str] = field(default_factory=set)
    early: dict[str, deque[Said]] = field(default_factory=lambda: {name: deque() for name in CONSUMERS})

    def take(self, said: Said) -> list[Said]:
        """Count what a process said, and return what to show now.

        A consumer may say that it got a line before the producer, whose answer came at the same time, says that
        it sent it. It is held back until then: whoever watches sees a line leave before it arrives.
        """
        if said.line is None:
            self.ended.add(said.name)
            return self._arrived()
        if said.line.startswith(f"{said.name} got  "):
            self.got[said.name] += 1
            self.early[said.name].append(said)
            return self._arrived()
        if said.line.startswith("sent  "):
            self.sent += 1
        return [said, *self._arrived()]

    def _arrived(self) -> list[Said]:
        arrived: list[Said] = []
        for name, early in self.early.items():
            while early and (self.got[name] - len(early) < self.sent or "producer" in self.ended):
                arrived.append(early.popleft())
        return arrived

    @property
    def is_complete(self) -> bool:
        """Whether the producer has ended and no consumer has anything left to get."""
        return "producer" in self.ended and all(
            count >= self.sent or name in self.ended for name, count in self.got.items()
        )


class Demo:
    """Sends one file's lines through a broker of its own.

    Args:
        path: the file.
        directory: where the consumers write what they got.
        children: starts and ends the processes; ending them is the caller's.
        interrupted: tells whether somebody wants it to end.
        show: takes each line for the screen.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        path: Path,
        directory: Path,
        children: Children,
        *,
        interrupted: Callable[[], bool],
        show: Callable[[str], None] = say,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._directory, self._children = path, directory, children
        self._interrupted, self._show, self._clock = interrupted, show, clock
        self._colour = wants_colour()
        self._progress = Progress()

    def run(self) -> bool:
        """Run until every line has arrived or nothing moves, show the summary, and tell whether all is well.

        Raises:
            InterruptedDemoError: somebody wants it to end.
            BrokerFailedError: there is no broker to send anything through.
        """
        address = self._start_broker()
        self._show(f"{self._path.name} travels through topic {TOPIC} of the broker at {address}")
        self._start_services(address)
        self._follow()
        code = self._children.exit_code("producer") if "producer" in self._progress.ended else None
        self._children.stop(grace_s=5.0)
        verdicts = {name: self._verdict(name) for name in CONSUMERS}
        self._show(f"\n{summary(self._progress.sent, verdicts)}\n")
        problems = [f"{name}: {verdict.difference}" for name, verdict in verdicts.items() if verdict.difference]
        if code != 0:
            problems.append("the producer did not end" if code is None else f"the producer ended with exit code {code}")
        self._show("not every line arrived, in order, once" if problems else "every line arrived, in order, once")
        for problem in problems:
            self._show(f"  {problem}")
        return not problems

    def _start_broker(self) -> str:
        flags = ("--http-port", "0", "--kafka-port", "off", "--log-level", "warning")
        self._children.start("broker", "mini_kafka", *flags)
        give_up_at = self._clock() + STARTUP_S
        while self._clock() < give_up_at:
            said = self._next_said()
            if said is None:
                continue
            if said.line is None:
                raise BrokerFailedError(f"the broker ended with exit code {self._children.exit_code('broker')}")
            if said.line.startswith(LISTENING):
                return f"http://{said.line.removeprefix(LISTENING).split()[0]}"
            self._show_line(said)
        raise BrokerFailedError(f"the broker does not listen after {STARTUP_S:g} s")

    def _start_services(self, address: str) -> None:
        common = ("--broker", address, "--topic", TOPIC, "--log-level", "warning")
        for name in CONSUMERS:
            output = str(self._output(name))
            self._children.start(name, "mini_kafka_consumer", *common, "--consumer-id", name, "--output", output)
        is_long = sum(1 for _ in islice(read_lines(self._path), READABLE_LINES + 1)) > READABLE_LINES
        path = str(self._path.resolve())  # a file may be called "-"
        self._children.start(
            "producer",
            "mini_kafka_producer",
            *common,
            *("--input", path, "--key", KEY_PREFIX + "{n}", "--rate", "0" if is_long else READABLE_RATE),
        )

    def _follow(self) -> None:
        """Show what the processes say until there is nothing more to say."""
        last_news_at = self._clock()
        while True:
            said = self._next_said()
            silent_s = self._clock() - last_news_at
            if said is None:
                if silent_s >= (GRACE_S if self._progress.is_complete else SILENCE_S):
                    return
                continue
            last_news_at = self._clock()
            if said.name == "broker" and said.line is None:
                raise BrokerFailedError(f"the broker ended with exit code {self._children.exit_code('broker')}")
            for ready in self._progress.take(said):
                self._show_line(ready)

    def _next_said(self) -> Said | None:
        if self._interrupted():
            raise InterruptedDemoError
        return self._children.next_said(LOOK_S)

    def _show_line(self, said: Said) -> None:
        self._show(process_line(said.name, said.line or "", colour=self._colour))

    def _verdict(self, name: str) -> Verdict:
        messages = self._output(name)
        messages.touch()  # a consumer that never came so far wrote nothing
        return compare(read_lines(self._path), read_messages(messages))

    def _output(self, name: str) -> Path:
        return self._directory / f"{name}.ndjson"
