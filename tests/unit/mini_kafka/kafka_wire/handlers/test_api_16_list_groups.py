"""ListGroups: one list of all groups, whichever door they came in by."""

from typing import Any

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, stable


async def listed(client: KafkaClient, version: int = 5, **filters: Any) -> dict[str, tuple[str, ...]]:
    answer = await client.ask("ListGroups", version, **{"states_filter": [], "types_filter": [], **filters})
    fields = ("protocol_type", "group_state", "group_type")
    return {
        group.group_id: tuple(getattr(group, field) for field in fields if hasattr(group, field))
        for group in answer.groups
    }


async def one_of_each(client: KafkaClient) -> None:
    await stable(client)
    await client.engine.register_consumer(client.caller, "guide", "orders")
    await client.engine.acquire(client.caller, "shared", ["orders"], max_records=1)


@pytest.mark.parametrize("version", range(6))
def test_every_version_lists_every_group(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        assert await listed(client, version) == {}
        await one_of_each(client)
        found = await listed(client, version)
        size = {4: 2, 5: 3}.get(version, 1)
        assert found == {
            GROUP: ("consumer", "Stable", "classic")[:size],
            "guide": ("", "Empty", "classic")[:size],
            "shared": ("share", "Empty", "share")[:size],
        }

    tell_kafka(story)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"states_filter": ["Stable"]}, {GROUP}),
        ({"states_filter": ["empty", "Odd"]}, {"guide", "shared"}),
        ({"types_filter": ["Classic"]}, {GROUP, "guide"}),
        ({"types_filter": ["consumer"]}, set()),
        ({"types_filter": ["share"], "states_filter": ["Stable"]}, set()),
    ],
)
def test_only_the_states_and_types_that_are_asked_for_are_listed(filters: dict[str, Any], found: set[str]) -> None:
    async def story(client: KafkaClient) -> None:
        await one_of_each(client)
        assert set(await listed(client, **filters)) == found

    tell_kafka(story)
