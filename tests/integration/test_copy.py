"""`mini-kafka copy` between two brokers in processes: everything arrives, once, however often the copy is cut short."""

import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.copies import (
    RECORDS,
    TOPIC,
    Copy,
    commit,
    committed,
    contents,
    copy_killed_often,
    held,
    member,
    produce,
    topic,
)
from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, FREE_PORTS, Program
from tests.integration.terminal import run_on_a_terminal, screen


@pytest.fixture
def source(broker: str) -> str:
    return broker


@pytest.fixture
def target() -> Iterator[str]:
    """Run the broker that is copied to; it takes fewer records at a time, so that a copy is many requests."""
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--max-records-per-request", "500") as program:
        yield "http://" + program.line(r"^listening http=(\S+)")[1]


@pytest.fixture
def copy(source: str, target: str, tmp_path: Path) -> Copy:
    return Copy(source, target, tmp_path)


def test_every_kind_of_record_arrives_with_configs_and_groups(source: str, target: str, copy: Copy) -> None:
    wish = {"partitions": 3, "configs": {"retention.ms": -1, "max.message.bytes": 5000, "segment.bytes": 2_000_000}}
    requests.put(f"{source}/v1/topics/{TOPIC}", json=wish).raise_for_status()
    produce(source, RECORDS)
    commit(source, "a/b", 2, 3)

    done = copy.run()

    assert done.returncode == 0
    assert [line.partition("INFO  ")[2] for line in done.stderr.splitlines()] == [
        "copying orders: 8 records",
        "verifying orders: 8 records",
    ]
    assert topic(target)["configs"] == topic(source)["configs"]
    for partition in range(3):
        assert contents(target, partition) == contents(source, partition)
    assert committed(target, "a/b") == {2: 3}
    copied, *alike, group = done.stdout.splitlines()
    assert re.fullmatch(r"copied 8 records of orders in \d+\.\d s", copied)
    assert [re.sub(r"checksum [0-9a-f]{16}", "checksum", line) for line in alike] == [
        f"alike  orders-{partition}  {count} records, checksum" for partition, count in enumerate((3, 0, 5))
    ]
    assert group == "group  a/b  orders-2 at 3"


def test_offsets_are_translated_where_the_source_has_lost_its_head(source: str, target: str, copy: Copy) -> None:
    requests.put(f"{source}/v1/topics/{TOPIC}").raise_for_status()
    for number in range(20):
        produce(source, [{"value": f"{number}"}])
    requests.patch(f"{source}/v1/topics/{TOPIC}", json={"configs": {"retention.bytes": 500}}).raise_for_status()
    produce(source, [{"value": "20"}])
    [partition] = topic(source)["partitions"]
    lost = partition["log_start_offset"]
    assert 0 < lost < 20
    requests.patch(f"{source}/v1/topics/{TOPIC}", json={"configs": {"retention.bytes": -1}}).raise_for_status()
    commit(source, "g", 0, 19)

    assert copy.run().returncode == 0
    assert topic(target)["partitions"] == [{"partition": 0, "log_start_offset": 0, "high_watermark": 21 - lost}]
    assert committed(target, "g") == {0: 19 - lost}
    assert contents(target, 0)[19 - lost]["value_base64"] == "MTk="


@pytest.mark.parametrize("seed", range(2))
def test_a_copy_that_is_killed_again_and_again_loses_nothing_and_has_nothing_twice(
    source: str, target: str, copy: Copy, seed: int
) -> None:
    copy_killed_often(copy, kills=4, chance=random.Random(seed))

    for partition in range(2):
        assert contents(target, partition) == contents(source, partition)
    assert copy.run("--verify-only").returncode == 0


def test_a_signal_ends_the_copy_and_the_same_command_goes_on(source: str, target: str, copy: Copy) -> None:
    for _ in range(6):
        produce(source, [{"value": "x" * 50}] * 10_000)
    for number in (signal.SIGTERM, signal.SIGINT):
        with copy.start() as program:
            before = held(target)
            wait_until(lambda: held(target) > before, "more records are copied")  # noqa: B023
            program.process.send_signal(number)
            assert program.end(seconds=5) == 4
            assert program.err[-1].endswith("asked to end: run the same command again to go on")

    assert 0 < held(target) < 60_000
    assert copy.run().returncode == 0
    assert held(target) == 60_000


def test_a_target_that_somebody_else_wrote_to_is_named_with_its_offset(source: str, target: str, copy: Copy) -> None:
    produce(source, [{"value": "a"}, {"value": "b"}])
    assert copy.run().returncode == 0
    produce(target, [{"value": "mine"}])

    for flags in ((), ("--verify-only",)):
        done = copy.run(*flags)
        assert done.returncode == 3
        assert f"orders-0 at {target} has records from offset 2 on that the source has not" in done.stderr
    assert held(target) == 3


def test_a_group_with_members_at_the_target_is_named(source: str, target: str, copy: Copy) -> None:
    produce(source, [{"value": "a"}, {"value": "b"}])
    commit(source, "busy", 0, 1)
    assert copy.run("--groups", "none").returncode == 0
    with member(requests.get(f"{target}/v1").json()["kafka"], "busy"):
        done = copy.run()

    assert done.returncode == 1
    assert f"ERROR group 'busy' was not moved at {target}: " in done.stderr
    assert "stop its members there, and run this again" in done.stderr
    assert copy.run().returncode == 0
    assert committed(target, "busy") == {0: 1}


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--topic", "nope"), 1, r"ERROR there is no topic 'nope' at http"),
        (("--to", "http://127.0.0.1:1", "--broker-wait", "0"), 1, r"127.0.0.1:1 does not answer: connection refused"),
        (("--topic", "a/b"), 2, r"--topic \(COPY_TOPIC\): 'a/b' from the command line is not a name"),
        (("--state", "/dev/null"), 1, r"ERROR the state file /dev/null/orders.*give --state FOLDER"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    source: str, copy: Copy, flags: tuple[str, ...], code: int, said: str
) -> None:
    produce(source, [{"value": "a"}])
    done = copy.run(*flags)

    assert done.returncode == code
    assert re.search(said, done.stderr)
    assert "Traceback" not in done.stderr
    assert "copied" not in done.stdout or "nope" in flags


def test_a_copy_to_itself_under_another_name_is_refused(source: str, copy: Copy) -> None:
    produce(source, [{"value": "a"}])
    copy.flags[copy.flags.index("--to") + 1] = source.replace("127.0.0.1", "localhost")

    done = copy.run()

    assert done.returncode == 1
    assert "orders is the same log at" in done.stderr
    assert held(source) == 1


def test_a_terminal_shows_how_far_it_is_under_the_lines(source: str, copy: Copy) -> None:
    produce(source, [{"value": "x"}] * 2000)

    text, _ = run_on_a_terminal("mini-kafka", "copy", *copy.flags, "--topic", TOPIC, with_stdout=True)

    assert re.search(r"\d % \[[#.]+\] \d+ records, \d+/s", text)
    lines = [re.sub(r"^\S+ INFO +", "", line) for line in screen(text) if line]
    assert [line.split()[0] for line in lines] == ["copying", "copied", "verifying", "alike"]


def test_the_broker_carries_nothing_of_the_copy() -> None:
    script = (
        "import sys, mini_kafka.command\n"
        "print(*(name for name in ('requests', 'tenacity', 'mini_kafka.copying') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
