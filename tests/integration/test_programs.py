"""The three commands as processes, without Docker: how they start, work together and end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.integration.programs import BIN, FREE_PORTS, Program

IMPATIENCE = {"PRODUCER_BROKER_WAIT": "0.5", "CONSUMER_BROKER_WAIT": "0.5"}


def test_the_broker_s_first_line_says_where_it_listens() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as broker:
        broker.line("^listening")

        assert re.fullmatch(r"listening http=127\.0\.0\.1:[1-9]\d* kafka=127\.0\.0\.1:[1-9]\d*", broker.out[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_broker_ends_with_0_on_a_signal(number: signal.Signals) -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as broker:
        broker.line("^listening")

        broker.signal_group(number)

        assert broker.end() == 0
        assert not [line for line in broker.err if "Traceback" in line]


def test_a_broker_that_drains_answers_until_its_time_is_over_or_a_second_signal_comes() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--drain-time", "3600") as broker:
        url = "http://" + broker.line(r"^listening http=(\S+)")[1]
        broker.line("ready: ")

        broker.signal_group(signal.SIGTERM)
        broker.line(r"stopping in 3600 s: /readyz sends new requests elsewhere")

        assert requests.get(f"{url}/readyz", timeout=10).status_code == 503
        assert requests.post(f"{url}/v1/topics/t/records", data=b"x", timeout=10).ok
        broker.signal_group(signal.SIGTERM)
        assert broker.end() == 0

    with Program(BIN / "mini-kafka", *FREE_PORTS, "--drain-time", "0.1") as broker:
        broker.line("ready: ")
        broker.signal_group(signal.SIGTERM)
        assert broker.end() == 0


def test_lines_of_standard_input_reach_the_consumer_s_output_in_order(broker: str, tmp_path: Path) -> None:
    output = tmp_path / "messages.ndjson"
    numbers = subprocess.Popen(["seq", "1", "1000"], stdout=subprocess.PIPE)
    with (
        numbers,
        Program(
            BIN / "mini-kafka-producer", "--broker", broker, "--topic", "t", "--input", "-", stdin=numbers.stdout
        ) as producer,
    ):
        assert producer.end() == 0
    assert producer.out[-1].startswith("sent 1000 messages to t in ")

    limits = ("--max-messages", "1000", "--exit-on-idle", "10")
    with Program(
        BIN / "mini-kafka-consumer", "--broker", broker, "--topic", "t", "--output", output, *limits
    ) as consumer:
        assert consumer.end() == 0
    messages = [json.loads(line) for line in output.read_text().splitlines()]
    assert [message["value"] for message in messages] == [str(number) for number in range(1, 1001)]
    assert [message["offset"] for message in messages] == list(range(1000))


@pytest.mark.parametrize("group", [(), ("--group", "g")])
def test_a_consumer_that_writes_json_to_standard_output_writes_nothing_else_there(
    broker: str, group: tuple[str, ...]
) -> None:
    flags = ("--broker", broker, "--topic", "t")
    with Program(BIN / "mini-kafka-producer", *flags, "--count", "2", "--rate", "0") as producer:
        assert producer.end() == 0
    with Program(BIN / "mini-kafka-consumer", *flags, *group, "--output", "-", "--max-messages", "2") as consumer:
        assert consumer.end() == 0

    assert [json.loads(line)["value"] for line in consumer.out] == ["hello 1", "hello 2"]
    assert len([line for line in consumer.err if " got  t@" in line]) == 2


@pytest.mark.parametrize("name", ["mini-kafka-producer", "mini-kafka-consumer"])
def test_a_service_whose_broker_stays_away_ends_with_1_and_a_sentence(name: str) -> None:
    with Program(BIN / name, "--broker", "http://127.0.0.1:9", env={**os.environ, **IMPATIENCE}) as service:
        assert service.end() == 1
        assert any("gave up after 0.5 s" in line for line in service.err)
        assert not [line for line in service.err if "Traceback" in line]


@pytest.mark.parametrize("name", ["mini-kafka-producer", "mini-kafka-consumer"])
def test_a_service_that_waits_for_its_broker_ends_with_0_on_sigterm(name: str) -> None:
    with Program(BIN / name, "--broker", "http://127.0.0.1:9") as service:
        service.line("; try 3,")
        started = time.monotonic()

        service.signal_group(signal.SIGTERM)

        assert service.end() == 0
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("name", ["mini-kafka", "mini-kafka-producer", "mini-kafka-consumer"])
def test_a_reader_of_the_configuration_may_leave_early(name: str) -> None:
    command = f"set -o pipefail; {BIN / name} --print-config | true"
    with Program("bash", "-c", command) as program:
        program.end()
        assert program.err == []


def test_a_broker_whose_first_line_nobody_reads_ends_without_a_traceback() -> None:
    with Program("bash", "-c", f"set -o pipefail; {BIN / 'mini-kafka'} {' '.join(FREE_PORTS)} | true") as program:
        assert program.end() == 1
        assert not [line for line in program.err if "Traceback" in line]


def test_a_broker_that_cannot_listen_ends_with_1_and_a_sentence(broker: str) -> None:
    port = broker.rpartition(":")[2]
    with Program(BIN / "mini-kafka", "--http-port", port, "--kafka-port", "0") as program:
        assert program.end() == 1
        assert len(program.err) == 1
        assert "choose another address with --host and --http-port" in program.err[0]


def test_a_kafka_port_that_is_taken_is_a_sentence_that_says_how_to_go_without(broker: str) -> None:
    port = broker.rpartition(":")[2]
    with Program(BIN / "mini-kafka", "--http-port", "0", "--kafka-port", port) as program:
        assert program.end() == 1
        assert program.err == [
            f"mini-kafka: cannot listen on 127.0.0.1:{port}: Address already in use:"
            " choose another address with --host and --kafka-port (off leaves it closed)"
        ]


@pytest.mark.parametrize("off", ["off", ""])
def test_a_broker_without_a_kafka_port_says_so_by_naming_none(off: str) -> None:
    with Program(BIN / "mini-kafka", "--http-port", "0", "--kafka-port", off) as broker:
        broker.line("^listening")
        assert "kafka=" not in broker.out[0]


def test_a_producer_whose_standard_input_is_closed_says_so(broker: str) -> None:
    with Program("bash", "-c", f"exec {BIN / 'mini-kafka-producer'} --broker {broker} --input - <&-") as program:
        assert program.end() == 2
        assert program.err == ["mini-kafka-producer: --input (PRODUCER_INPUT): '-' cannot be read: bad file descriptor"]


def test_a_consumer_whose_standard_output_is_closed_says_so(broker: str) -> None:
    with Program("bash", "-c", f"exec {BIN / 'mini-kafka-consumer'} --broker {broker} --output - >&-") as program:
        assert program.end() == 2
        assert program.err == [
            "mini-kafka-consumer: --output (CONSUMER_OUTPUT): '-' cannot be written: bad file descriptor"
        ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, which only Linux has")
@pytest.mark.parametrize(
    "command",
    [
        "mini-kafka --http-port 0 --kafka-port 0",
        "mini-kafka-producer --count 1",
        "mini-kafka-consumer --max-messages 1",
    ],
)
def test_a_command_whose_output_is_full_ends_with_1_and_a_sentence(broker: str, command: str) -> None:
    requests.post(f"{broker}/topics/register", json={"topic": "demo"}, timeout=5).raise_for_status()
    requests.post(f"{broker}/produce", json={"topic": "demo", "value": "v"}, timeout=5).raise_for_status()
    env = {**os.environ, "BROKER_URL": broker}
    with Program("bash", "-c", f"exec {BIN}/{command} >/dev/full", env=env) as program:
        assert program.end() == 1
        assert "the output cannot be written: no space left on device" in program.err
        assert not [line for line in program.err if "Traceback" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("module", "arguments", "exit_code"),
    [
        ("mini_kafka", (), 0),
        ("mini_kafka_producer", (), 0),
        ("mini_kafka_consumer", (), 0),
        ("mini_kafka", ("copy",), 4),
    ],
)
def test_a_signal_while_a_command_still_imports_ends_it_at_once(
    module: str, arguments: tuple[str, ...], exit_code: int, number: signal.Signals
) -> None:
    """The first heavy import stands for all of them: it reports that it was reached, and stays there."""
    code = (
        "import runpy, sys, time\n"
        "class Stuck:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] in {'pydantic', 'asyncio', 'requests', 'uvicorn'}:\n"
        "            print('importing', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Stuck())\n"
        f"runpy.run_module({module!r}, run_name='__main__')\n"
    )
    with Program(sys.executable, "-c", code, *arguments) as program:
        program.line("^importing$")

        program.signal_group(number)

        assert program.end(seconds=5) == exit_code
        assert program.err == []


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "no.such.host.invalid"])
def test_a_host_that_is_none_is_a_sentence(host: str) -> None:
    with Program(BIN / "mini-kafka", "--host", host, *FREE_PORTS) as program:
        assert program.end() == 1
        assert len(program.err) == 1
        assert program.err[0].startswith(f"mini-kafka: cannot listen on {host}:0: ")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_a_broker_on_all_addresses_answers_where_it_says() -> None:
    with Program(BIN / "mini-kafka", "--host", "::", *FREE_PORTS) as program:
        address = program.line(r"ready: (http://127\.0\.0\.1:\d+)/docs")[1]
        assert requests.get(f"{address}/health", timeout=5).ok
