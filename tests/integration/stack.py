"""The compose stack as a person runs it: the project's file in a folder with its own .env.

Each stack has its own project name and free ports of its own, so that it meets no other one. It knows compose
and the engine, and nothing about what the services do.
"""

import re
import shutil
import socket
import subprocess
import uuid
import zlib
from pathlib import Path

from testcontainers.compose import DockerCompose

from tests.integration.engine import docker, log_lines

ROOT = Path(__file__).parents[2]
IMAGE_TAG = f"test-{zlib.crc32(str(ROOT).encode()):08x}"
"""The same in every run of this checkout, and another one in another's: two runs may go on at once."""


def free_port() -> int:
    """Find a port for Kafka clients: they are told it, so it cannot be Docker's to choose as HTTP's is."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Stack(DockerCompose):
    """One project of docker compose; `up` starts it, and the fixture that made it takes it down."""

    front = "broker"
    """The service that is published."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Prepare a folder with the compose file and an .env that holds `settings`."""
        super().__init__(context=folder)
        self.project = f"mini-kafka-test-{uuid.uuid4().hex[:8]}"
        shutil.copy(ROOT / "docker-compose.yml", folder)
        ports = {"PUBLISHED_HTTP": "127.0.0.1:0", "PUBLISHED_KAFKA": f"127.0.0.1:{free_port()}"}
        values = {"COMPOSE_PROJECT_NAME": self.project, "IMAGE_TAG": IMAGE_TAG, **ports}
        lines = [f"{name}={value}\n" for name, value in {**values, **settings}.items()]
        (folder / ".env").write_text("".join(lines))

    def compose(self, *arguments: str) -> str:
        """Run `docker compose ARGUMENTS` and return its standard output.

        Raises:
            AssertionError: with everything that it said, where it did not end with 0.
        """
        command = [*self.docker_compose_command(), "--ansi", "never", *arguments]
        done = subprocess.run(command, cwd=self.context, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Start services from the images that are there, and wait until they run and are healthy."""
        self.compose("up", "--no-build", "--wait", *arguments)

    @property
    def url(self) -> str:
        """Where the HTTP API is published now: a container that was started again has another port."""
        return f"http://{self.compose('port', self.front, '8000').strip()}"

    def containers(self, service: str) -> list[str]:
        """Find the names of a service's containers, running or not, in their order."""
        labels = (f"project={self.project}", f"service={service}")
        filters = [f"--filter=label=com.docker.compose.{label}" for label in labels]
        return sorted(docker("ps", "--all", "--format", "{{.Names}}", *filters).split())

    def container(self, service: str) -> str:
        """Find the name of a service's only container."""
        (found,) = self.containers(service)
        return found

    def lines(self, service: str) -> list[str]:
        """Read everything that a service's containers have printed."""
        return [line for container in self.containers(service) for line in log_lines(container)]

    def report(self) -> str:
        """Describe the stack for the report of a test that failed."""
        return self.compose("ps", "--all") + self.compose("logs", "--no-color", "--tail", "200")

    def down(self) -> None:
        """Remove everything that belongs to the project."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")


class Cluster(Stack):
    """The stack that `make cluster` starts in the repository, with whatever settings the environment has."""

    front = "proxy"

    def __init__(self, project: str) -> None:
        """Speak to the project of this name."""
        DockerCompose.__init__(self, context=ROOT, compose_file_name="docker-compose.kafka.yml")
        self.project = project


def sent(producer: str) -> list[tuple[int, str]]:
    """Read the records that a producer says it has sent: offset and value."""
    return _records(producer, r"sent  \S+@(\d+)  (.*)")


def got(consumer: str) -> list[tuple[int, str]]:
    """Read the records that a consumer says it got: offset and value."""
    return _records(consumer, r"\S+ got  \S+@(\d+)  (.*)")


def has_got(consumer: str, records: int) -> bool:
    """Tell whether a consumer says that it got so many records."""
    return len(got(consumer)) >= records


def _records(container: str, pattern: str) -> list[tuple[int, str]]:
    matches = (re.fullmatch(pattern, line) for line in log_lines(container))
    return [(int(match[1]), match[2]) for match in matches if match]
