"""The compose stack as `docker compose up` starts it: records travel, settings arrive, nothing may do too much."""

import re

import pytest
import requests

from tests.integration.conftest import MakeStack
from tests.integration.deadlines import wait_until
from tests.integration.engine import assert_locked_up_as_ours, docker, inspect, stop
from tests.integration.images import SERVICES
from tests.integration.stack import Stack, got, sent

pytestmark = pytest.mark.docker

TIME = r"\d\d:\d\d:\d\d (INFO |WARN )"
READABLE = {
    "broker": rf"listening http=\S+ kafka=\S+|{TIME} \S.*",
    "producer": rf"sent  demo@\d+  hello \d+|{TIME} \S.*",
    "consumer": rf"\S+ got  demo@\d+  hello \d+|{TIME} \S.*",
}


def test_a_record_travels_from_the_producer_to_the_consumer(stack: Stack) -> None:
    first = wait_until(lambda: sent(stack.container("producer"))[:1], "the producer sends a record")

    wait_until(lambda: first[0] in got(stack.container("consumer")), "the consumer gets the same record")


def test_the_broker_is_published_on_loopback_and_nothing_else_is(stack: Stack) -> None:
    ports = {service: inspect(stack.container(service))["NetworkSettings"]["Ports"] for service in SERVICES}

    for port in ("8000/tcp", "9092/tcp"):
        assert [binding["HostIp"] for binding in ports["broker"][port]] == ["127.0.0.1"]
    assert not ports["producer"]
    assert not ports["consumer"]
    assert requests.get(f"{stack.url}/health", timeout=5).json() == {"status": "ok"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_privileges(stack: Stack, service: str) -> None:
    assert_locked_up_as_ours(stack.container(service))


@pytest.mark.parametrize("service", SERVICES)
def test_the_kernel_agrees_that_a_container_has_no_privileges(stack: Stack, service: str) -> None:
    status = docker("exec", stack.container(service), "cat", "/proc/self/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines())

    assert "0" not in facts["Uid"].split() + facts["Gid"].split()
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", SERVICES)
def test_a_log_is_one_readable_line_a_record_without_health_checks(stack: Stack, service: str) -> None:
    broker = stack.container("broker")
    wait_until(lambda: len(inspect(broker)["State"]["Health"]["Log"]) >= 3, "three health checks")
    container = stack.container(service)
    lines = wait_until(lambda: stack.lines(service), f"the {service} prints something")

    assert [line for line in lines if not re.fullmatch(READABLE[service], line)] == []
    assert "readyz" not in docker("logs", container)


def test_the_broker_takes_half_of_its_container_s_memory_for_topics(stack: Stack) -> None:
    broker = stack.container("broker")
    config = docker("exec", broker, "python", "-m", "mini_kafka", "--print-config")

    found = re.search(r"^memory-limit +(\d+)", config, re.MULTILINE)
    assert found
    assert int(found[1]) == inspect(broker)["HostConfig"]["Memory"] // 2


def test_settings_in_env_reach_the_containers(make_stack: MakeStack) -> None:
    stack = make_stack(
        PRODUCER_TOPIC="orders", CONSUMER_TOPIC="orders", PRODUCER_KEY="k{n}", MINI_KAFKA_NUM_PARTITIONS="3"
    )
    stack.up()

    line = r"got  orders@\d+  key=k\d+  hello \d+"
    wait_until(lambda: re.search(line, "\n".join(stack.lines("consumer"))), f"the consumer prints {line}")
    assert "topic orders created with 3 partitions" in "\n".join(stack.lines("broker"))


def test_every_service_ends_with_0_within_2_s_of_sigterm(make_stack: MakeStack) -> None:
    stack = make_stack(PRODUCER_RATE="50")
    stack.up()
    wait_until(lambda: got(stack.container("consumer")), "the consumer gets a record")

    for service in ("consumer", "producer", "broker"):
        ended = stop(stack.container(service))
        assert ended.exit_code == 0, service
        assert ended.seconds < 2, service
    sent_records = len(sent(stack.container("producer")))
    assert re.fullmatch(rf"sent {sent_records} messages to demo in [\d.]+ s", stack.lines("producer")[-1])


def test_a_producer_whose_broker_is_away_names_on_sigterm_what_it_has_not_sent(make_stack: MakeStack) -> None:
    stack = make_stack(PRODUCER_RATE="50")
    stack.up()
    wait_until(lambda: sent(stack.container("producer")), "the producer sends a record")
    stop(stack.container("broker"))
    wait_until(lambda: "does not answer" in stack.lines("producer")[-1], "the producer waits for the broker")

    ended = stop(stack.container("producer"))

    assert ended.exit_code == 0
    assert ended.seconds < 2
    unsent = len(sent(stack.container("producer"))) + 1
    assert stack.lines("producer")[-1].endswith(f"; read and not sent: line {unsent} ('hello {unsent}')")
