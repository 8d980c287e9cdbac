"""Random messages of the Kafka protocol: any value that a version's fields can have, from kio's own dataclasses."""

import random
import string
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from mini_kafka.kafka_wire.call import Api
from mini_kafka.kafka_wire.kio_codec import build_message, message_type
from mini_kafka.kafka_wire.message_shape import Entity, FieldShape, shape_of
from mini_kafka.kafka_wire.registry import APIS

BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
UNSIGNED = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}
LETTERS = string.ascii_letters + string.digits + "._-äß \0"
TEXTS: tuple[str, ...] = ()
"""The strings to choose from; without any, they are made of some letters."""


def versions(lowest_known: int = 0) -> Iterator[tuple[Api, int]]:
    """List every version of every API that the broker answers and kio knows."""
    for api in APIS.values():
        for version in range(max(api.lowest, lowest_known, 3 if api.name == "Produce" else 0), api.highest + 1):
            yield api, version


def random_message(api: Api, version: int, kind: str, rng: random.Random) -> Any:
    """Make a message with random values, as kio's dataclass."""
    return build_message(api, version, kind, random_values(message_type(api.name, version, kind), rng))


def random_values(entity: Entity, rng: random.Random) -> dict[str, Any]:
    """Choose a value for each field of a kio dataclass; tagged ones are left out now and then."""
    return {field.name: _value(field, rng) for field in shape_of(entity) if field.tag is None or rng.random() < 0.5}


def _value(field: FieldShape, rng: random.Random) -> Any:
    if field.is_nullable and field.tag is None and rng.random() < 0.2:
        return None
    if field.is_array:
        return [_element(field, rng) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    return _element(field, rng)


def _element(field: FieldShape, rng: random.Random) -> Any:
    kind = field.kafka_type
    if field.entity is not None:
        return random_values(field.entity, rng)
    if kind == "string":
        return rng.choice(TEXTS) if TEXTS else "".join(rng.choices(LETTERS, k=rng.choice((0, 1, 5, 20))))
    if kind in {"bytes", "records"}:
        return rng.randbytes(rng.choice((0, 1, 61, 200)))
    if kind == "uuid":
        return UUID(int=rng.choice((0, 1, rng.getrandbits(128))))
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "error_code":
        return rng.choice((-1, 0, 3, 35))
    if kind == "float64":
        return rng.random()
    if kind in {"timedelta_i32", "timedelta_i64"}:
        return rng.choice((0, 1, 500, 2**31 - 1))
    if kind in UNSIGNED:
        return rng.choice((0, 1, 2 ** UNSIGNED[kind] - 1))
    bits = BITS[str(kind)]
    return rng.choice((0, 1, 2, -1, -2, rng.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))))
