"""The contract suite of every engine, over the engine of a gateway and a real Apache Kafka."""

import os
import subprocess
import sys

import pytest

from tests.integration.programs import ROOT
from tests.support.apache_kafka import kafka_address

pytestmark = pytest.mark.docker

SUITE = (
    "test_engine_topics.py", "test_engine_records.py", "test_engine_consumers.py", "test_engine_groups.py",
    "test_engine_sharing.py", "test_gateways.py", "test_gateways_topics.py", "test_gateway_answers.py",
)  # fmt: skip
CHOICE = "kafka or gateways or gateway_answers"


def test_the_contract_suite_holds_over_a_real_kafka() -> None:
    with kafka_address() as address:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-k", CHOICE, *(f"tests/contract/{name}" for name in SUITE)],
            cwd=ROOT,
            env={**os.environ, "APACHE_KAFKA": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stdout
