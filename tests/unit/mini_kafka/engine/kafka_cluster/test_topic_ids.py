"""An id is read as it is, and goes with its description, whether the client has forgotten a reference to it or not."""

import ctypes
import gc
from types import SimpleNamespace
from uuid import UUID

import pytest
from confluent_kafka import Uuid

from mini_kafka.engine.kafka_cluster.topic_ids import id_of

MANY = 100


def ids_alive() -> int:
    return sum(type(one) is Uuid for one in gc.get_objects())


@pytest.mark.parametrize("forgotten", [0, 1])
def test_an_id_is_freed_with_its_description(forgotten: int) -> None:
    before = ids_alive()
    for number in range(MANY):
        described = SimpleNamespace(topic_id=Uuid(0, number))
        for _ in range(forgotten):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(described.topic_id))
        assert id_of(described) == id_of(described) == UUID(int=number)
    del described
    assert ids_alive() == before
