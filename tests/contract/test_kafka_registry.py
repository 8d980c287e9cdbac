"""The registry says what Apache Kafka 4.3.1 has, and the handlers say what the registry says."""

import asyncio
import inspect
import random
import re
from importlib import import_module
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode as KioErrorCode
from kio.schema.index import api_key_map, schema_name_map

from mini_kafka.kafka_wire import handlers
from mini_kafka.kafka_wire.bounds import WireLimits
from mini_kafka.kafka_wire.call import Api
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import message_type, read_request
from mini_kafka.kafka_wire.registry import APIS
from mini_kafka.kafka_wire.session import Session
from tests.support.kafka import frame_of
from tests.support.kafka_messages import random_message, versions

# What is advertised and answered beyond or below kio's versions, and why.
BEYOND = {
    "Produce": (0, 13),  # 0 to 2 are advertised and refused, as in Kafka: KAFKA-18659
    "InitProducerId": (0, 5),  # 6 is unstable in 4.3.1, and not advertised
}
EVERY_API = [pytest.param(api, id=api.name) for api in APIS.values()]
EVERY_VERSION = [pytest.param(api, version, id=f"{api.name}-{version}") for api, version in versions()]


@pytest.mark.parametrize("api", EVERY_API)
def test_an_api_has_kafkas_key_and_name_and_all_of_its_versions(api: Api) -> None:
    name = api_key_map[api.key]
    known = sorted(schema_name_map[name])
    assert re.sub(r"(?<!^)(?=[A-Z])", "_", api.name).lower() == name
    assert (api.lowest, api.highest) == BEYOND.get(api.name, (known[0], known[-1]))


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_a_version_is_flexible_where_kio_says_so(api: Api, version: int) -> None:
    assert message_type(api.name, version, "Request").__flexible__ is api.is_flexible(version)
    assert message_type(api.name, version, "Response").__flexible__ is api.is_flexible(version)


@pytest.mark.parametrize("api", EVERY_API)
def test_a_handler_s_first_line_names_the_api_its_key_and_its_versions(api: Api) -> None:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", api.name).lower()
    module = import_module(f"{handlers.__name__}.api_{api.key:02}_{snake}")
    joint = {0: f"version {api.lowest}", 1: f"versions {api.lowest} and {api.highest}"}
    spoken = joint.get(api.highest - api.lowest, f"versions {api.lowest} to {api.highest}")
    assert (inspect.getdoc(module) or "").startswith(f"{api.name} ({api.key}), {spoken}: ")


def test_every_handler_is_in_the_registry() -> None:
    files = {path.stem for path in Path(str(handlers.__file__)).parent.glob("api_*.py")}
    assert {int(name.split("_")[1]) for name in files} == set(APIS)


def test_apis_are_listed_by_key() -> None:
    assert list(APIS) == sorted(APIS)


@pytest.mark.parametrize(("api", "version"), EVERY_VERSION)
def test_whatever_a_client_says_is_read_as_it_was_meant(api: Api, version: int) -> None:
    rng = random.Random(f"{api.name} {version}")
    for _ in range(10):
        message = random_message(api, version, "Request", rng)
        session = Session(APIS, WireLimits(request_bytes=1024 * 1024))
        session.receive(frame_of(api, version, message))
        request = session.next_request()
        assert request is not None
        assert asyncio.run(read_request(request)) == message


def test_error_codes_have_kafkas_numbers() -> None:
    assert {code.name.lower(): int(code) for code in ErrorCode}.items() <= {
        code.name: int(code) for code in KioErrorCode
    }.items()
