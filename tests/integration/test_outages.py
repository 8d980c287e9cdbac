"""A broker that is killed, and a broker that comes late: the services wait, register again and go on."""

from functools import partial

import pytest

from tests.integration.conftest import MakeStack
from tests.integration.deadlines import wait_until
from tests.integration.engine import docker, inspect, log_lines, stop
from tests.integration.stack import Stack, got, has_got, sent

pytestmark = pytest.mark.docker


def has_said(container: str, words: str) -> bool:
    return any(words in line for line in log_lines(container))


def after_restart(records: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Cut off what came before the broker forgot everything: its offsets begin at 0 again."""
    starts = [place for place, (offset, _) in enumerate(records) if offset == 0]
    return records[starts[-1] :] if len(starts) > 1 else []


def restarted(stack: Stack) -> list[str]:
    """Name the services that the engine had to start again."""
    containers = [name for service in ("producer", "consumer") for name in stack.containers(service)]
    return [name for name in containers if inspect(name)["RestartCount"]]


def test_services_go_on_after_the_broker_was_killed_under_load(make_stack: MakeStack) -> None:
    stack = make_stack(PRODUCER_RATE="50", CONSUMER_GROUP="")
    stack.up("--scale", "consumer=2")
    broker, producer = stack.container("broker"), stack.container("producer")
    consumers = stack.containers("consumer")
    for consumer in consumers:
        wait_until(partial(has_got, consumer, 20), f"records flow to {consumer}")

    docker("kill", "--signal", "KILL", broker)
    for service in (producer, *consumers):
        wait_until(partial(has_said, service, "does not answer"), f"{service} waits")
    docker("start", broker)

    wait_until(lambda: len(after_restart(sent(producer))) > 20, "the producer goes on")
    stop(producer)
    published = after_restart(sent(producer))
    assert [offset for offset, _ in published] == list(range(len(published)))
    for consumer in consumers:
        assert has_said(consumer, "registering again")
        wait_until(partial(has_said, consumer, published[-1][1]), f"{consumer} gets the last record")
        assert after_restart(got(consumer)) == published
    assert restarted(stack) == []


def test_services_that_start_20_s_before_their_broker_wait_for_it(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.compose("up", "--no-build", "--detach", "--no-deps", "producer", "consumer")
    for service in ("producer", "consumer"):
        container = stack.container(service)
        # 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5 and 5 s lie between the first try and the ninth: more than 20 s.
        wait_until(partial(has_said, container, "; try 9,"), f"{service} tries", seconds=60)

    stack.up()

    wait_until(lambda: got(stack.container("consumer")), "a record arrives")
    assert restarted(stack) == []
