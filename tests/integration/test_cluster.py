"""`make cluster`: three Kafka nodes, two gateways, a proxy, a producer and consumers, as a person starts them.

One stack for all tests here, because three Kafka nodes take long to start; each test leaves it as it found it.
"""

import re
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.integration.conftest import watch
from tests.integration.deadlines import wait_until
from tests.integration.engine import assert_locked_up, assert_locked_up_as_ours, docker, inspect, stop
from tests.integration.programs import ROOT, make
from tests.integration.stack import IMAGE_TAG, Cluster, got, sent
from tests.support.documents import commands_in_cluster

pytestmark = pytest.mark.docker

KAFKA = ("kafka-1", "kafka-2", "kafka-3")
OURS = ("broker", "proxy", "producer", "consumer")
GATEWAY = "Mini-Kafka-Gateway"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start the stack by make, under a name and a port of its own, and remove everything that belongs to it."""
    stack = Cluster(f"mini-kafka-test-{uuid.uuid4().hex[:8]}")
    with pytest.MonkeyPatch.context() as patch, watch(stack.report):
        patch.setenv("COMPOSE_PROJECT_NAME", stack.project)
        patch.setenv("IMAGE_TAG", IMAGE_TAG)
        patch.setenv("PUBLISHED_HTTP", "127.0.0.1:0")
        patch.setenv("PRODUCER_RATE", "20")
        try:
            said = make("cluster")
            assert f"answer on {stack.url}\n" in said
            yield stack
            make("cluster-down")
            assert stack.compose("ps", "--all", "--quiet") == ""
        finally:
            stack.down()


def values_sent(cluster: Cluster) -> list[str]:
    return [value for _, value in sent(cluster.container("producer"))]


def values_got(cluster: Cluster) -> set[str]:
    return {value for consumer in cluster.containers("consumer") for _, value in got(consumer)}


def records_go_on(cluster: Cluster) -> None:
    """Wait until the producer has sent more than it had, and all that it had sent by then has been handled."""
    before = len(values_sent(cluster))
    wait_until(lambda: len(values_sent(cluster)) >= before + 20, "the producer goes on", seconds=60)
    expected = set(values_sent(cluster))
    wait_until(lambda: expected <= values_got(cluster), "the consumers get what it sent", seconds=60)


def is_healthy(container: str) -> bool:
    return str(inspect(container)["State"]["Health"]["Status"]) == "healthy"


def gateways_of(cluster: Cluster) -> list[requests.Session]:
    """Give a client for each gateway that is ready: the proxy's cookie keeps a client at one."""
    clients: dict[str, requests.Session] = {}
    for _ in range(10):
        client = requests.Session()
        if client.get(f"{cluster.url}/readyz", timeout=20).ok:
            clients.setdefault(client.cookies["mini-kafka-gateway"], client)
    return list(clients.values())


def test_a_record_travels_from_the_producer_over_the_cluster_to_the_consumers(cluster: Cluster) -> None:
    records_go_on(cluster)


def test_only_the_proxy_is_published_and_on_loopback(cluster: Cluster) -> None:
    published = {
        service: [binding["HostIp"] for bindings in ports.values() for binding in bindings or ()]
        for service in (*KAFKA, *OURS)
        for container in cluster.containers(service)
        for ports in [inspect(container)["NetworkSettings"]["Ports"]]
    }

    assert {service: addresses for service, addresses in published.items() if addresses} == {"proxy": ["127.0.0.1"]}
    assert published.keys() == {*KAFKA, *OURS}


def test_a_container_of_the_cluster_has_no_privileges(cluster: Cluster) -> None:
    for service in OURS:
        for container in cluster.containers(service):
            assert_locked_up_as_ours(container)
    for node in KAFKA:
        assert_locked_up(cluster.container(node))  # who runs in it, and where it writes, is its image's affair


def test_the_commands_of_its_document_work(cluster: Cluster) -> None:
    printed = ""
    for command in commands_in_cluster():
        program, *arguments = shlex.split(command.replace(" exec ", " exec -T "))
        done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed += done.stdout
    wait_until(lambda: all(is_healthy(cluster.container(node)) for node in KAFKA), "all nodes are back", seconds=90)

    replicas = dict(re.findall(r"^Topic: (\S+).*ReplicationFactor: (\d+)", printed, re.MULTILINE))
    assert set(replicas.values()) == {"3"}
    assert "demo" in replicas
    assert "min.insync.replicas=2" in printed
    assert re.search(r"^workers +demo +\d+ +\d+", printed, re.MULTILINE), "the group's committed offsets are shown"
    records_go_on(cluster)


def test_both_gateways_serve_and_what_one_takes_the_other_gives(cluster: Cluster) -> None:
    first, second = gateways_of(cluster)
    topic = f"{cluster.url}/v1/topics/both"

    first.post(f"{topic}/records", data="from the first", timeout=20).raise_for_status()
    read = second.get(f"{topic}/records", params={"from": "earliest", "wait_ms": "5000"}, timeout=20)

    assert [record["value"] for record in read.json()["records"]] == ["from the first"]


def test_a_lock_is_settled_at_the_gateway_that_gave_it_and_the_proxy_finds_that_by_its_name(cluster: Cluster) -> None:
    first, second = gateways_of(cluster)
    first.post(f"{cluster.url}/v1/topics/locks/records", data="one", timeout=20).raise_for_status()
    wish = {"topics": ["locks"], "wait_ms": 20_000}
    acquired = first.post(f"{cluster.url}/v1/groups/lockers/acquire", json=wish, timeout=30)
    name = acquired.headers[GATEWAY]
    done = {"accept": [acquired.json()["records"][0]["lock"]]}
    acknowledge = f"{cluster.url}/v1/groups/lockers/acknowledge"

    misdirected = second.post(acknowledge, json=done, timeout=20)
    settled = second.post(acknowledge, json=done, headers={GATEWAY: name}, timeout=20)

    assert (misdirected.status_code, misdirected.headers[GATEWAY]) == (421, name)
    assert (settled.status_code, settled.json()["accepted"]) == (200, 1)


def test_the_producer_sends_batches_to_a_gateway(cluster: Cluster) -> None:
    said = cluster.compose(
        "run", "--rm", "--no-deps", "-T", "producer", "--topic", "batches", "--batch", "10", "--count", "25"
    )

    assert len(re.findall(r"^sent  batches@\d+", said, re.MULTILINE)) == 25
    assert "sent 25 messages to batches" in said


def test_a_kafka_node_that_is_killed_holds_nobody_up_and_comes_back(cluster: Cluster) -> None:
    node = cluster.container("kafka-3")
    clients = gateways_of(cluster)
    offsets = {"offsets": [{"topic": "demo", "partition": 0, "offset": 0}]}
    begun = [inspect(gateway)["State"]["StartedAt"] for gateway in cluster.containers("broker")]
    # Among twelve groups some are the node's to coordinate: __consumer_offsets has six partitions.
    groups = [f"{cluster.url}/v1/groups/moving-{number}" for number in range(12)]
    for group in groups:
        clients[0].put(f"{group}/offsets", json=offsets, timeout=30).raise_for_status()

    def all_answer() -> bool:
        assert all(client.get(f"{cluster.url}/readyz", timeout=20).ok for client in clients)
        return all(client.get(group, timeout=30).ok for client in clients for group in groups)

    docker("kill", node)
    try:
        wait_until(all_answer, "other nodes coordinate its groups", seconds=60)
        records_go_on(cluster)
    finally:
        docker("start", node)
    wait_until(lambda: is_healthy(node), "the node is back", seconds=90)
    wait_until(all_answer, "all groups answer", seconds=60)
    records_go_on(cluster)
    assert begun == [inspect(gateway)["State"]["StartedAt"] for gateway in cluster.containers("broker")]


def test_a_gateway_that_stops_leaves_its_work_to_the_other_and_no_call_fails(cluster: Cluster) -> None:
    one, _ = cluster.containers("broker")
    records = f"{cluster.url}/v1/topics/drained/records"
    with ThreadPoolExecutor(1) as thread:
        stopping = thread.submit(stop, one)
        answered = []
        while not stopping.done():
            answered.append(requests.post(records, data="one", timeout=30).status_code)
        ended = stopping.result()
    try:
        assert ended.exit_code == 0
        assert set(answered) == {200}
        records_go_on(cluster)
    finally:
        docker("start", one)
    wait_until(lambda: len(gateways_of(cluster)) == 2, "both gateways serve again")


def test_without_a_gateway_the_proxy_says_so_as_a_gateway_would(cluster: Cluster) -> None:
    gateways = cluster.containers("broker")
    docker("stop", *gateways)
    try:
        wait_until(lambda: requests.get(cluster.url, timeout=20).status_code == 503, "the proxy notices")
        answer = requests.get(f"{cluster.url}/readyz", timeout=20)
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "BROKER_NOT_AVAILABLE"
    finally:
        docker("start", *gateways)
    wait_until(lambda: len(gateways_of(cluster)) == 2, "both gateways serve again")
    records_go_on(cluster)
