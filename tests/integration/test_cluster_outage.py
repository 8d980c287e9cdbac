"""A gateway lives without its cluster, says so in time, and works when it is back: nothing acknowledged is lost."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
import requests

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program
from tests.support.apache_kafka import running_apache_kafka

TIMEOUT_S = 3
"""MINI_KAFKA_CLUSTER_TIMEOUT, which all that a call asks of the cluster shares."""
SLACK_S = 2
"""What the machine may take besides: less than another question to the cluster would."""
LONG_S = 600
STOP_S = 8
"""How long a gateway may take to end: containers get 10 s."""
POLLS = 200
OFFSETS = {"offsets": [{"topic": "t", "partition": 0, "offset": 0}]}
CALLS: list[tuple[str, str, object]] = [
    ("GET", "/v1/topics", None),
    ("PUT", "/v1/topics/t", {}),
    ("POST", "/topics/register", {"topic": "t"}),
    ("POST", "/v1/topics/t/records", {"value": "v"}),
    ("GET", "/v1/topics/t/records?wait_ms=30000", None),
    ("GET", "/v1/groups", None),
    ("PUT", "/v1/groups/g/offsets", OFFSETS),
    ("DELETE", "/v1/groups/g", None),
    ("POST", "/v1/groups/g/acquire", {"topics": ["t"]}),
    ("POST", "/consumers/register", {"topic": "t"}),
    ("POST", "/consume", {"consumer_id": "c"}),
    ("GET", "/stats", None),
]
"""Calls that need the cluster, some of them for more than one thing."""


def gateway(address: str, timeout_s: float = TIMEOUT_S) -> Program:
    return Program(
        BIN / "mini-kafka", "--engine", "kafka", "--bootstrap-servers", address, "--cluster-timeout", str(timeout_s),
        "--http-port", "0", "--gateway-name", "till",
    )  # fmt: skip


def url_of(program: Program) -> str:
    return "http://" + program.line(r"^listening http=(\S+) engine=kafka$")[1]


def assert_refused_in_time(method: str, url: str, **options: object) -> None:
    begun = time.monotonic()
    answer = requests.request(method, url, timeout=60, **options)  # type: ignore[arg-type]
    assert time.monotonic() - begun < TIMEOUT_S + SLACK_S
    assert (answer.status_code, answer.json()["code"]) == (503, "CLUSTER_NOT_AVAILABLE")
    assert answer.headers["retry-after"] == "1"


def test_a_gateway_starts_and_lives_without_its_cluster() -> None:
    with gateway("127.0.0.1:1") as program:
        url = url_of(program)
        assert requests.get(f"{url}/livez", timeout=10).status_code == 200
        wait_until(lambda: "refused" in requests.get(f"{url}/readyz", timeout=10).text, "the reason is known")
        assert_refused_in_time("GET", f"{url}/readyz")
        assert_refused_in_time("GET", f"{url}/v1/topics")
        assert_refused_in_time("POST", f"{url}/v1/topics/t/records", data=b"x")
        shown = requests.get(f"{url}/v1", timeout=10).json()
        assert (shown["engine"], shown["gateway"], shown["kafka"]) == ("kafka", "till", None)
        begun = time.monotonic()
        numbers = requests.get(f"{url}/metrics", timeout=10)
        assert time.monotonic() - begun < TIMEOUT_S
        assert "mini_kafka_ready 0.0" in numbers.text.splitlines()


@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:1", "Connection refused"), ("nowhere.invalid:9092", "MINI_KAFKA_BOOTSTRAP_SERVERS")],
)
def test_why_a_cluster_is_not_there_is_known_soon_after_the_start(address: str, reason: str) -> None:
    with gateway(address, LONG_S) as program:
        url = url_of(program)
        assert requests.get(f"{url}/readyz", timeout=20).status_code == 503
        # Before the first question to the cluster has failed, which takes six seconds.
        wait_until(lambda: reason in requests.get(f"{url}/readyz", timeout=10).text, "the reason is known", seconds=4)


def test_every_call_is_refused_in_its_time_however_much_it_needs_of_the_cluster() -> None:
    with gateway("127.0.0.1:1") as program, ThreadPoolExecutor(len(CALLS)) as threads:
        url = url_of(program)
        assert requests.get(f"{url}/v1", timeout=20).ok  # the application is loaded
        refused = [
            threads.submit(assert_refused_in_time, method, url + path, json=body) for method, path, body in CALLS
        ]
        for one in refused:
            one.result()


def test_a_gateway_that_stops_tells_all_who_wait_for_its_cluster() -> None:
    with gateway("127.0.0.1:1", LONG_S) as program, ExitStack() as stack:
        url = url_of(program)
        assert requests.get(f"{url}/v1", timeout=20).ok
        waiting = []
        for method, path, body in CALLS:
            waiting.append(stack.enter_context(closing(HTTPConnection(url.removeprefix("http://"), timeout=60))))
            waiting[-1].request(method, path, json.dumps(body), {"content-type": "application/json"})
        assert requests.get(f"{url}/livez", timeout=20).ok  # what was sent before has come in
        program.process.send_signal(signal.SIGTERM)
        assert program.end(seconds=STOP_S) == 0
        for connection in waiting:
            answer = connection.getresponse()
            assert (answer.status, json.load(answer)["code"]) == (503, "BROKER_NOT_AVAILABLE")
            assert answer.headers["retry-after"] == "1"
        assert not [line for line in program.err if "Traceback" in line or "Cancel" in line]


@pytest.mark.docker
def test_a_cluster_that_stands_still_is_503_in_time_and_all_heals_by_itself() -> None:
    with running_apache_kafka() as kafka, gateway(kafka.address) as program:
        url = url_of(program)
        records = f"{url}/v1/topics/orders/records"
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=10).ok, "the gateway is ready")
        wait_until(lambda: requests.post(records, data=b"before", timeout=30).ok, "the cluster takes records")
        kafka.pause()
        assert_refused_in_time("POST", records, data=b"nobody knows")
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=10).status_code == 503, "the gateway knows")
        assert_refused_in_time("GET", records)
        assert requests.get(f"{url}/livez", timeout=10).status_code == 200
        kafka.unpause()
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=10).ok, "the gateway is ready again")
        # The gateway hears of the cluster before its producer has connected anew, which may cost a call or two.
        wait_until(lambda: requests.post(records, data=b"first", timeout=30).ok, "the cluster takes records again")
        assert requests.post(records, data=b"after", timeout=30).ok
        values = [record["value"] for record in requests.get(records, timeout=30).json()["records"]]
        assert [value for value in values if value not in {"nobody knows", "first"}] == ["before", "after"]


@pytest.mark.docker
def test_long_polls_of_a_cluster_that_stands_still_are_told_in_time_and_hold_nobody_up() -> None:
    with running_apache_kafka() as kafka, gateway(kafka.address) as program, ThreadPoolExecutor(POLLS) as threads:
        url = url_of(program)
        records = f"{url}/v1/topics/orders/records"
        wait_until(lambda: requests.post(records, data=b"before", timeout=30).ok, "the cluster takes records")
        wish = {"from": "latest", "wait_ms": "30000"}
        polls = [threads.submit(requests.get, records, params=wish, timeout=60) for _ in range(POLLS)]
        shown = f"mini_kafka_waiting_calls {POLLS:.1f}"
        wait_until(lambda: shown in requests.get(f"{url}/metrics", timeout=30).text, "all long polls wait")
        kafka.pause()
        assert_refused_in_time("POST", records, data=b"nobody knows")
        assert requests.get(f"{url}/livez", timeout=TIMEOUT_S).status_code == 200
        assert_refused_in_time("GET", records)
        in_time_s = TIMEOUT_S + SLACK_S
        wait_until(lambda: all(poll.done() for poll in polls), "nobody waits any more", seconds=in_time_s)
        kafka.unpause()
        answers = [poll.result() for poll in polls]
        assert {(answer.status_code, answer.headers.get("retry-after")) for answer in answers} == {(503, "1")}
        wait_until(lambda: requests.post(records, data=b"after", timeout=30).ok, "the cluster takes records again")
