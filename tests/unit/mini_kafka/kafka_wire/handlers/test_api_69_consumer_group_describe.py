"""ConsumerGroupDescribe: a refusal after which tools ask DescribeGroups."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, stable


@pytest.mark.parametrize("version", [0, 1])
def test_no_group_is_of_the_new_protocol(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await stable(client)
        answer = await client.ask("ConsumerGroupDescribe", version, group_ids=[GROUP, "none"])
        assert [(group.error_code.name, group.error_message) for group in answer.groups] == [
            ("group_id_not_found", "Group g is not a consumer group."),
            ("group_id_not_found", "Group none not found."),
        ]

    tell_kafka(story)
