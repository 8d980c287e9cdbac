"""A gateway that is killed releases everything: what it had not done comes to another, and what is committed stays."""

import signal
import time

import pytest
import requests

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program
from tests.support.apache_kafka import kafka_address

pytestmark = pytest.mark.docker

SESSION_S = 10
"""How long Kafka waits for a member that has died (`membership.SESSION_MS`)."""


def gateway(address: str, name: str) -> Program:
    return Program(
        BIN / "mini-kafka", "--engine", "kafka", "--bootstrap-servers", address, "--gateway-name", name,
        "--http-port", "0",
    )  # fmt: skip


def url_of(program: Program) -> str:
    return "http://" + program.line(r"^listening http=(\S+) engine=kafka$")[1]


def test_what_a_killed_gateway_had_not_done_comes_to_the_other_and_its_locks_are_refused_there() -> None:
    unique = f"killed-{time.time_ns()}"
    with kafka_address() as address, gateway(address, "one") as one, gateway(address, "two") as two:
        first, second = url_of(one), url_of(two)
        requests.put(f"{first}/v1/topics/{unique}", json={"partitions": 2}, timeout=30).raise_for_status()
        records = [{"value": str(number), "partition": number % 2} for number in range(20)]
        requests.post(f"{first}/v1/topics/{unique}/records", json=records, timeout=30).raise_for_status()
        wish = {"topics": [unique], "max_records": 100, "wait_ms": 10_000}
        answer = requests.post(f"{first}/v1/groups/{unique}/acquire", json=wish, timeout=30)
        assert answer.headers["mini-kafka-gateway"] == "one"
        held = answer.json()["records"]
        assert len(held) == 20
        done = [record for record in held if record["offset"] < 3 or record["offset"] == 7]
        accepted = requests.post(
            f"{first}/v1/groups/{unique}/acknowledge", json={"accept": [one["lock"] for one in done]}, timeout=30
        )
        assert accepted.json()["accepted"] == 8
        wait_until(lambda: committed(second, unique) == [3, 3], "the first records are committed")
        one.process.send_signal(signal.SIGKILL)
        left = [record["lock"] for record in held if record not in done]
        refused = requests.post(f"{second}/v1/groups/{unique}/acknowledge", json={"accept": left}, timeout=30)
        assert (refused.status_code, refused.json()["code"]) == (421, "NOT_COORDINATOR")
        assert (refused.headers["mini-kafka-gateway"], refused.json()["gateway"]) == ("one", "one")
        found: set[tuple[int, int]] = set()

        def take() -> bool:
            answer = requests.post(f"{second}/v1/groups/{unique}/acquire", json=wish, timeout=60)
            if answer.ok:
                found.update((record["partition"], record["offset"]) for record in answer.json()["records"])
            return len(found) == 14

        wait_until(take, "the rest comes to the other gateway", seconds=4 * SESSION_S)
        assert found == {(partition, offset) for partition in range(2) for offset in range(3, 10)}


def committed(url: str, group: str) -> list[int]:
    partitions = requests.get(f"{url}/v1/groups/{group}", timeout=30).json()["partitions"]
    return [place["committed_offset"] for place in partitions]
