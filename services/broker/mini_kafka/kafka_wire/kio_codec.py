"""Requests and responses by kio's dataclasses, one for each version: for every API that is not on the hot path.

kio is imported with the first request that needs it, and each version of a message with its first request: on a thread,
because kio takes 10 ms, and 200 where Hypothesis is installed, which it then imports too.
A handler reads the attributes that its request's version has, and answers with the fields of all versions, as nested
mappings; those that its version lacks are left out. What is long is read and written on a thread.
"""

import asyncio
import io
import re
from collections.abc import AsyncIterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any

from mini_kafka.kafka_wire.call import Api, Call, Request
from mini_kafka.kafka_wire.message_reader import read_message
from mini_kafka.kafka_wire.message_shape import Entity, FieldShape, field_names, shape_of
from mini_kafka.kafka_wire.primitives import (
    AT_ONCE,
    MAX_MESSAGE_CHARACTERS,
    NO_ID,
    NO_TAGS,
    TooMuchAtOnce,
    array_length,
)

INLINE_ELEMENTS = 100
"""A response with more of them is written on a thread: kio takes some 20 µs for each structure."""
_loaded: set[tuple[int, int]] = set()
"""The keys and versions whose classes are imported."""
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@cache
def message_type(api_name: str, version: int, kind: str) -> Entity:
    """Find kio's dataclass: `kind` is "Request" or "Response"."""
    folder = _WORD.sub("_", api_name).lower()
    module = import_module(f"kio.schema.{folder}.v{version}.{kind.lower()}")
    found: Entity = getattr(module, api_name + kind)
    return found


async def read_request(request: Request) -> Any:
    """Give a request's body as kio's dataclass of its version.

    Raises:
        WireError: the body is not what the version of this API says.
    """
    if (request.api.key, request.version) not in _loaded:
        await asyncio.to_thread(_load, request.api, request.version)
    entity = message_type(request.api.name, request.version, "Request")
    try:
        return read_message(entity, request.body, request.max_elements, AT_ONCE)
    except TooMuchAtOnce:
        return await asyncio.to_thread(read_message, entity, request.body, request.max_elements)


def _load(api: Api, version: int) -> None:
    """Import what requests and responses of a version need; fields that it lacks are looked for in the newest."""
    for kind in ("Request", "Response"):
        for needed in (version, api.highest):
            message_type(api.name, needed, kind)
    _loaded.add((api.key, version))


async def respond(call: Call, **values: Any) -> bytes:
    """Write the response to a call from the fields of all versions; times are milliseconds, ids are UUIDs.

    See `build_message` for what may be left out.
    """
    api, version = call.request.api, call.version
    if sum(1 for _ in islice(_elements(values), INLINE_ELEMENTS + 1)) > INLINE_ELEMENTS:
        return await asyncio.to_thread(_write_response, api, version, values)
    return _write_response(api, version, values)


async def respond_bit_by_bit(call: Call, name: str, elements: AsyncIterable[Mapping[str, Any]]) -> list[bytes]:
    """Write a response that ends with the array `name`, each element when it comes: objects are ten times as large."""
    api, version, is_flexible = call.request.api, call.version, call.request.is_flexible
    tags = NO_TAGS if is_flexible else b""
    head = _write_response(api, version, {name: []}).removesuffix(array_length(0, flexible=is_flexible) + tags)
    written = []
    async for element in elements:
        is_long = sum(1 for _ in islice(_elements(element), INLINE_ELEMENTS + 1)) > INLINE_ELEMENTS
        args = api, version, name, element
        written.append(await asyncio.to_thread(_write_element, *args) if is_long else _write_element(*args))
    return [head + array_length(len(written), flexible=is_flexible), *written, tags]


def _write_element(api: Api, version: int, name: str, element: Mapping[str, Any]) -> bytes:
    shapes = shape_of(message_type(api.name, version, "Response"))
    [entity] = [shape.entity for shape in shapes if shape.name == name]
    return _write(_Builder(api, "Response").build(entity, element))


def _write_response(api: Api, version: int, values: Mapping[str, Any]) -> bytes:
    return _write(build_message(api, version, "Response", values))


def _write(message: Any) -> bytes:
    from kio.serial import entity_writer

    buffer = io.BytesIO()
    entity_writer(type(message))(buffer, message)
    return buffer.getvalue()


def _elements(values: Mapping[str, Any]) -> Iterator[Any]:
    """Go over the elements of a message's arrays, at any depth."""
    for value in values.values():
        if isinstance(value, list | tuple):
            for element in value:
                yield element
                if isinstance(element, Mapping):
                    yield from _elements(element)


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
        if shape.name == "error_message":
            return value[:MAX_MESSAGE_CHARACTERS]
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
