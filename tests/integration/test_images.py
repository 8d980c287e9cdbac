"""Each image alone, as testcontainers runs it: what is in it, what it may do, and how it starts and stops."""

import http.client
import json
import re
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.conftest import RunImage
from tests.integration.deadlines import wait_until
from tests.integration.engine import docker, inspect, log_lines, stop
from tests.integration.images import SERVICES

pytestmark = pytest.mark.docker

PACKAGES = {"broker": "mini_kafka", "producer": "mini_kafka_producer", "consumer": "mini_kafka_consumer"}
AIMS_MB = {"broker": 60, "producer": 25, "consumer": 25}
LIST_CONTENT = """
import json, pathlib, shutil, sysconfig
site = pathlib.Path(sysconfig.get_paths()["purelib"])
print(json.dumps({
    "tools": [name for name in ("curl", "wget", "gcc", "cc", "clang", "make", "git") if shutil.which(name)],
    "pip": [path.name for path in (*site.glob("pip*"), *(site.parents[2] / "bin").glob("pip*"))],
    "ours": sorted(path.name for path in site.glob("mini_kafka*")),
    "tests": sorted(str(path) for path in site.rglob("*") if path.is_dir() and path.name in ("tests", "test")),
    "debug": sorted(path.name for path in site.rglob("*.so") if b"\\0.debug_info\\0" in path.read_bytes()),
}))
"""
COUNT_CONNECTIONS = """
lines = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}").readlines()[1:]]
rows = [row for row in lines if row[1].endswith(":1F40") and row[3] == "01"]
print(len(rows), sum(not row[4].endswith(":00000000") for row in rows))
"""


def run_python(image: str, code: str) -> str:
    return docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", code)


# DescribeCluster 0, as bytes, which kio reads; and Metadata 1 about no topics: the answer's first broker is where the
# client is told to go on.
ASK_METADATA = """
import socket, struct
def advertised(address):
    with socket.create_connection(address, timeout=10) as connection:
        answers = connection.makefile("rb")
        for request in (struct.pack(">hhihbbb", 60, 0, 7, -1, 0, 0, 0), struct.pack(">hhihi", 3, 1, 7, -1, 0)):
            connection.sendall(struct.pack(">i", len(request)) + request)
            size = answers.read(4)
            answer = size + answers.read(*struct.unpack(">i", size))
    length, = struct.unpack_from(">h", answer, 16)
    host = answer[18 : 18 + length].decode()
    return host, struct.unpack_from(">i", answer, 18 + length)[0]
"""


def advertised(address: tuple[str, int]) -> tuple[str, int]:
    """Ask a broker where its clients are told to go."""
    scope: dict[str, Callable[[tuple[str, int]], tuple[str, int]]] = {}
    exec(ASK_METADATA, scope)
    return scope["advertised"](address)


def assert_nothing_was_compiled(container: str) -> None:
    """Check what `python -v` said: it puts the file in quotes where that is bytecode."""
    lines = [line for line in log_lines(container) if line.startswith("# code object from ")]
    assert lines
    assert [line for line in lines if not line.endswith(".pyc'")] == []


def connections(container: str) -> tuple[int, int]:
    """Count a broker's established connections, and those with bytes that it has not read yet."""
    established, unread = docker("exec", container, "python", "-c", COUNT_CONNECTIONS).split()
    return int(established), int(unread)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_own_service_and_nothing_for_its_making_or_mending(
    images: dict[str, str], service: str
) -> None:
    content = json.loads(run_python(images[service], LIST_CONTENT))

    assert content == {
        "tools": [],
        "pip": [],
        "ours": sorted([PACKAGES[service], "mini_kafka_shared"]),
        "tests": [],
        "debug": [],
    }


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_names_a_numeric_user_the_stop_signal_and_its_licence(images: dict[str, str], service: str) -> None:
    config = inspect(images[service])["Config"]

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"])
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["python", "-m", PACKAGES[service]]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert labels["licenses"] == "Apache-2.0"
    assert labels["title"] == images[service].partition(":")[0]
    assert labels["description"]
    assert labels["version"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_light(images: dict[str, str], service: str, capsys: pytest.CaptureFixture[str]) -> None:
    weight = (inspect(images[service])["Size"] - inspect("python:3.13-slim")["Size"]) / 1e6

    with capsys.disabled():
        print(f"\n{images[service]}: {weight:.1f} MB over its base, aim {AIMS_MB[service]} MB")
    assert weight < 2 * AIMS_MB[service]


def test_a_broker_starts_without_compiling_anything(run_image: RunImage) -> None:
    """The root is read-only: what the build did not compile would be compiled again at every start."""
    broker = run_image("broker", "-v", "-m", "mini_kafka", entrypoint="python")
    wait_until(lambda: inspect(broker)["State"]["Health"]["Status"] == "healthy", "the broker is healthy")

    assert_nothing_was_compiled(broker)


def test_a_gateway_whose_cluster_is_away_is_alive_and_not_ready_and_has_compiled_nothing(run_image: RunImage) -> None:
    broker = run_image(
        "broker", "-v", "-m", "mini_kafka", entrypoint="python",
        MINI_KAFKA_ENGINE="kafka", MINI_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
    )  # fmt: skip
    url = run_image.url(broker)

    wait_until(lambda: requests.get(f"{url}/livez", timeout=5).status_code == 200, "it is alive")
    ready = requests.get(f"{url}/readyz", timeout=20)
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
    assert "Kafka cluster" in ready.json()["detail"]
    assert_nothing_was_compiled(broker)


def test_a_kafka_client_through_the_published_port_is_told_the_published_address(run_image: RunImage) -> None:
    broker = run_image(
        "broker", "-v", "-m", "mini_kafka", entrypoint="python", MINI_KAFKA_PUBLISHED_KAFKA="published.test:29092"
    )
    wait_until(lambda: inspect(broker)["State"]["Health"]["Status"] == "healthy", "the broker is healthy")
    inside = inspect(broker)["NetworkSettings"]["IPAddress"]

    host, port = docker("port", broker, "9092").strip().rsplit(":", 1)
    assert advertised((host, int(port))) == ("published.test", 29092)
    code = "import sys; exec(sys.argv[1]); print(*advertised((sys.argv[2], 9092)))"
    told_inside = docker("exec", broker, "python", "-c", code, ASK_METADATA, inside).split()
    assert told_inside == [inside, "9092"]
    assert_nothing_was_compiled(broker)  # kio neither


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_a_service_starts_without_compiling_anything(run_image: RunImage, service: str) -> None:
    container = run_image(service, "-v", "-m", PACKAGES[service], "--version", entrypoint="python")
    wait_until(lambda: inspect(container)["State"]["Status"] == "exited", "--version is printed")

    assert_nothing_was_compiled(container)


def test_the_broker_turns_healthy_and_answers_on_a_read_only_root(run_image: RunImage) -> None:
    broker = run_image("broker")
    wait_until(lambda: inspect(broker)["State"]["Health"]["Status"] == "healthy", "the broker is healthy")

    url = run_image.url(broker)
    assert requests.get(f"{url}/health", timeout=5).json() == {"status": "ok"}
    requests.post(f"{url}/consumers/register", json={"topic": "t", "consumer_id": "c"}, timeout=5)
    requests.post(f"{url}/produce", json={"topic": "t", "value": "hello"}, timeout=5)
    message = requests.post(f"{url}/consume", json={"consumer_id": "c"}, timeout=5).json()
    assert (message["topic"], message["offset"], message["value"]) == ("t", 0, "hello")
    assert inspect(broker)["HostConfig"]["ReadonlyRootfs"]


def test_the_health_check_asks_at_the_port_that_the_broker_is_given(run_image: RunImage) -> None:
    broker = run_image("broker", MINI_KAFKA_HTTP_PORT="9000")

    wait_until(lambda: inspect(broker)["State"]["Health"]["Status"] == "healthy", "the broker is healthy")


def test_the_broker_answers_50_long_polls_and_ends_with_0_on_sigterm(run_image: RunImage) -> None:
    broker = run_image("broker")
    url = run_image.url(broker)
    wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok, "the broker is ready")
    polls: list[http.client.HTTPConnection] = []
    for number in range(50):
        consumer = {"topic": "t", "consumer_id": f"c{number}"}
        requests.post(f"{url}/consumers/register", json=consumer, timeout=5).raise_for_status()
        poll = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        body = json.dumps({"consumer_id": f"c{number}", "wait_ms": 30_000})
        poll.request("POST", "/consume", body, {"content-type": "application/json"})
        polls.append(poll)
    wait_until(lambda: connections(broker) == (50, 0), "the broker has read 50 requests")

    ended = stop(broker)

    statuses = []
    for poll in polls:
        answer = poll.getresponse()
        statuses.append((answer.status, answer.read()))
        poll.close()
    assert statuses == [(204, b"")] * 50
    assert ended.exit_code == 0
    assert ended.seconds < 2


@pytest.fixture
def _many_open_files() -> Iterator[None]:
    """Raise this process's own limit, which is often 1,024, for the length of a test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_open_files")
def test_2000_idle_connections_leave_the_health_check_green(run_image: RunImage) -> None:
    broker = run_image("broker")
    url = run_image.url(broker)
    wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok, "the broker is ready")
    address = (urlsplit(url).hostname, urlsplit(url).port)

    def checks() -> dict[str, int]:
        return {entry["Start"]: entry["ExitCode"] for entry in inspect(broker)["State"]["Health"]["Log"]}

    with ExitStack() as idle:
        for _ in range(2000):
            idle.enter_context(socket.create_connection(address, timeout=10))
        wait_until(lambda: connections(broker)[0] >= 2000, "2,000 connections reach the broker")
        before = checks()
        wait_until(lambda: len(checks().keys() - before.keys()) >= 2, "two health checks later")
        after = checks()

    assert [code for start, code in after.items() if start not in before and code != 0] == []
    assert inspect(broker)["State"]["Health"]["Status"] == "healthy"
