"""Clients in C, JavaScript and Go, each as a command: they produce, consume in groups, create topics and list them.

Everything is compared with what the HTTP API says.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.compat.differential.brokers import running_mini_kafka
from tests.compat.missing import lacking
from tests.integration.deadlines import wait_until

HERE = Path(__file__).parent
CODECS = {
    "kcat": ("none", "gzip", "snappy", "lz4", "zstd"),
    "kafkajs": ("none", "gzip"),
    "sarama": ("none", "gzip", "snappy", "lz4", "zstd"),
}
VALUES = [f"value {number} with καλημέρα" for number in range(20)]


@dataclass(frozen=True)
class Client:
    """Runs one client's command; kcat has options of its own for what the two others call create, list and so on."""

    command: tuple[str, ...]
    address: str

    def list_topics(self) -> list[str]:
        """List the topics that the client finds."""
        if self._is_kcat:
            return [topic["topic"] for topic in json.loads(self._run("-L", "-J"))["topics"]]
        return self._run("list").split()

    def create_topic(self, topic: str, partitions: int) -> None:
        """Create a topic."""
        self._run("create", topic, str(partitions))

    def produce(self, topic: str, codec: str, values: list[str]) -> None:
        """Produce a record for each value."""
        options = ("-P", "-t", topic, "-z", codec) if self._is_kcat else ("produce", topic, codec)
        self._run(*options, stdin="\n".join(values) + "\n")

    def consume(self, group: str, topic: str, count: int) -> list[str]:
        """Read so many records as the only member of a group, and leave it."""
        options: tuple[str, ...] = ("consume", group, topic, str(count))
        if self._is_kcat:
            options = ("-q", "-X", "auto.offset.reset=earliest", "-c", str(count), "-G", group, topic)
        return self._run(*options).splitlines()

    @property
    def _is_kcat(self) -> bool:
        return self.command == ("kcat", "-b")

    def _run(self, *options: str, stdin: str = "") -> str:
        command = [*self.command, self.address, *options]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker: its HTTP address, and its address for Kafka clients."""
    with running_mini_kafka() as addresses:
        yield addresses


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...] | str]:
    """Install the clients: the command of each up to the broker's address, or a sentence why there is none."""
    folder = tmp_path_factory.mktemp("clients")
    return {
        "kcat": ("kcat", "-b") if shutil.which("kcat") else "the command kcat is not installed",
        "kafkajs": _install_javascript(folder / "javascript"),
        "sarama": _build_go(folder / "client"),
    }


def _install_javascript(folder: Path) -> tuple[str, ...] | str:
    shutil.copytree(HERE / "javascript", folder)
    quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
    return _failure("npm", "install", *quiet, folder=folder) or ("node", str(folder / "client.js"))


def _build_go(binary: Path) -> tuple[str, ...] | str:
    return _failure("go", "build", "-buildvcs=false", "-o", str(binary), ".", folder=HERE / "go") or (str(binary),)


def _failure(*command: str, folder: Path) -> str:
    """Run a command; say in a sentence why it failed, or give an empty string."""
    if shutil.which(command[0]) is None:
        return f"the command {command[0]} is not installed"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return f"{' '.join(command)} failed: {done.stderr.strip()}" if done.returncode else ""


@pytest.fixture
def client(name: str, commands: dict[str, tuple[str, ...] | str], addresses: tuple[str, str]) -> Client:
    """Give the client of this name, or skip the test with the reason."""
    command = commands[name]
    if isinstance(command, str):
        lacking(command)
    return Client(command, addresses[1])


@pytest.fixture
def v1(addresses: tuple[str, str]) -> str:
    """Give the HTTP API's URL."""
    return f"http://{addresses[0]}/v1"


@pytest.fixture
def topic() -> str:
    """Name a topic that no other test has."""
    return f"topic-{uuid4().hex[:8]}"


def ask(url: str) -> Any:
    answer = requests.get(url, timeout=20)
    answer.raise_for_status()
    return answer.json()


@pytest.mark.parametrize(("name", "codec"), [(name, codec) for name, codecs in CODECS.items() for codec in codecs])
def test_what_a_client_produces_is_read_over_http_and_in_a_group(
    name: str, codec: str, client: Client, v1: str, topic: str
) -> None:
    client.produce(topic, codec, VALUES)
    records = ask(f"{v1}/topics/{topic}/records?from=earliest")["records"]
    assert [record["value"] for record in records] == VALUES
    assert client.consume(f"of-{topic}", topic, len(VALUES)) == VALUES


@pytest.mark.parametrize("name", CODECS)
def test_a_client_in_a_group_goes_on_where_it_was_and_http_shows_its_commit(
    name: str, client: Client, v1: str, topic: str
) -> None:
    group = f"of-{topic}"

    def produce(values: list[str]) -> None:
        body = [{"value": value} for value in values]
        requests.post(f"{v1}/topics/{topic}/records", json=body, timeout=20).raise_for_status()

    def committed() -> int:
        return int(ask(f"{v1}/groups/{group}")["partitions"][0]["committed_offset"])

    produce(["a", "b"])
    assert client.consume(group, topic, 2) == ["a", "b"]
    wait_until(lambda: committed() == 2, "the first commit is there")
    produce(["c"])
    assert client.consume(group, topic, 1) == ["c"]
    wait_until(lambda: committed() == 3, "the second commit is there")
    wait_until(lambda: ask(f"{v1}/groups/{group}")["state"] == "Empty", "the group is empty")


@pytest.mark.parametrize("name", CODECS)
def test_a_client_lists_the_topics_that_were_created_over_http(name: str, client: Client, v1: str, topic: str) -> None:
    requests.put(f"{v1}/topics/{topic}", timeout=20).raise_for_status()
    assert topic in client.list_topics()


@pytest.mark.parametrize("name", ["kafkajs", "sarama"])
def test_a_topic_that_a_client_creates_is_there_over_http(name: str, client: Client, v1: str, topic: str) -> None:
    client.create_topic(topic, 3)
    assert len(ask(f"{v1}/topics/{topic}")["partitions"]) == 3
