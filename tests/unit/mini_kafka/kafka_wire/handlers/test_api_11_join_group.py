"""JoinGroup: each version says what it can."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka
from tests.support.kafka_group import join


@pytest.mark.parametrize("version", range(10))
def test_a_lone_member_leads_the_first_generation_in_every_version(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await join(client, version)
        assert (answer.error_code.name, answer.generation_id, answer.protocol_name) == ("none", 1, "range")
        assert answer.leader == answer.member_id
        assert [member.member_id for member in answer.members] == [answer.member_id]
        assert answer.member_id.startswith("test-client-")
        assert getattr(answer, "protocol_type", "consumer") == "consumer"

    tell_kafka(story)


@pytest.mark.parametrize(("version", "code"), [(3, "none"), (4, "member_id_required"), (9, "member_id_required")])
def test_an_id_is_given_out_first_from_version_4_on(version: int, code: str) -> None:
    async def story(client: KafkaClient) -> None:
        values = {
            "group_id": "g", "session_timeout": 10_000, "rebalance_timeout": 60_000, "member_id": "",
            "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": b""}],
        }  # fmt: skip
        answer = await client.ask("JoinGroup", version, **values)
        assert answer.error_code.name == code
        assert answer.member_id

    tell_kafka(story)


@pytest.mark.parametrize(("version", "protocol"), [(0, ""), (6, ""), (7, None), (9, None)])
def test_a_refusal_names_no_protocol_and_the_member_as_it_came(version: int, protocol: str | None) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await join(client, version, member_id="stranger")
        assert (answer.error_code.name, answer.generation_id) == ("unknown_member_id", -1)
        assert (answer.protocol_name, answer.member_id, answer.members) == (protocol, "stranger", ())

    tell_kafka(story)


def test_a_stable_static_leader_is_told_to_keep_the_assignment() -> None:
    async def story(client: KafkaClient) -> None:
        first = await join(client, group_instance_id="till")
        await client.ask(
            "SyncGroup", group_id="g", generation_id=1, member_id=first.member_id, group_instance_id="till",
            protocol_type="consumer", protocol_name="range", assignments=[],
        )  # fmt: skip
        again = await join(client, group_instance_id="till")
        assert (again.skip_assignment, again.leader) == (True, again.member_id)
        assert again.member_id != first.member_id

    tell_kafka(story)


def test_a_broker_that_shares_the_groups_records_refuses_with_the_groups_kind() -> None:
    async def story(client: KafkaClient) -> None:
        await client.engine.produce(client.caller, "orders", [], create=True)
        await client.engine.register_consumer(client.caller, "g", "orders")
        with client.engine._groups._offset_calls.inside("g"):
            answer = await join(client)
        assert answer.error_code.name == "inconsistent_group_protocol"

    tell_kafka(story)
