"""InitProducerId: a new id for whoever is idempotent, and a refusal for whoever wants transactions."""

import pytest

from tests.support.kafka import KafkaClient, tell_kafka


async def init(client: KafkaClient, version: int, transactional_id: str | None, **had: int) -> tuple[str, int, int]:
    """Ask for an id, and give the error's name, the id and the epoch."""
    known = {"producer_id": -1, "producer_epoch": -1, **had} if version >= 3 else {}
    wanted = {"transactional_id": transactional_id, "transaction_timeout": 60_000, **known}
    answer = await client.ask("InitProducerId", version, **wanted)
    return answer.error_code.name, answer.producer_id, answer.producer_epoch


@pytest.mark.parametrize("version", range(6))
def test_each_call_gives_another_id_with_epoch_0(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        (_, one, _), (_, two, _) = given = [await init(client, version, None) for _ in range(2)]
        assert [(error, epoch) for error, _, epoch in given] == [("none", 0)] * 2
        assert 0 <= one != two >= 0

    tell_kafka(story)


@pytest.mark.parametrize("version", range(6))
def test_a_transactional_id_gets_an_error_that_clients_do_not_try_again(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        assert await init(client, version, "t") == ("transactional_id_authorization_failed", -1, -1)
        assert await init(client, version, "") == ("invalid_request", -1, -1)

    tell_kafka(story)


def test_a_producer_that_names_its_id_and_its_epoch_gets_a_new_id_and_with_one_of_them_none() -> None:
    async def story(client: KafkaClient) -> None:
        error, producer_id, epoch = await init(client, 5, None, producer_id=7, producer_epoch=3)
        assert (error, epoch) == ("none", 0)
        assert producer_id != 7
        assert await init(client, 5, None, producer_id=7) == ("invalid_request", -1, -1)
        assert await init(client, 5, None, producer_epoch=3) == ("invalid_request", -1, -1)

    tell_kafka(story)
