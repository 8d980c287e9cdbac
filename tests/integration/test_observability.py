"""What only a live broker can show of itself, and whether compose takes the profile."""

import socket
import subprocess
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import MakeStack
from tests.integration.deadlines import wait_until
from tests.integration.programs import ROOT


def scrape(broker: str) -> dict[str, float]:
    """Scrape the metrics whose labels do not matter, by name; of several samples, the sum."""
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(requests.get(f"{broker}/metrics", timeout=20).text):
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0) + sample.value
    return values


def test_open_connections_are_counted_and_given_back(broker: str) -> None:
    address = urlsplit(broker)
    assert address.hostname
    assert address.port
    opened = [socket.create_connection((address.hostname, address.port)) for _ in range(5)]
    wait_until(lambda: scrape(broker)["mini_kafka_connections"] >= 6, "five connections and that of the scrape")
    for connection in opened:
        connection.close()
    wait_until(lambda: scrape(broker)["mini_kafka_connections"] < 6, "those that were closed are gone")


def test_the_lag_of_the_loop_is_measured_all_the_time(broker: str) -> None:
    before = scrape(broker)["mini_kafka_event_loop_lag_seconds_count"]
    wait_until(lambda: scrape(broker)["mini_kafka_event_loop_lag_seconds_count"] > before, "another measurement")


@pytest.mark.docker
def test_compose_takes_the_profile_and_leaves_it_out_by_default(make_stack: MakeStack) -> None:
    stack = make_stack()
    ours = {"broker", "producer", "consumer"}
    assert set(stack.compose("config", "--services").split()) == ours
    with_profile = stack.compose("--profile", "observability", "config", "--services").split()
    assert set(with_profile) == ours | {"prometheus", "grafana"}


@pytest.mark.docker
def test_compose_takes_the_profile_for_a_cluster_too() -> None:
    command = ["docker", "compose", "-f", "docker-compose.kafka.yml", "--profile", "observability", "config"]
    config = yaml.safe_load(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    for name in ("prometheus", "grafana"):
        assert config["services"][name]["profiles"] == ["observability"]
        assert config["services"][name]["read_only"]
