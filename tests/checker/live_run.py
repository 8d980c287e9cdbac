"""A run of workers against a broker process: all at once over sockets, with kills and pauses.

Workers are processes; some are killed and others take their place, some are stopped until their locks have run out,
and the broker itself is stopped now and then. It is never killed: its log is in RAM.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.checker.gateways import connect
from tests.checker.history import History
from tests.checker.http_clients import Ask, Lost
from tests.checker.http_member import Member, is_finished
from tests.checker.http_reader import read_everything
from tests.checker.http_world import COMPACTED, GROUP, SHARED, World, create_topics
from tests.checker.journal import Journal, read
from tests.checker.kafka_workers import SESSION_MS, KafkaReader
from tests.checker.live_worker import sleep_ms

ROOT = Path(__file__).parents[2]
HTTP_ROLES = (*["producer"] * 8, *["member"] * 3, "reader:orders", "reader:table", "follower:jobs")
KAFKA_ROLES = (
    *["kafka-producer:idempotent"] * 2, "kafka-producer:plain", *["kafka-member"] * 2, "kafka-reader",
    "kafka-producer:aiokafka", "kafka-producer:kafka-python", "kafka-member:aiokafka", "kafka-member:kafka-python",
    "producer", "member", "reader:orders",
)  # fmt: skip
"""Both doors at once."""
PAUSE_S = 0.7
LONG_PAUSE_S = 1.5 * SESSION_MS / 1000
FINISH_SECONDS = 60
"""How long the last member may take, and the others beyond their time, on a machine that is busy."""


@dataclass
class _Worker:
    """A process with a role, and where it writes down what it does."""

    role: str
    process: subprocess.Popen[bytes]
    journal: Path

    @property
    def is_at_work(self) -> bool:
        """Whether it has begun: on a busy machine that takes seconds, and to kill it before would keep it from work."""
        return self.journal.stat().st_size > 0

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


@dataclass
class LiveRun:
    """A broker at an address, in a process, and a folder for what its workers write down."""

    address: str
    broker_pid: int
    folder: Path
    rng: Random
    kafka: str = ""
    """Where workers find the broker's Kafka port; without it there are none that do."""
    finish_s: float = FINISH_SECONDS
    kills: int = 0
    pauses: int = 0
    _workers: list[_Worker] = field(default_factory=list)
    _ended: list[_Worker] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def _patient(self, ask: Ask) -> Ask:
        """Give the way to ask for what is done before and after the work."""
        return ask

    @property
    def _roles(self) -> tuple[str, ...]:
        return KAFKA_ROLES if self.kafka else HTTP_ROLES

    def __call__(self, seconds: float, journal_bytes: int, role_bytes: int = 0) -> History:
        """Let the workers work, finish what they leave, read everything, and give the history.

        They work for a time and until they have written down so much, and each role so much of it, however busy the
        machine is: some roles take seconds to begin there, and the others would have the journal full before.

        Raises:
            AssertionError: a worker got an answer that it did not expect, or they do not get on.
        """
        connection = connect(self.address, self.rng, cut=0)
        journal = Journal("last", time.monotonic_ns, self._lines.append)
        world = World(self.rng, self._patient(connection.ask), journal, sleep_ms, wait_ms=200)
        try:
            create_topics(world)
            self._let_work(seconds, journal_bytes, role_bytes)
            dead = _finish(world, self.finish_s)
            if self.kafka:
                reader = KafkaReader(world, self.kafka)
                reader.read_everything()
                reader.look_at_commits()
        finally:
            connection.close()
        lines = [line for path in self.folder.glob("*.log") for line in path.read_text().splitlines()]
        return History(tuple(read([*lines, *self._lines])), frozenset(COMPACTED), {GROUP: SHARED}, frozenset(dead))

    def _let_work(self, seconds: float, journal_bytes: int, role_bytes: int) -> None:
        with self._at_work():
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds or not self._is_enough(journal_bytes, role_bytes):
                assert passed < seconds + FINISH_SECONDS, f"the workers have only written {self._bytes_by_role()}"
                time.sleep(self.rng.random() * 0.4)
                self._disturb()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Have workers, and end them all."""
        try:
            self._workers += [self._start(role) for role in self._roles]
            yield
            self._check_workers()
        finally:
            for worker in self._workers:
                worker.kill()

    def _start(self, role: str) -> _Worker:
        """Start a worker under a name that nobody had before."""
        name = f"{role.replace(':', '-')}{len(list(self.folder.iterdir()))}"
        address = self.kafka if role.startswith("kafka") else self.address
        command = [sys.executable, "-m", "tests.checker.live_worker", role, name, address, str(self.rng.random())]
        journal = self.folder / f"{name}.log"
        with journal.open("wb") as out, (self.folder / f"{name}.err").open("wb") as err:
            return _Worker(role, subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT), journal)

    def _is_enough(self, journal_bytes: int, role_bytes: int) -> bool:
        written = self._bytes_by_role()
        return written.total() >= journal_bytes and min(written.values()) >= role_bytes

    def _bytes_by_role(self) -> Counter[str]:
        written = Counter(dict.fromkeys(self._roles, 0))
        for worker in [*self._workers, *self._ended]:
            written[worker.role] += worker.journal.stat().st_size
        return written

    def _disturb(self) -> None:
        """Kill a worker, or stop one or the broker for a while."""
        self._check_workers()
        number = self.rng.randrange(len(self._workers))
        chosen = self.rng.random()
        if chosen < 0.3:
            if self._workers[number].is_at_work:
                self._replace(number)
        elif chosen < 0.5:
            self.pauses += 1
            members = [i for i, role in enumerate(self._roles) if role.partition(":")[0].endswith("member")]
            number = self.rng.choice(members)
            is_broker = chosen < 0.4
            longest_s = LONG_PAUSE_S if self._roles[number].startswith("kafka") and not is_broker else PAUSE_S
            with stopped(self.broker_pid if is_broker else self._workers[number].process.pid):
                time.sleep(self.rng.random() * longest_s)

    def _replace(self, number: int) -> None:
        """Kill a worker, and let another take its place."""
        self.kills += 1
        ended = self._workers[number]
        ended.kill()
        self._ended.append(ended)
        self._workers[number] = self._start(ended.role)

    def _check_workers(self) -> None:
        for worker in self._workers:
            if worker.process.poll() is not None:
                errors = "\n".join(path.read_text() for path in self.folder.glob("*.err"))
                raise AssertionError(f"{worker.process.args!r} ended with {worker.process.returncode}: {errors}")


def _finish(world: World, seconds: float) -> list[str]:
    member = Member(world, diligent=True)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(Lost):
            if not member.step() and is_finished(world):
                break
    return read_everything(world)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
