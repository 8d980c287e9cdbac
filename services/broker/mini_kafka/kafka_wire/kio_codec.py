"""Requests and responses by kio's dataclasses, one for each version: for every API that is not on the hot path.

kio is imported with the first request that needs it, and each version of a message with its first request.
A handler reads the attributes that its request's version has, and answers with the fields of all versions, as nested
mappings; those that its version lacks are left out.
"""

import asyncio
import io
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any

from mini_kafka.kafka_wire.call import Api, Call, Request
from mini_kafka.kafka_wire.message_reader import read_message
from mini_kafka.kafka_wire.message_shape import Entity, FieldShape, field_names, shape_of
from mini_kafka.kafka_wire.primitives import NO_ID

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@cache
def message_type(api_name: str, version: int, kind: str) -> Entity:
    """Find kio's dataclass: `kind` is "Request" or "Response"."""
    folder = _WORD.sub("_", api_name).lower()
    module = import_module(f"kio.schema.{folder}.v{version}.{kind.lower()}")
    found: Entity = getattr(module, api_name + kind)
    return found


def read_request(request: Request) -> Any:
    """Give a request's body as kio's dataclass of its version.

    Raises:
        WireError: the body is not what the version of this API says.
    """
    entity = message_type(request.api.name, request.version, "Request")
    return read_message(entity, request.body, request.max_elements)


def write_response(api: Api, version: int, values: Mapping[str, Any]) -> bytes:
    """Write a response's body from the fields of all versions; times are milliseconds, ids are UUIDs.

    See `build_message` for what may be left out.
    """
    from kio.serial import entity_writer

    buffer = io.BytesIO()
    entity_writer(message_type(api.name, version, "Response"))(buffer, build_message(api, version, "Response", values))
    return buffer.getvalue()


def respond(call: Call, **values: Any) -> bytes:
    """Write the response to a call; see `write_response`."""
    return write_response(call.request.api, call.version, values)


async def respond_aside(call: Call, **values: Any) -> bytes:
    """Write a long response on a thread: kio takes some 20 µs for each structure in it."""
    return await asyncio.to_thread(write_response, call.request.api, call.version, values)


def build_message(api: Api, version: int, kind: str, values: Mapping[str, Any]) -> Any:
    """Make a message of one version from the fields of all; what other versions have is left out.

    Numbers that are not given are 0, as in Kafka's own classes, and what may be null is null.

    Raises:
        TypeError: another field is missing that has no default, or no version has one of this name.
    """
    return _Builder(api, kind).build(message_type(api.name, version, kind), values)


@dataclass(frozen=True, slots=True)
class _Builder:
    api: Api
    kind: str

    def build(self, entity: Entity, values: Mapping[str, Any]) -> Any:
        shapes = {shape.name: shape for shape in shape_of(entity)}
        values = {**_defaults(entity), **values}
        if missing := _required(entity) - values.keys():
            raise TypeError(f"{entity.__qualname__} needs {sorted(missing)} too")
        for name in values.keys() - shapes.keys():
            if not _has_field(self.api, self.kind, name):
                raise TypeError(f"{entity.__qualname__} has no field {name!r} in any version")
        return entity(**{name: self._value(shape, values[name]) for name, shape in shapes.items() if name in values})

    def _value(self, shape: FieldShape, value: Any) -> Any:
        if value is None or not shape.is_array:
            return self._element(shape, value)
        return tuple(self._element(shape, element) for element in value)

    def _element(self, shape: FieldShape, value: Any) -> Any:
        if value is None:
            return None
        if shape.entity is not None:
            return self.build(shape.entity, value)
        if shape.kafka_type == "error_code":
            from kio.schema.errors import ErrorCode

            return ErrorCode(value)
        if shape.kafka_type in {"timedelta_i32", "timedelta_i64"}:
            return timedelta(milliseconds=value)
        if shape.kafka_type == "bool":
            return bool(value)
        if shape.kafka_type == "uuid":
            return None if value == NO_ID else value
        return value


@cache
def _has_field(api: Api, kind: str, name: str) -> bool:
    """Tell whether a version of a message has a field of this name, at any depth; the newest is asked first."""
    return any(
        name in field_names(message_type(api.name, version, kind)) for version in range(api.highest, api.lowest - 1, -1)
    )


@cache
def _required(entity: Entity) -> frozenset[str]:
    return frozenset(field.name for field in fields(entity) if field.default is MISSING)


@cache
def _defaults(entity: Entity) -> Mapping[str, Any]:
    required = [shape for shape in shape_of(entity) if shape.name in _required(entity)]
    nulls = {shape.name: None for shape in required if shape.is_nullable}
    zeros = {shape.name: 0 for shape in required if shape.is_number}
    return {**nulls, **zeros}
