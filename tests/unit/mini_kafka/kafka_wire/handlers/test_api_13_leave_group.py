"""LeaveGroup: one member or several, each answered for itself."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, stable


@pytest.mark.parametrize("version", [0, 1, 2])
def test_one_member_goes_and_a_second_time_it_is_unknown(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        member_id = await stable(client)
        for code in ("none", "unknown_member_id"):
            answer = await client.ask("LeaveGroup", version, group_id=GROUP, member_id=member_id)
            assert answer.error_code.name == code

    tell_kafka(story)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_each_of_several_is_answered_for_itself(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        member_id = await stable(client)
        answer = await client.ask(
            "LeaveGroup", version, group_id=GROUP, members=[{"member_id": "stranger"}, {"member_id": member_id}]
        )
        assert answer.error_code.name == "none"
        assert [(member.member_id, member.error_code.name) for member in answer.members] == [
            ("stranger", "unknown_member_id"),
            (member_id, "none"),
        ]

    tell_kafka(story)


def test_somebody_else_can_send_a_static_member_away_by_its_name() -> None:
    async def story(client: KafkaClient) -> None:
        await stable(client, group_instance_id="till")
        members = [{"member_id": "", "group_instance_id": "till"}]
        answer = await client.ask("LeaveGroup", group_id=GROUP, members=members)
        assert answer.members[0].error_code.name == "none"

    tell_kafka(story)


def test_of_a_group_that_is_not_every_member_is_unknown_and_without_a_name_the_whole_is_refused() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("LeaveGroup", group_id="none", members=[{"member_id": "m"}])
        assert (answer.error_code.name, answer.members[0].error_code.name) == ("none", "unknown_member_id")
        answer = await client.ask("LeaveGroup", group_id="", members=[{"member_id": "m"}])
        assert (answer.error_code.name, answer.members) == ("invalid_group_id", ())

    tell_kafka(story)
