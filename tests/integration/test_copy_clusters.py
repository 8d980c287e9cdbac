"""`mini-kafka copy` to, from and between Kafka clusters: every record once, though no request is numbered there."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.integration.copies import (
    RECORDS,
    Copy,
    commit,
    committed,
    contents,
    copy_killed_often,
    held,
    member,
    produce,
    topic,
)
from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program
from tests.support.apache_kafka import ApacheKafka, kafka_address, running_apache_kafka

pytestmark = pytest.mark.docker

TIMEOUT_S = 3
"""How long the gateway of the cluster that is copied to waits for it."""
WAYS = [("broker", "gateway"), ("source_gateway", "broker"), ("source_gateway", "gateway")]


@pytest.fixture(scope="module")
def source_cluster() -> Iterator[str]:
    with kafka_address() as address:
        yield address


@pytest.fixture(scope="module")
def source_gateway(source_cluster: str) -> Iterator[str]:
    with _gateway(source_cluster) as url:
        yield url


@pytest.fixture(scope="module")
def cluster() -> Iterator[ApacheKafka]:
    with running_apache_kafka() as kafka:
        yield kafka


@pytest.fixture(scope="module")
def gateway(cluster: ApacheKafka) -> Iterator[str]:
    """Run a gateway that takes fewer records at a time, so that a copy is many requests."""
    with _gateway(cluster.address, "--max-records-per-request", "500", "--cluster-timeout", str(TIMEOUT_S)) as url:
        yield url


@contextmanager
def _gateway(address: str, *flags: str) -> Iterator[str]:
    with Program(
        BIN / "mini-kafka", "--engine", "kafka", "--bootstrap-servers", address, "--http-port", "0", *flags
    ) as program:
        url = "http://" + program.line(r"^listening http=(\S+)")[1]
        wait_until(lambda: requests.get(f"{url}/readyz").ok, "the gateway is ready")
        yield url


@pytest.fixture
def name() -> str:
    """Give a topic's name that nobody else has."""
    return f"orders-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_kind_of_record_arrives_with_configs_and_groups(
    way: tuple[str, str], name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source, target = map(request.getfixturevalue, way)
    configs = {"retention.ms": -1, "max.message.bytes": 3_000_000, "segment.bytes": 4_000_000}
    requests.put(f"{source}/v1/topics/{name}", json={"partitions": 3, "configs": configs}).raise_for_status()
    records: list[dict[str, Any]] = [*RECORDS, {"value": "x" * 2_900_000, "partition": 2}]
    produce(source, [one | {"timestamp": max(1, one.get("timestamp", 1))} for one in records], name)
    for partition, offset in ((0, 3), (2, 4)):
        commit(source, f"{name}/group", partition, offset, name)

    done = Copy(source, target, tmp_path, name).run()

    assert done.returncode == 0, done.stderr
    assert topic(target, name)["configs"] == topic(source, name)["configs"]
    for partition in range(3):
        assert contents(target, partition, name) == contents(source, partition, name)
    assert committed(target, f"{name}/group") == {0: 3, 2: 4}


def test_what_only_the_cluster_refuses_is_named_at_once_with_its_reason(
    broker: str, gateway: str, name: str, tmp_path: Path
) -> None:
    configs = {"max.message.bytes": 3_000_000, "segment.bytes": 2_000_000}  # segments mean nothing in RAM
    requests.put(f"{broker}/v1/topics/{name}", json={"configs": configs}).raise_for_status()
    produce(broker, [{"value": "a"}, {"value": "x" * 2_900_000}], name)

    done = Copy(broker, gateway, tmp_path, name).run()

    assert done.returncode == 1
    [error] = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert f"{gateway} refuses the record of {name}-0 at offset 1: " in error
    assert "larger than configured server segment size" in error
    assert [record["value_base64"] for record in contents(gateway, 0, name)] == ["YQ=="]


def test_the_timestamp_0_which_a_cluster_does_not_take_becomes_1(
    broker: str, gateway: str, name: str, tmp_path: Path
) -> None:
    produce(broker, [{"value": "a", "timestamp": 0}, {"value": "b", "timestamp": 2}], name)

    done = Copy(broker, gateway, tmp_path, name).run()

    assert done.returncode == 0, done.stderr
    assert f"{name}-0 has at offset 0 the timestamp 0, which {gateway} does not take" in done.stderr
    assert [record["timestamp"] for record in contents(gateway, 0, name)] == [1, 2]


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_copy_that_is_killed_again_and_again_loses_nothing_and_has_nothing_twice(
    way: tuple[str, str], name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source, target = map(request.getfixturevalue, way)
    copy = Copy(source, target, tmp_path, name)

    copy_killed_often(copy, kills=3, chance=random.Random(1))

    for partition in range(2):
        assert contents(target, partition, name) == contents(source, partition, name)
    assert copy.run("--verify-only").returncode == 0


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_cluster_that_stands_still_in_the_middle_has_every_record_once(
    broker: str, gateway: str, cluster: ApacheKafka, name: str, tmp_path: Path, is_killed: bool
) -> None:
    whole = 60_000
    for first in range(0, whole, 10_000):
        produce(broker, [{"value": f"{number:0100}"} for number in range(first, first + 10_000)], name)
    copy = Copy(broker, gateway, tmp_path, name)

    with copy.start() as program:
        wait_until(lambda: held(gateway, name) > 0, "some records are copied")
        cluster.pause()
        try:
            program.line(r"the broker at .*; try 1, next in", seconds=60)
            if is_killed:
                program.process.kill()
        finally:
            cluster.unpause()
        code = program.end(seconds=120)

    assert code == (-9 if is_killed else 0)
    assert copy.run().returncode == 0
    assert contents(gateway, 0, name) == contents(broker, 0, name)


def test_groups_stand_before_the_same_records_where_transactions_left_holes(
    source_cluster: str, source_gateway: str, broker: str, name: str, tmp_path: Path
) -> None:
    names = [name, f"{name}-too"]
    for each in names:
        requests.put(f"{source_gateway}/v1/topics/{each}").raise_for_status()
    producer = Producer({"bootstrap.servers": source_cluster, "transactional.id": name})
    producer.init_transactions(30)
    for number in range(4):  # two records and a marker each
        producer.begin_transaction()
        for each in names:
            producer.produce(each, f"{number}a", partition=0)
            producer.produce(each, f"{number}b", partition=0)
        producer.flush(30)
        producer.commit_transaction(30) if number % 2 else producer.abort_transaction(30)
    group = {"bootstrap.servers": source_cluster, "group.id": name}
    consumer = Consumer(group)
    consumer.commit(offsets=[TopicPartition(names[0], 0, 4), TopicPartition(names[1], 0, 6)], asynchronous=False)
    consumer.close()

    copy = Copy(source_gateway, broker, tmp_path, ",".join(names))
    for _ in range(2):
        done = copy.run()
        assert done.returncode == 0, done.stderr

    for each in names:
        assert [record["value_base64"] for record in contents(broker, 0, each)] == ["MWE=", "MWI=", "M2E=", "M2I="]
    places = requests.get(f"{broker}/v1/groups/{name}").json()["partitions"]
    assert [(place["topic"], place["committed_offset"]) for place in places] == [(names[0], 1), (names[1], 2)]


def test_what_the_source_loses_between_two_runs_does_no_harm(
    source_cluster: str, source_gateway: str, gateway: str, name: str, tmp_path: Path
) -> None:
    requests.put(f"{source_gateway}/v1/topics/{name}").raise_for_status()
    produce(source_gateway, [{"value": f"{number}"} for number in range(10_000)], name)
    copy = Copy(source_gateway, gateway, tmp_path, name)
    with copy.start() as program:
        wait_until(lambda: held(gateway, name) > 0, "some records are copied")
        program.process.kill()
    admin = AdminClient({"bootstrap.servers": source_cluster})
    [deleted] = admin.delete_records([TopicPartition(name, 0, 9990)]).values()
    deleted.result()
    commit(source_gateway, name, 0, 9995, name)

    done = copy.run()

    assert done.returncode == 0, done.stderr
    there = contents(gateway, 0, name)
    assert there[-10:] == contents(source_gateway, 0, name)
    assert committed(gateway, name) == {0: len(there) - 5}


def test_a_group_with_members_at_the_cluster_is_named(
    broker: str, gateway: str, cluster: ApacheKafka, name: str, tmp_path: Path
) -> None:
    produce(broker, [{"value": "a"}, {"value": "b"}], name)
    commit(broker, name, 0, 1, name)
    copy = Copy(broker, gateway, tmp_path, name)
    assert copy.run("--groups", "none").returncode == 0
    with member(cluster.address, name, name):
        done = copy.run()

    assert done.returncode == 1
    assert f"ERROR group '{name}' was not moved at {gateway}: " in done.stderr
    assert "stop its members there, and run this again" in done.stderr
    assert copy.run().returncode == 0
    assert committed(gateway, name) == {0: 1}


def test_the_services_go_on_at_the_cluster_where_they_stood(
    broker: str, gateway: str, cluster: ApacheKafka, name: str, tmp_path: Path
) -> None:
    produce(broker, [{"value": f"{number}"} for number in range(100)], name)
    shared = ("--group", f"{name}-workers")
    alone = ("--consumer-id", f"{name}-reader")
    assert consumed(broker, name, *shared, "--max-messages", "70") == list(range(70))
    assert consumed(broker, name, *alone, "--max-messages", "40") == list(range(40))
    commit(broker, f"{name}-kafka", 0, 20, name)

    assert Copy(broker, gateway, tmp_path, name).run().returncode == 0

    with Program(BIN / "mini-kafka-producer", "--broker", gateway, "--topic", name, "--count", "1") as program:
        assert program.end() == 0
    assert consumed(gateway, name, *shared, "--max-messages", "31")[:30] == list(range(70, 100))
    assert consumed(gateway, name, *alone, "--max-messages", "61")[:60] == list(range(40, 100))
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": f"{name}-kafka"})
    consumer.subscribe([name])
    try:
        first = wait_until(lambda: consumer.poll(1), "a Kafka client gets a record")
    finally:
        consumer.close()
    assert first is not None
    assert first.value() == b"20"


def consumed(url: str, name: str, *flags: str) -> list[int | None]:
    """Let a consumer handle messages, and give their numbers; None is a message that is no number."""
    with Program(BIN / "mini-kafka-consumer", "--broker", url, "--topic", name, *flags) as program:
        assert program.end(seconds=60) == 0
        values = [line.rpartition("  ")[2] for line in program.out if " got  " in line]
    return [int(value) if value.isdigit() else None for value in values]
