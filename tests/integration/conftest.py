"""The images, containers, stacks and brokers of the integration tests; what makes one takes it down."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.container import DockerContainer

from tests.integration.engine import docker
from tests.integration.images import SERVICES, build_image
from tests.integration.programs import BIN, FREE_PORTS, Program
from tests.integration.stack import Stack

_OURS = ("MINI_KAFKA_", "PRODUCER_", "CONSUMER_", "COPY_", "BROKER_URL", "COMPOSE_", "PUBLISHED_", "IMAGE_TAG")

MakeStack = Callable[..., Stack]

# What a test that fails shows of the containers that run just then.
_reports: list[Callable[[], str]] = []


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_machine() -> Iterator[None]:
    """Hide the settings of whoever runs the tests: they would reach processes and containers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_OURS)]:
            patch.delenv(name)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the containers say to the report of a test that failed."""
    report = yield
    if report.failed:
        report.sections += [("containers", describe()) for describe in _reports]
    return report


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Build the three images."""
    return {service: build_image(service) for service in SERVICES}


class RunImage:
    """Starts single containers for one test, as locked up as compose starts them."""

    def __init__(self, images: dict[str, str], cleanup: ExitStack) -> None:
        self._images = images
        self._cleanup = cleanup

    def __call__(self, service: str, *command: str, entrypoint: str | None = None, **settings: str) -> str:
        """Start a service's image and return the container's id; `settings` are environment variables."""
        container = DockerContainer(self._images[service]).with_envs(**settings)
        container.with_command(list(command))
        container.with_kwargs(
            entrypoint=entrypoint,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
        )
        if service == "broker":
            ports: dict[str, Any] = container.ports  # whose type has no place for an address
            ports["8000/tcp"] = ports["9092/tcp"] = ("127.0.0.1", None)
        self._cleanup.enter_context(container)
        identity = container.get_container_id()
        self._cleanup.enter_context(watch(lambda: docker("logs", "--tail", "200", identity)))
        return identity

    @staticmethod
    def url(broker: str) -> str:
        """Where a broker's container is published."""
        return f"http://{docker('port', broker, '8000').strip()}"


@pytest.fixture
def run_image(images: dict[str, str]) -> Iterator[RunImage]:
    """Give a function that starts single containers."""
    with ExitStack() as cleanup:
        yield RunImage(images, cleanup)


@pytest.fixture
def make_stack(tmp_path_factory: pytest.TempPathFactory, images: dict[str, str]) -> Iterator[MakeStack]:
    """Give a function that prepares compose stacks, which are not started yet."""
    with ExitStack() as cleanup:
        yield lambda **settings: _stack(tmp_path_factory.mktemp("stack"), cleanup, settings)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, images: dict[str, str]) -> Iterator[Stack]:
    """Start one stack with the settings that a person gets, for the tests of a file that only look at it."""
    with ExitStack() as cleanup:
        stack = _stack(tmp_path_factory.mktemp("stack"), cleanup, {})
        stack.up()
        yield stack


@pytest.fixture
def broker() -> Iterator[str]:
    """Run a broker as a process on a free port, and give its URL."""
    with _broker() as url:
        yield url


@pytest.fixture
def other_broker() -> Iterator[str]:
    """Run another one."""
    with _broker() as url:
        yield url


@contextmanager
def _broker() -> Iterator[str]:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as program:
        yield "http://" + program.line(r"^listening http=(\S+)")[1]


def _stack(folder: Path, cleanup: ExitStack, settings: dict[str, str]) -> Stack:
    stack = Stack(folder, **settings)
    cleanup.callback(stack.down)
    cleanup.enter_context(watch(stack.report))
    return stack


@contextmanager
def watch(describe: Callable[[], str]) -> Iterator[None]:
    """Let the report of a test that fails meanwhile show what `describe` says."""
    _reports.append(describe)
    try:
        yield
    finally:
        _reports.remove(describe)
