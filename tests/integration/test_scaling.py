"""`docker compose up --scale consumer=N`: copies that share the records, or that each get all of them."""

from collections import Counter
from functools import partial

import pytest

from tests.integration.conftest import MakeStack
from tests.integration.deadlines import wait_until
from tests.integration.engine import docker, stop
from tests.integration.stack import Stack, got, has_got, sent

pytestmark = pytest.mark.docker


def publish(stack: Stack, *, at_least: int) -> list[tuple[int, str]]:
    """Let a stack's producer send so many records, stop it, and return what it sent."""
    producer = stack.container("producer")
    wait_until(lambda: len(sent(producer)) >= at_least, f"the producer sends {at_least} records")
    stop(producer)
    return sent(producer)


def test_copies_of_a_group_share_the_records_without_gaps_and_duplicates(make_stack: MakeStack) -> None:
    stack = make_stack(PRODUCER_RATE="100")
    stack.up("--scale", "consumer=3")
    copies = stack.containers("consumer")
    wait_until(lambda: all(has_got(copy, 10) for copy in copies), "each copy has its share")
    stop(copies[0])  # a copy that goes takes nothing with it

    published = publish(stack, at_least=300)

    wait_until(lambda: sum(len(got(copy)) for copy in copies) >= len(published), "all records arrive")
    for copy in copies:
        stop(copy)
    assert Counter(record for copy in copies for record in got(copy)) == Counter(published)


def test_a_copy_that_is_killed_takes_nothing_with_it_and_only_what_it_held_is_handled_twice(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(PRODUCER_RATE="200", CONSUMER_LOCK_MS="2000")
    stack.up("--scale", "consumer=5")
    copies = stack.containers("consumer")
    wait_until(lambda: all(has_got(copy, 10) for copy in copies), "each copy has its share")
    killed = copies[0]
    docker("kill", "--signal", "KILL", killed)

    published = publish(stack, at_least=600)

    handled = {copy: Counter[tuple[int, str]]() for copy in copies}

    def all_are_handled() -> bool:
        for copy in copies:
            handled[copy] = Counter(got(copy))
        return set(published) <= set().union(*handled.values())

    wait_until(all_are_handled, "every record is handled")
    for copy in copies[1:]:
        stop(copy)
    by_the_living = sum((Counter(got(copy)) for copy in copies[1:]), Counter())
    assert max(by_the_living.values()) == 1
    assert by_the_living + handled[killed] >= Counter(published)
    assert set(by_the_living) | set(handled[killed]) == set(published)


def test_copies_without_a_group_get_every_record_each_in_order(make_stack: MakeStack) -> None:
    stack = make_stack(PRODUCER_RATE="100", CONSUMER_GROUP="")
    stack.up("--scale", "consumer=3")

    published = publish(stack, at_least=200)

    for copy in stack.containers("consumer"):
        wait_until(partial(has_got, copy, len(published)), f"all records arrive at {copy}")
        stop(copy)
        assert got(copy) == published
