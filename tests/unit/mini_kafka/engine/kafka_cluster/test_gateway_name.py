"""The number of an acquisition names its gateway and its life, and no two lives share a number."""

import socket
from itertools import islice
from uuid import UUID

import pytest

from mini_kafka.cluster_settings import ClusterSettings
from mini_kafka.engine.kafka_cluster.gateway_name import acquisitions, default_name, gateway_of
from mini_kafka.engine.port import RecordLock
from mini_kafka.http_api.lock_text import MAX_CHARACTERS, read_lock, write_runs


@pytest.mark.parametrize("name", ["a", "gateway-1", "broker.0_x", "x" * 63])
def test_every_acquisition_names_its_gateway(name: str) -> None:
    assert {gateway_of(number) for number in islice(acquisitions(name), 1000)} == {name}


def test_an_acquisition_of_a_log_in_ram_names_no_gateway() -> None:
    assert gateway_of(12_345) == ""


def test_lives_of_one_name_and_other_gateways_use_other_numbers_also_when_they_start_at_the_same_time() -> None:
    numbers = [number for name in ("a", "a", "b") for number in islice(acquisitions(name), 1000)]
    assert len(set(numbers)) == 3000


def test_the_longest_lock_word_is_read_again() -> None:
    number = next(acquisitions("x" * 63))
    lock = RecordLock(UUID(int=2**128 - 1), "t" * 249, 2**31 - 1, 2**63 - 3, number, 2)
    [word] = write_runs([lock])
    assert len(word) <= MAX_CHARACTERS
    assert read_lock(word) == lock


@pytest.mark.parametrize("host", ["till-1.shop.example", "kasse ü", "x" * 300, ""])
def test_a_gateway_has_a_name_by_itself_that_a_setting_may_give(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert ClusterSettings(gateway_name=default_name()).gateway_name
