"""DeleteGroups: each group is gone or has its own reason not to be."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, TOPIC, stable


@pytest.mark.parametrize("version", range(3))
def test_a_group_goes_when_nobody_is_in_it(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        member_id = await stable(client)
        await client.engine.register_consumer(client.caller, "guide", TOPIC)
        answer = await client.ask("DeleteGroups", version, groups_names=[GROUP, "guide", "none"])
        assert [(result.group_id, result.error_code.name) for result in answer.results] == [
            (GROUP, "non_empty_group"),
            ("guide", "none"),
            ("none", "group_id_not_found"),
        ]
        await client.ask("LeaveGroup", group_id=GROUP, members=[{"member_id": member_id}])
        answer = await client.ask("DeleteGroups", version, groups_names=[GROUP])
        assert answer.results[0].error_code.name == "none"
        assert await client.engine.list_groups(client.caller) == []

    tell_kafka(story)
