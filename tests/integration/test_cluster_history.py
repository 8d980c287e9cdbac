"""Two gateways over three Kafka nodes, under load and five faults: their history breaks no rule.

Nodes are killed for what they are, and started again: the active controller, the coordinator of the groups, the leader
of a partition that is produced to. Then a gateway is killed, and the whole cluster stands still for 20 s.
`CLUSTER_ROUNDS=N` does it all N times, and with more than one round there is time between the faults for the rules of
locks.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
import requests
from confluent_kafka.admin import AdminClient, NewTopic

from tests.checker.checking import check
from tests.checker.cluster_mutants import CLUSTER_MUTANTS, breaks_every_cluster_rule
from tests.checker.cluster_run import MOVE_S, ClusterRun, Fault
from tests.checker.history import Acquire, Append, Committed, Fetch, History, Settle
from tests.checker.http_world import CONSUMER, GROUP
from tests.checker.mutants import Patch
from tests.integration.conftest import watch
from tests.integration.deadlines import wait_until
from tests.integration.kafka_nodes import KafkaNodes
from tests.integration.programs import BIN, Program
from tests.integration.stack import free_port

pytestmark = pytest.mark.docker

ROUNDS = int(os.environ.get("CLUSTER_ROUNDS", "1"))
CALM_S = 2.0 if ROUNDS == 1 else MOVE_S + 10.0
KILLED_S = 3
"""A node is away for longer: Kafka lets one that was killed come back when it has missed it, after 9 s."""
TIMEOUT_S = 5
"""MINI_KAFKA_CLUSTER_TIMEOUT, a quarter of the time that the cluster stands still."""
SLACK_S = 4
"""What the machine may take besides; librdkafka looks for what is too late once a second."""
MOST_LINES = 60
MUTANT_SECONDS = 8.0
MUTANT_FINISH_S = 10.0
NAMES = ("left", "right")


class Gateway:
    """A gateway as a process, under a name and at a port that it keeps when it is started again."""

    def __init__(self, name: str, nodes: KafkaNodes, *command: str | Path) -> None:
        self.name = name
        self.address = f"127.0.0.1:{free_port()}"
        self._command = (
            *command, "--engine", "kafka", "--bootstrap-servers", nodes.addresses, "--gateway-name", name,
            "--http-port", self.address.partition(":")[2], "--cluster-timeout", str(TIMEOUT_S),
            "--cluster-share-idle", "3600",
        )  # fmt: skip
        self.lives: list[Program] = []

    def start(self, stack: ExitStack) -> None:
        """Begin a life, and wait until it can serve."""
        self.lives.append(stack.enter_context(Program(*self._command)))
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it reaches its cluster."""
        url = f"http://{self.address}/readyz"
        wait_until(lambda: requests.get(url, timeout=10).ok, f"gateway {self.name} is ready", seconds=60)

    @contextmanager
    def killed(self, stack: ExitStack) -> Iterator[None]:
        """Kill it without a chance to leave anything in order, and start it again."""
        self.lives[-1].signal_group(signal.SIGKILL)
        self.lives[-1].end()
        yield
        self.start(stack)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNodes]:
    """Start three Kafka nodes, and remove everything that belongs to them."""
    nodes = KafkaNodes(tmp_path_factory.mktemp("nodes"))
    try:
        with watch(nodes.report):
            nodes.start()
            yield nodes
    finally:
        nodes.down()


@contextmanager
def gateways(nodes: KafkaNodes, *command: str | Path) -> Iterator[tuple[list[Gateway], ExitStack]]:
    with ExitStack() as stack:
        both = [Gateway(name, nodes, *command) for name in NAMES]
        for gateway in both:
            gateway.start(stack)
        yield both, stack


def addresses_of(both: list[Gateway]) -> str:
    return ",".join(f"{gateway.name}={gateway.address}" for gateway in both)


@contextmanager
def killed(nodes: KafkaNodes, find: Callable[[], str]) -> Iterator[None]:
    """Kill the node that has a role now, and start it again."""
    node = find()
    nodes.kill(node)
    yield
    nodes.restart(node)


@contextmanager
def paused(nodes: KafkaNodes, both: list[Gateway]) -> Iterator[None]:
    with nodes.paused():
        yield
    for gateway in both:
        gateway.wait_until_ready()


def test_faults_of_nodes_gateways_and_the_whole_cluster_break_no_rule(nodes: KafkaNodes, tmp_path: Path) -> None:
    with gateways(nodes, BIN / "mini-kafka") as (both, stack):
        faults = [
            fault
            for number in range(ROUNDS)
            for fault in (
                Fault("controller", partial(killed, nodes, nodes.controller), KILLED_S),
                Fault("coordinator", partial(killed, nodes, partial(nodes.coordinator, GROUP)), KILLED_S),
                Fault("leader", partial(killed, nodes, partial(nodes.leader, "orders", 0)), KILLED_S),
                Fault("gateway", partial(both[number % len(both)].killed, stack), 8),
                Fault("pause", partial(paused, nodes, both), 20),
            )
        ]
        run = ClusterRun(addresses_of(both), 0, tmp_path, Random(4), faults=faults, calm_s=CALM_S)
        history = run()
        assert nodes.coordinator(GROUP) == nodes.coordinator(CONSUMER)
        for life in [life for gateway in both for life in gateway.lives]:
            assert bugs_in(life.err) == []
    assert check(history) == []
    assert_it_was_worth_checking(history, run)


def test_a_partition_without_a_leader_refuses_its_own_records_in_time_and_no_others(nodes: KafkaNodes) -> None:
    topic = f"lame-{uuid4().hex[:8]}"
    configs = {"min.insync.replicas": "1"}
    alone = NewTopic(topic, num_partitions=2, replica_assignment=[[1], [3]], config=configs)  # a node each
    admin = AdminClient({"bootstrap.servers": nodes.addresses})  # what it is asked is answered while it lives
    admin.create_topics([alone])[topic].result(30)

    def produce(partition: int) -> requests.Response:
        url = f"http://{both[0].address}/v1/topics/{topic}/records?partition={partition}"
        return requests.post(url, data=b"x", timeout=60)

    with gateways(nodes, BIN / "mini-kafka") as (both, _):
        wait_until(lambda: produce(0).ok and produce(1).ok, "both partitions take records")
        with killed(nodes, lambda: nodes.leader(topic, 1)):
            for _ in range(2):
                begun = time.monotonic()
                refused = produce(1)
                assert time.monotonic() - begun < TIMEOUT_S + SLACK_S
                assert (refused.status_code, refused.json()["code"]) == (503, "CLUSTER_NOT_AVAILABLE")
                assert produce(0).ok
        wait_until(lambda: produce(1).ok, "the partition takes records again")


@pytest.mark.parametrize(
    "mutant", [breaks_every_cluster_rule, *(CLUSTER_MUTANTS if ROUNDS > 1 else ())], ids=lambda one: one.__name__
)
def test_gateways_that_break_rules_are_found_out(nodes: KafkaNodes, tmp_path: Path, mutant: Patch) -> None:
    command = (sys.executable, "-m", "tests.checker.mutated_broker", mutant.__name__)
    with gateways(nodes, *command) as (both, _):
        forget_everything(f"http://{both[0].address}")
        run = ClusterRun(addresses_of(both), 0, tmp_path, Random(4), finish_s=MUTANT_FINISH_S)
        history = run(MUTANT_SECONDS)
    found = {violation.rule for violation in check(history)}
    expected = {CLUSTER_MUTANTS[mutant]} if mutant in CLUSTER_MUTANTS else set(CLUSTER_MUTANTS.values())
    assert expected <= found


def bugs_in(lines: list[str]) -> list[str]:
    """Give what a gateway has logged from its first traceback on."""
    first = next((number for number, line in enumerate(lines) if "a bug" in line or "Traceback" in line), len(lines))
    return lines[first:][:MOST_LINES]


def forget_everything(url: str) -> None:
    """Delete all topics and the group of an earlier run; Kafka forgets a member that did not leave after 10 s."""
    for topic in requests.get(f"{url}/v1/topics", timeout=30).json()["topics"]:
        assert requests.delete(f"{url}/v1/topics/{topic['name']}", timeout=30).ok
    group = f"{url}/v1/groups/{GROUP}"
    wait_until(lambda: requests.delete(group, timeout=30).status_code in {204, 404}, "the group is gone", seconds=60)


def assert_it_was_worth_checking(history: History, run: ClusterRun) -> None:
    """Check that what the rules are about has happened, and that the faults did not stop what they should not."""
    operations = history.operations
    appends = [one for one in operations if isinstance(one, Append)]
    happened: Counter[str] = Counter(
        settlement.how for one in operations if isinstance(one, Settle) for settlement in one.settlements
    )
    happened["lost append"] = sum(one.places is None for one in appends)
    happened["repeated append"] = sum(one.sent > 1 for one in appends)
    happened["refused append"] = sum(one.places is not None and None in one.places for one in appends)
    happened["lost acquire"] = sum(one.records is None for one in operations if isinstance(one, Acquire))
    happened["late lock"] = sum(bool(one.expired) for one in operations if isinstance(one, Settle))
    happened["committed"] = sum(one.offset > 0 for one in operations if isinstance(one, Committed))
    happened["dead letter"] = sum(
        seen.origin is not None for one in operations if isinstance(one, Fetch) for seen in one.records
    )
    happened["consumed"] = sum(one.client.startswith("consumer") for one in operations if isinstance(one, Fetch))
    happened["kill"] = run.kills
    for name, (begin, end) in run.times.items():
        if not name.startswith("pause"):
            happened[f"append while {name}"] = sum(
                begin < one.invoked_ns and one.returned_ns is not None and one.returned_ns < end for one in appends
            )
    assert len(happened) == 13 + 4 * ROUNDS
    assert min(happened.values()) > 0, happened
