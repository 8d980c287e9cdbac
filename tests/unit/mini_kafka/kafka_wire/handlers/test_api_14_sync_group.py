"""SyncGroup: the member's own assignment, in every version."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, TOPIC, stable
from tests.support.membership import assignment


@pytest.mark.parametrize("version", range(6))
def test_a_member_gets_its_assignment_in_every_version(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        values = {"protocol_type": "consumer", "protocol_name": "range"} if version >= 5 else {}
        answer = await client.ask(
            "SyncGroup", version, group_id=GROUP, generation_id=1, member_id=await stable(client), assignments=[],
            **values,
        )  # fmt: skip
        assert (answer.error_code.name, answer.assignment) == ("none", assignment(TOPIC, 0))

    tell_kafka(story)


@pytest.mark.parametrize("lacks", ["protocol_type", "protocol_name"])
def test_version_5_needs_both_parts_of_the_protocol(lacks: str) -> None:
    async def story(client: KafkaClient) -> None:
        values = {"protocol_type": "consumer", "protocol_name": "range", lacks: None}
        answer = await client.ask(
            "SyncGroup", 5, group_id=GROUP, generation_id=1, member_id=await stable(client), assignments=[], **values
        )
        assert (answer.error_code.name, answer.assignment) == ("inconsistent_group_protocol", b"")

    tell_kafka(story)
