"""A gateway under steady load keeps its memory: a minute of it here, and ten in `make soak` (SOAK_MINUTES)."""

import os
import subprocess
import sys

import pytest

from tests.integration.programs import ROOT
from tests.support.apache_kafka import kafka_address

pytestmark = pytest.mark.docker

MINUTES = os.environ.get("SOAK_MINUTES", "1")


def test_a_gateways_memory_is_flat_under_steady_load_and_its_readers_keep_up() -> None:
    with kafka_address() as address:
        command = [sys.executable, "-m", "bench.soak", "--apache", address, "--minutes", MINUTES]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout
