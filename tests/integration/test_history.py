"""A broker process under 8 producers and 6 consumers, with kills and pauses: its history breaks no rule."""

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.checker.checking import check
from tests.checker.history import Acquire, Append, Fetch, History, Settle
from tests.checker.live_run import LiveRun
from tests.checker.mutants import MUTANTS, Patch, delivers_what_was_accepted, loses_an_append
from tests.integration.programs import BIN, FREE_PORTS, Program

SECONDS = 60
JOURNAL_BYTES = 1_000_000
MUTANT_JOURNAL_BYTES = 200_000


def test_a_minute_of_work_with_kills_and_pauses_breaks_no_rule(tmp_path: Path) -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as broker:
        run = live_run(broker, tmp_path)
        history = run(SECONDS, JOURNAL_BYTES)
        assert not [line for line in broker.err if "Traceback" in line or "ERROR" in line]
    assert check(history) == []
    assert_it_was_worth_checking(history, run)


@pytest.mark.parametrize("mutant", [loses_an_append, delivers_what_was_accepted], ids=lambda one: one.__name__)
def test_a_broker_that_breaks_a_rule_is_found_out_over_sockets_too(tmp_path: Path, mutant: Patch) -> None:
    command = [sys.executable, "-m", "tests.checker.mutated_broker", mutant.__name__, *FREE_PORTS]
    with Program(*command) as broker:
        history = live_run(broker, tmp_path)(seconds=0, journal_bytes=MUTANT_JOURNAL_BYTES)
    assert MUTANTS[mutant] in {violation.rule for violation in check(history)}


def live_run(broker: Program, folder: Path) -> LiveRun:
    return LiveRun(broker.line(r"^listening http=(\S+)")[1], broker.process.pid, folder, Random(4))


def assert_it_was_worth_checking(history: History, run: LiveRun) -> None:
    """Check that what the rules are about has happened, so that they had something to judge."""
    operations = history.operations
    appends = [one for one in operations if isinstance(one, Append)]
    fetches = [one for one in operations if isinstance(one, Fetch)]
    happened: Counter[str] = Counter(
        settlement.how for one in operations if isinstance(one, Settle) for settlement in one.settlements
    )
    happened["record"] = sum(len(one.payloads) for one in appends)
    happened["lost append"] = sum(one.places is None for one in appends)
    happened["repeated append"] = sum(one.sent > 1 for one in appends)
    happened["refused append"] = sum(one.places is not None and None in one.places for one in appends)
    happened["lost acquire"] = sum(one.records is None for one in operations if isinstance(one, Acquire))
    happened["late lock"] = sum(bool(one.expired) for one in operations if isinstance(one, Settle))
    happened["dead letter"] = sum(seen.origin is not None for one in fetches for seen in one.records)
    happened["hole"] = sum(one.next - one.start > len(one.records) for one in fetches)
    happened["kill"], happened["pause"] = run.kills, run.pauses
    assert len(happened) == 14
    assert min(happened.values()) > 0, happened
