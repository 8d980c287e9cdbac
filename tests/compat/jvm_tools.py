"""Apache Kafka's command-line tools, out of its image, and a Mini Kafka out of ours: two containers in one network.

The tools' container stays, and each call runs one tool in it. A tool's start is what takes the time: a shared
archive of its classes, which the first one writes, halves it.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.compat.clients import APACHE_KAFKA_IMAGE
from tests.compat.missing import lacking
from tests.integration.deadlines import wait_until
from tests.integration.engine import docker, inspect
from tests.integration.images import build_image
from tests.integration.programs import Program

BOOTSTRAP = ("--bootstrap-server", "broker:9092")
_BOOTSTRAP_FIRST = {"kafka-features", "kafka-transactions"}
"""Tools that want the address before their subcommand; kafka-cluster wants it after it."""

_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+AutoCreateSharedArchive -XX:SharedArchiveFile=/tmp/tools.jsa -Xlog:disable"
"""No collector: the image's scripts choose one, and two are refused. What the JVM has to say would go to stdout."""


@dataclass(frozen=True)
class JvmTools:
    """Runs the tools in their container; `http` is the HTTP API as seen from here, `broker_ip` as from the tools."""

    container: str
    http: str
    broker_ip: str

    def _command(self, tool: str, arguments: tuple[str, ...]) -> list[str]:
        told = (*BOOTSTRAP, *arguments) if tool in _BOOTSTRAP_FIRST else (*arguments, *BOOTSTRAP)
        return ["docker", "exec", "-i", self.container, f"/opt/kafka/bin/{tool}.sh", *told]

    def run(self, tool: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a tool against the broker."""
        return subprocess.run(self._command(tool, arguments), input=stdin, capture_output=True, text=True, timeout=120)

    def __call__(self, tool: str, *arguments: str, stdin: str = "") -> str:
        """Run a tool and give what it printed on standard output.

        Raises:
            AssertionError: it did not end with 0.
        """
        done = self.run(tool, *arguments, stdin=stdin)
        assert done.returncode == 0, f"{tool} {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def refusal(self, tool: str, *arguments: str) -> str:
        """Run a tool and give what it printed on both streams; some end with 0 after an error, too."""
        done = self.run(tool, *arguments)
        return done.stdout + done.stderr

    def start(self, tool: str, *arguments: str) -> Program:
        """Start a tool that goes on until it has what it waits for."""
        return Program(*self._command(tool, arguments))

    def write(self, path: str, text: str) -> None:
        """Write a file into the tools' container."""
        command = ["docker", "exec", "-i", self.container, "sh", "-c", f"cat > {path}"]
        subprocess.run(command, input=text, text=True, check=True, timeout=60)

    def ask(self, path: str) -> Any:
        """Ask the broker's HTTP API."""
        answer = requests.get(self.http + path, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def produce(self, topic: str, *records: dict[str, Any]) -> None:
        """Produce over HTTP."""
        requests.post(f"{self.http}/v1/topics/{topic}/records", json=records, timeout=20).raise_for_status()

    def values(self, topic: str) -> list[str]:
        """Read a topic's values over HTTP."""
        found = self.ask(f"/v1/topics/{topic}/records?from=earliest&max_records=10000")["records"]
        return [record["value"] for record in found]


def rows(printed: str) -> list[dict[str, str]]:
    """Read a table as the tools print it: a line of names, then one line a row; other lines before it do not count."""
    lines = [line.split() for line in printed.splitlines()]
    names = next(line for line in lines if len(line) > 1 and all(word == word.upper() for word in line))
    return [dict(zip(names, line, strict=False)) for line in lines[lines.index(names) + 1 :] if line]


@contextmanager
def running_jvm_tools() -> Iterator[JvmTools]:
    """Start the two containers, and take them down."""
    if (done := _have_tools()).returncode != 0:
        lacking(f"the image {APACHE_KAFKA_IMAGE} cannot be had: {done.stderr.strip()}")
    broker_tag = build_image("broker")
    with Network() as network:
        broker = DockerContainer(broker_tag).with_network(network).with_network_aliases("broker")
        ports: dict[str, Any] = broker.ports  # whose type has no place for an address
        ports["8000/tcp"] = ("127.0.0.1", None)
        tools = DockerContainer(APACHE_KAFKA_IMAGE).with_network(network).with_command("tail -f /dev/null")
        with broker, tools.with_env("JAVA_TOOL_OPTIONS", _QUICK_START):
            broker_id = broker.get_container_id()
            http = f"http://{docker('port', broker_id, '8000').strip()}"
            wait_until(lambda: requests.get(f"{http}/readyz", timeout=5).ok, "the broker is ready")
            (address,) = inspect(broker_id)["NetworkSettings"]["Networks"].values()
            yield JvmTools(tools.get_container_id(), http, address["IPAddress"])


def _have_tools() -> subprocess.CompletedProcess[str]:
    """Find the tools' image here, or pull it."""
    for command in ("image inspect", "pull"):
        done = subprocess.run(
            ["docker", *command.split(), APACHE_KAFKA_IMAGE], capture_output=True, text=True, timeout=300
        )
        if done.returncode == 0:
            break
    return done
