"""A cluster that stands still for longer than librdkafka keeps a question ends no gateway, and holds no end up.

The cluster is a broker of ours, which stands still at no cost; the times that a gateway gives are made short.
"""

import signal
import sys
import time

import requests

from tests.checker.live_run import stopped
from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program

GIVEN_S = 4.0
"""Instead of an hour; with `LOOK_S` a question is dropped at the latest after twice 1.2 s and another second."""
OUTAGE_S = GIVEN_S + 2.0
SHORT_TIMES = f"""
import sys
from mini_kafka.__main__ import main
from mini_kafka.engine.kafka_cluster import connection, group_admin
group_admin.GIVEN_S, group_admin.LOOK_S, connection.LET_GO_S = {GIVEN_S}, 0.2, 0.0
sys.argv[0] = "mini-kafka"
sys.exit(main())
"""
END_S = 9.0
"""Docker kills what has not ended after ten."""


def cluster() -> Program:
    return Program(BIN / "mini-kafka", "--http-port", "0", "--kafka-port", "0")


def gateway(kafka: Program, *command: object) -> Program:
    address = kafka.line(r" kafka=(\S+)")[1]
    options = ("--engine", "kafka", "--bootstrap-servers", address, "--http-port", "0", "--cluster-timeout", "1")
    return Program(*(str(part) for part in command), *options)


def url_of(program: Program) -> str:
    url = "http://" + program.line(r"^listening http=(\S+) engine=kafka$")[1]
    wait_until(lambda: requests.get(f"{url}/readyz", timeout=10).ok, "the gateway is ready")
    return url


def test_questions_about_groups_that_an_outage_leaves_open_end_no_gateway_when_it_is_over() -> None:
    with cluster() as kafka, gateway(kafka, sys.executable, "-c", SHORT_TIMES) as program:
        url = url_of(program)
        assert requests.get(f"{url}/v1/groups/known", timeout=10).status_code == 404
        with stopped(kafka.process.pid):
            asked_s = time.monotonic()
            assert requests.get(f"{url}/v1/groups/new", timeout=10).status_code == 503
            consumer = {"topic": "orders", "consumer_id": "another"}
            assert requests.post(f"{url}/consumers/register", json=consumer, timeout=10).status_code == 503
            wait_until(lambda: time.monotonic() > asked_s + OUTAGE_S, "librdkafka's own time is over")
        wait_until(lambda: requests.get(f"{url}/v1/groups/new", timeout=10).status_code == 404, "all has healed")
        assert requests.post(f"{url}/consumers/register", json=consumer, timeout=10).ok
        assert program.process.poll() is None


def test_a_gateway_that_shares_records_ends_in_time_and_well_while_its_cluster_stands_still() -> None:
    with cluster() as kafka, gateway(kafka, BIN / "mini-kafka") as program:
        url = url_of(program)
        requests.put(f"{url}/v1/topics/orders", json={}, timeout=10).raise_for_status()
        requests.post(f"{url}/v1/topics/orders/records", data=b"one", timeout=10).raise_for_status()
        wish = {"topics": ["orders"], "wait_ms": 10_000}
        acquired = requests.post(f"{url}/v1/groups/g/acquire", json=wish, timeout=30).json()
        assert [record["value"] for record in acquired["records"]] == ["one"]
        with stopped(kafka.process.pid):
            assert requests.get(f"{url}/v1/groups/another", timeout=10).status_code == 503
            program.process.send_signal(signal.SIGTERM)
            assert program.process.wait(END_S) == 0
        assert not [line for line in program.err if "Traceback" in line or "a bug" in line]
