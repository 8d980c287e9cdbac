"""Members of a group as processes: one is killed, told to end or fails at its work, and no record is lost with it."""

import json
import signal
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, FREE_PORTS, Program

MEMBER = """
import sys, threading
from mini_kafka_consumer import command, runner

really_handle = runner.handle

def handle(message):
    {work}
    return really_handle(message)

runner.handle = handle
sys.exit(command.main())
"""
STUCK_AT_THE_THIRD = "message.offset < 2 or (print('stuck', flush=True), threading.Event().wait())"
FAIL_AT_BAD = "assert message.value != 'bad', 'this one is bad'"


def member(broker: str, name: str, *flags: str | Path, work: str = "pass") -> Program:
    """Start a member of group g whose handler does some work first."""
    code = MEMBER.format(work=work)
    known = ("--broker", broker, "--topic", "t", "--group", "g", "--consumer-id", name)
    return Program(sys.executable, "-c", code, *known, *flags)


def produce(broker: str, *values: str) -> None:
    records = [{"value": value} for value in values]
    requests.post(f"{broker}/v1/topics/t/records", json=records, timeout=5).raise_for_status()


def group(broker: str) -> dict[str, Any]:
    return dict(requests.get(f"{broker}/v1/groups/g", timeout=5).json())


def got(program: Program) -> list[str]:
    return [line.rpartition("  ")[2] for line in program.out if " got  " in line]


def test_what_a_killed_member_held_is_handled_by_the_others_and_nothing_else_is_handled_twice(broker: str) -> None:
    values = [str(number) for number in range(300)]
    produce(broker, *values)
    with ExitStack() as running:
        victim = running.enter_context(member(broker, "victim", "--lock-ms", "2000", work=STUCK_AT_THE_THIRD))
        victim.line("^stuck$")
        others = [running.enter_context(member(broker, f"m{number}", "--exit-on-idle", "4")) for number in range(4)]
        wait_until(lambda: any(map(got, others)), "the others work")

        victim.signal_group(signal.SIGKILL)

        assert [other.end(seconds=60) for other in others] == [0, 0, 0, 0]
        assert got(victim) == ["0", "1"], "it was killed before it could accept them"
        assert Counter(value for other in others for value in got(other)) == Counter(values)
    assert group(broker)["partitions"][0]["lag"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_member_that_is_told_to_end_gives_back_at_once_what_it_has_not_handled(
    broker: str, number: signal.Signals
) -> None:
    produce(broker, *map(str, range(10)))
    with member(broker, "first", "--lock-ms", "600000", work=STUCK_AT_THE_THIRD) as first:
        first.line("^stuck$")
        first.signal_group(number)
        assert first.end(seconds=3) == 0
        with member(broker, "second", "--max-messages", "8") as second:
            assert second.end() == 0

    assert got(first) == ["0", "1"]
    assert got(second) == [str(number) for number in range(2, 10)]


def test_a_member_whose_reader_goes_away_gives_back_what_it_has_not_shown(broker: str) -> None:
    produce(broker, *("x" * 70 for _ in range(5000)))  # more than a pipe holds, so that it notices
    command = f"{BIN / 'mini-kafka-consumer'} --broker {broker} --topic t --group g | head -n 1"
    with Program("bash", "-c", command) as program:
        program.end()

    [partition] = group(broker)["partitions"]
    assert partition["acquired"] == 0
    assert partition["lag"] > 0


def test_a_record_that_no_member_can_handle_ends_in_the_dead_letter_topic(broker: str, tmp_path: Path) -> None:
    produce(broker, "a", "bad", "c")
    flags = ("--retry-backoff-ms", "10", "--exit-on-idle", "2", "--output", tmp_path / "out.ndjson")
    with member(broker, "m", *flags, work=FAIL_AT_BAD) as program:
        assert program.end() == 0
        assert got(program) == ["a", "c"]
        assert len([line for line in program.err if "t@1: the handler failed at delivery" in line]) == 5
        assert not [line for line in program.err if "Traceback" in line]

    assert [json.loads(line)["value"] for line in (tmp_path / "out.ndjson").read_text().splitlines()] == ["a", "c"]
    [dead] = requests.get(f"{broker}/v1/topics/t.dlq/records", timeout=5).json()["records"]
    assert dead["value"] == "bad"
    assert dead["headers"]["__dlq.errors.delivery.count"] == "5"
    assert group(broker)["partitions"][0]["lag"] == 0


def test_a_group_goes_on_after_its_broker_was_killed() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as first_broker:
        url = "http://" + first_broker.line(r"^listening http=(\S+)")[1]
        produce(url, "before")
        with member(url, "m") as program:
            program.line("before$")
            first_broker.signal_group(signal.SIGKILL)
            program.line("does not answer")
            with Program(BIN / "mini-kafka", *FREE_PORTS, "--http-port", url.rpartition(":")[2]) as second_broker:
                second_broker.line("^listening")
                produce(url, "after")

                program.line("after$")
                program.signal_group(signal.SIGTERM)
                assert program.end() == 0


def test_at_most_once_a_killed_member_loses_the_record_in_its_hand_and_no_other(broker: str) -> None:
    produce(broker, *map(str, range(10)))
    flags = ("--at-most-once", "--lock-ms", "1000")
    with member(broker, "victim", *flags, work=STUCK_AT_THE_THIRD) as victim:
        victim.line("^stuck$")
        victim.signal_group(signal.SIGKILL)
        victim.end()
    with member(broker, "second", *flags, "--exit-on-idle", "3") as second:
        assert second.end() == 0

    assert got(victim) == ["0", "1"]
    assert got(second) == [str(number) for number in range(3, 10)]
