"""ApiVersions: the registry as clients read it, also by those that ask in a version of the future."""

import struct
from typing import Any

import pytest
from kio.serial import entity_reader

from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.kio_codec import message_type
from mini_kafka.kafka_wire.registry import APIS
from tests.support.kafka import KafkaClient, tell_kafka

SOFTWARE = {"client_software_name": "apache-kafka-java", "client_software_version": "4.3.1"}


def listed(answer: Any) -> list[tuple[int, int, int]]:
    return [(api.api_key, api.min_version, api.max_version) for api in answer.api_keys]


@pytest.mark.parametrize("version", range(5))
def test_the_list_is_the_registry(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("ApiVersions", version, **SOFTWARE if version >= 3 else {})
        assert answer.error_code.name == "none"
        assert listed(answer) == [(api.key, api.lowest, api.highest) for api in APIS.values()]

    tell_kafka(story)


def test_a_version_that_nobody_knows_is_answered_with_a_whole_body_of_version_0() -> None:
    async def story(client: KafkaClient) -> None:
        client.session.receive(struct.pack(">ihhih", 10, 18, 99, 7, -1))
        request = client.session.next_request()
        assert request is not None
        body: Answer = request.api.handle(Call(request, client.connection))  # type: ignore[assignment]
        assert isinstance(body, bytes)
        answer, size = entity_reader(message_type("ApiVersions", 0, "Response"))(body, 0)
        assert size == len(body)
        assert answer.error_code.name == "unsupported_version"
        assert (18, 0, 4) in listed(answer)

    tell_kafka(story)


@pytest.mark.parametrize("name", ["", "-", "a b", "a-", "ä"])
@pytest.mark.parametrize("field", SOFTWARE)
def test_software_that_has_no_name_or_version_is_refused_and_told_nothing(field: str, name: str) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("ApiVersions", 4, **SOFTWARE | {field: name})
        assert (answer.error_code.name, listed(answer)) == ("invalid_request", [])

    tell_kafka(story)


def test_every_truncation_of_a_request_is_refused() -> None:
    async def story(client: KafkaClient) -> None:
        whole = b"\5name\4 1.\0"
        for end in range(len(whole)):
            client.session.receive(struct.pack(">ihhihb", 11 + end, 18, 4, 7, -1, 0) + whole[:end])
            request = client.session.next_request()
            assert request is not None
            with pytest.raises(WireError):
                request.api.handle(Call(request, client.connection))
            client.session.respond(None)

    tell_kafka(story)
