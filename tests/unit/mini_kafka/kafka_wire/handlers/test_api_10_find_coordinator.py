"""FindCoordinator: this broker coordinates everything, and no question ends the connection."""

import pytest

from tests.support.kafka import ADVERTISED, KafkaClient, tell_kafka

HERE = (1, ADVERTISED.host, ADVERTISED.port)
NOWHERE = (-1, "", -1)


def place(answer: object) -> tuple[object, ...]:
    return tuple(getattr(answer, name) for name in ("node_id", "host", "port"))


@pytest.mark.parametrize("version", range(4))
@pytest.mark.parametrize("group", ["g", ""])
def test_a_group_is_coordinated_here(version: int, group: str) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("FindCoordinator", version, key=group)
        assert (answer.error_code, place(answer)) == (0, HERE)

    tell_kafka(story)


@pytest.mark.parametrize("version", [4, 5, 6])
@pytest.mark.parametrize("key_type", [0, 1])
def test_each_of_many_keys_is_answered(version: int, key_type: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("FindCoordinator", version, key_type=key_type, coordinator_keys=["a", "", "a"])
        assert [found.key for found in answer.coordinators] == ["a", "", "a"]
        found = {(one.error_code, place(one), one.error_message) for one in answer.coordinators}
        assert found == {(0, HERE, "")}

    tell_kafka(story)


@pytest.mark.parametrize(("version", "key_type"), [(1, 2), (3, 9), (5, 2), (6, 3), (6, -1)])
def test_a_type_of_key_that_the_version_does_not_know_is_answered(version: int, key_type: int) -> None:
    async def story(client: KafkaClient) -> None:
        key = {"key": "k"} if version < 4 else {"coordinator_keys": ["k"]}
        answer = await client.ask("FindCoordinator", version, key_type=key_type, **key)
        found = answer if version < 4 else answer.coordinators[0]
        assert (found.error_code.name, place(found)) == ("invalid_request", NOWHERE)

    tell_kafka(story)


def test_a_share_partition_is_found_by_group_topic_id_and_partition() -> None:
    topic_id = "AAAAAAAAAAAAAAAAAAAAAQ"
    good = [f"a:{topic_id}:1", f"a:b:{topic_id}:1"]
    bad = ["", "b", "a:b:c", f"a:{topic_id}", f"{topic_id}:1"]

    async def story(client: KafkaClient) -> None:
        answer = await client.ask("FindCoordinator", key_type=2, coordinator_keys=good + bad)
        names = [found.error_code.name for found in answer.coordinators]
        assert names == ["none"] * len(good) + ["invalid_request"] * len(bad)

    tell_kafka(story)
