"""A lock that another gateway holds is answered so that a client or a proxy can act on it."""

import json

from mini_kafka.core.errors import LockHeldElsewhere
from mini_kafka.http_api.errors import problem_of


def test_the_answer_names_the_gateway_that_holds_the_lock_in_its_head_and_in_its_body() -> None:
    answer = problem_of(LockHeldElsewhere("two", "one"))
    assert answer is not None
    assert answer.status == 421
    assert (b"mini-kafka-gateway", b"two") in answer.headers
    body = json.loads(answer.body)
    assert (body["code"], body["gateway"]) == ("NOT_COORDINATOR", "two")
    assert "nothing was settled" in body["detail"]


def test_a_lock_of_a_broker_in_ram_names_no_gateway() -> None:
    answer = problem_of(LockHeldElsewhere("", "one"))
    assert answer is not None
    assert "gateway" not in json.loads(answer.body)
    assert all(name != b"mini-kafka-gateway" for name, _ in answer.headers)
