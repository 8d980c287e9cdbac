"""DescribeGroups: state and members, of every group that has partitions to share."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import GROUP, TOPIC, commit, stable
from tests.support.membership import assignment, subscription


@pytest.mark.parametrize("version", range(7))
def test_a_stable_group_shows_its_members_and_what_they_have(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        member_id = await stable(client, group_instance_id="till")
        (group,) = (await client.ask("DescribeGroups", version, groups=[GROUP])).groups
        assert (group.group_state, group.protocol_type, group.protocol_data) == ("Stable", "consumer", "range")
        (member,) = group.members
        assert (member.member_id, member.client_id, member.client_host) == (member_id, "test-client", "/10.0.0.1")
        assert (member.member_metadata, member.member_assignment) == (subscription(TOPIC), assignment(TOPIC, 0))
        assert getattr(member, "group_instance_id", "till") == "till"

    tell_kafka(story)


@pytest.mark.parametrize("version", range(7))
def test_a_group_that_is_not_is_dead_and_from_version_6_on_not_found(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        (group,) = (await client.ask("DescribeGroups", version, groups=["none"])).groups
        assert group.group_state == "Dead"
        assert group.error_code.name == ("group_id_not_found" if version == 6 else "none")
        if version == 6:
            assert group.error_message == "Group none not found."

    tell_kafka(story)


def test_who_only_commits_makes_an_empty_group_whichever_way_it_commits() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.create_topic(client.caller, TOPIC)
        await commit(client)
        await client.engine.register_consumer(client.caller, "guide", TOPIC)
        answer = await client.ask("DescribeGroups", groups=[GROUP, "guide"])
        assert [(group.group_state, group.members) for group in answer.groups] == [("Empty", ()), ("Empty", ())]

    tell_kafka(story)


def test_who_shares_records_is_no_group_of_this_kind() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.acquire(client.caller, GROUP, [TOPIC], max_records=1)
        (group,) = (await client.ask("DescribeGroups", groups=[GROUP])).groups
        assert group.error_code.name == "group_id_not_found"
        assert "not a classic group" in group.error_message

    tell_kafka(story)


@pytest.mark.parametrize("asks", [True, False])
def test_what_a_caller_may_do_is_told_to_who_asks(asks: bool) -> None:
    async def story(client: KafkaClient) -> None:
        await stable(client)
        (group,) = (await client.ask("DescribeGroups", groups=[GROUP], include_authorized_operations=asks)).groups
        assert (group.authorized_operations > 0) is asks

    tell_kafka(story)
