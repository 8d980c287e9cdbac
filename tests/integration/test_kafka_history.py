"""Kafka and HTTP clients on the same topics, with connections cut within frames: their history breaks no rule."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.checker.checking import check
from tests.checker.history import Append, Assigned, Commit, Committed, Fetch, History
from tests.checker.kafka_mutants import KAFKA_MUTANTS, breaks_every_rule
from tests.checker.kafka_proxy import Proxy
from tests.checker.kafka_workers import SESSION_MS
from tests.checker.live_run import LiveRun
from tests.checker.python_kafka_workers import AIOKAFKA, KAFKA_PYTHON
from tests.integration.programs import BIN, FREE_PORTS, Program

SECONDS = 7
JOURNAL_BYTES = 500_000
MUTANT_SECONDS = 9
MUTANT_JOURNAL_BYTES = 200_000
ROLE_BYTES = 10_000
"""What each role has to write down: some hundred operations, so that no rule is without somebody who could break it."""
CUT = 0.01
MUTANT_CUT = 0.05
RUNS = MUTANT_RUNS = 4
THINGS = 19
"""What the rules are about, and has to happen so that they have something to judge."""


def test_kafka_and_http_clients_on_the_same_topics_break_no_rule(tmp_path: Path) -> None:
    happened: Counter[str] = Counter()
    for number in range(RUNS):  # on a busy machine a run may be too short for everything to happen
        folder = tmp_path / str(number)
        folder.mkdir()
        with broker_behind_proxy(BIN / "mini-kafka") as (broker, proxy):
            run = live_run(broker, proxy, folder)
            history = run(SECONDS, JOURNAL_BYTES, ROLE_BYTES)
            assert not [line for line in broker.err if "Traceback" in line or "ERROR" in line]
        assert check(history) == []
        happened.update(what_happened(history, run, proxy))
        if sum(count > 0 for count in happened.values()) == THINGS:
            return
    raise AssertionError(f"not all of {THINGS} things happened: {happened}")


def test_what_a_broker_breaks_only_for_kafka_clients_is_found_out(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.checker.mutated_broker", breaks_every_rule.__name__]
    missing = set(KAFKA_MUTANTS.values())
    for number in range(MUTANT_RUNS):  # what shows now and then may stay hidden in one run
        folder = tmp_path / str(number)
        folder.mkdir()
        with broker_behind_proxy(*command, cut=MUTANT_CUT) as (broker, proxy):
            history = live_run(broker, proxy, folder)(MUTANT_SECONDS, MUTANT_JOURNAL_BYTES, ROLE_BYTES)
        missing -= {violation.rule for violation in check(history)}
        if not missing:
            return
    raise AssertionError(f"no run shows {missing}")


@contextmanager
def broker_behind_proxy(*command: str | Path, cut: float = CUT) -> Iterator[tuple[Program, Proxy]]:
    """Start a broker that sends its Kafka clients to a proxy."""
    proxy = Proxy(Random(5), cut)
    advertised = f"PLAINTEXT://127.0.0.1:{proxy.port}"
    flags = ("--advertised-listeners", advertised, "--group-min-session-timeout-ms", str(SESSION_MS))
    with Program(*command, *FREE_PORTS, *flags) as broker, proxy.running():
        proxy.target = ("127.0.0.1", int(broker.line(r"^listening http=.+ kafka=.+:(\d+)$")[1]))
        yield broker, proxy


def live_run(broker: Program, proxy: Proxy, folder: Path) -> LiveRun:
    http = broker.line(r"^listening http=(\S+)")[1]
    return LiveRun(http, broker.process.pid, folder, Random(4), f"127.0.0.1:{proxy.port}")


def what_happened(history: History, run: LiveRun, proxy: Proxy) -> Counter[str]:
    """Count what the rules are about."""
    operations = history.operations
    appends = [one for one in operations if isinstance(one, Append)]
    fetches = [one for one in operations if isinstance(one, Fetch)]
    commits = [one for one in operations if isinstance(one, Commit)]
    happened = Counter(proxy.happened)
    happened["append through Kafka"] = sum(one.client.startswith("kafka") for one in appends)
    happened["append through HTTP"] = sum(not one.client.startswith("kafka") for one in appends)
    happened["Kafka's record read through HTTP"] = records(fetches, "reader", "kafka-producer")
    happened["HTTP's record read through Kafka"] = records(fetches, "kafka-reader", "producer")
    happened["record read by a member"] = records(fetches, "kafka-member", "")
    happened["fetch to the end"] = sum(one.at_end and one.client.startswith("kafka") for one in fetches)
    happened["commit"] = sum(one.returned_ns is not None for one in commits)
    happened["look at what is committed"] = sum(isinstance(one, Committed) and one.offset > 0 for one in operations)
    happened["partition that changed hands"] = changes_of_owner(commits)
    happened["second assignment of a member"] = sum(isinstance(one, Assigned) and one.tenure > 1 for one in operations)
    for library in (AIOKAFKA, KAFKA_PYTHON):
        appended = [one for one in appends if one.client.startswith(f"kafka-producer-{library}")]
        committed = [one for one in commits if one.client.startswith(f"kafka-member-{library}")]
        happened[f"append with {library}"] = sum(one.returned_ns is not None for one in appended)
        happened[f"commit with {library}"] = sum(one.returned_ns is not None for one in committed)
    happened["kill"], happened["pause"] = run.kills, run.pauses
    return happened


def records(fetches: list[Fetch], reader: str, producer: str) -> int:
    read = (seen for one in fetches if one.client.startswith(reader) for seen in one.records)
    return sum(seen.payload.startswith(producer) for seen in read)


def changes_of_owner(commits: list[Commit]) -> int:
    owners: Counter[tuple[str, int]] = Counter()
    for _, topic, partition in {(one.client, one.topic, one.partition) for one in commits}:
        owners[topic, partition] += 1
    return sum(count - 1 for count in owners.values())
