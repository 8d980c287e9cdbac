"""Heartbeat: a code, in every version."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, stable


@pytest.mark.parametrize("version", range(5))
def test_a_member_is_heard_and_a_stranger_is_not(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        for member_id, generation, code in (
            (await stable(client), 1, "none"),
            ("stranger", 1, "unknown_member_id"),
        ):
            answer = await client.ask(
                "Heartbeat", version, group_id=GROUP, generation_id=generation, member_id=member_id
            )
            assert answer.error_code.name == code

    tell_kafka(story)


def test_who_names_a_static_member_that_another_has_become_is_fenced() -> None:
    async def story(client: KafkaClient) -> None:
        await stable(client, group_instance_id="till")
        answer = await client.ask(
            "Heartbeat", 3, group_id=GROUP, generation_id=1, member_id="earlier", group_instance_id="till"
        )
        assert answer.error_code.name == "fenced_instance_id"

    tell_kafka(story)
