"""Reads a message into kio's dataclass, by the shape that kio gives it, and believes no length that a peer claims.

kio 0.6.5 has a reader too. It reserves memory for whatever is claimed, and `ff ff ff ff 0f` in front of an array
aborts the process; it fails on a tagged field that it does not know, which every reader has to pass over (KIP-482); and
it reads null where none may be. To show beforehand that it would do none of this takes a walk over all of the message,
and a walk over all of it may as well read it.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, TypeAlias

from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.message_shape import Entity, FieldShape, shape_of
from mini_kafka.kafka_wire.primitives import MAX_ELEMENTS, NO_ID, Reader

Step: TypeAlias = Callable[[Reader], Any]


def read_message(
    entity: Entity, data: bytes | memoryview, max_elements: int = MAX_ELEMENTS, at_once: int = sys.maxsize
) -> Any:
    """Read a message; bytes that follow it are passed over.

    Raises:
        WireError: it is none of this version, or it has too many elements.
        TooMuchAtOnce: it has more than `at_once`.
    """
    return _entity_step(entity)(Reader(data, max_elements=max_elements, at_once=at_once))


@cache
def _entity_step(entity: Entity) -> Step:
    is_flexible = entity.__flexible__
    shape = shape_of(entity)
    steps = [(field.name, _field_step(field, is_flexible=is_flexible)) for field in shape if field.tag is None]
    tagged = {
        field.tag: (field.name, _field_step(field, is_flexible=is_flexible)) for field in shape if field.tag is not None
    }

    def read_entity(reader: Reader) -> Any:
        values = {name: step(reader) for name, step in steps}
        if is_flexible:
            values |= _tagged(reader, tagged)
        return entity(**values)

    return read_entity


def _tagged(reader: Reader, tagged: Mapping[int, tuple[str, Step]]) -> dict[str, Any]:
    values = {}
    previous = -1
    for _ in range(reader.tag_count()):
        tag, size = reader.uvarint(), reader.uvarint()
        if tag <= previous:
            raise WireError(f"tagged field {tag} comes after {previous}: they have to be in order")
        previous, start = tag, reader.position
        if tag not in tagged:
            reader.take(size)
            continue
        name, step = tagged[tag]
        values[name] = step(reader)
        if reader.position - start != size:
            raise WireError(f"tagged field {tag} claims {size} bytes and has {reader.position - start}")
    return values


def _field_step(field: FieldShape, *, is_flexible: bool) -> Step:
    element = _element_step(field, is_flexible=is_flexible)
    if field.is_array:
        return _array_step(element, is_flexible=is_flexible, is_nullable=field.is_nullable)
    if field.entity is None or not field.is_nullable or field.tag is not None:
        return element
    # A structure that may be null has a byte before it (KIP-893).
    return lambda reader: element(reader) if reader.int8() >= 0 else None


def _array_step(element: Step, *, is_flexible: bool, is_nullable: bool) -> Step:
    def read_array(reader: Reader) -> tuple[Any, ...] | None:
        length = reader.array_length(flexible=is_flexible)
        if length is None:
            _check_null(is_nullable=is_nullable)
            return None
        return tuple(element(reader) for _ in range(length))

    return read_array


def _check_null(*, is_nullable: bool) -> None:
    if not is_nullable:
        raise WireError("a value is null that must not be")


def _element_step(field: FieldShape, *, is_flexible: bool) -> Step:
    if field.entity is not None:
        return _entity_step(field.entity)
    is_nullable = field.is_nullable and not field.is_array
    if field.kafka_type == "string":
        if is_nullable:
            return lambda reader: reader.nullable_string(flexible=is_flexible)
        return lambda reader: reader.string(flexible=is_flexible)
    if field.kafka_type in {"bytes", "records"}:

        def read_bytes(reader: Reader) -> bytes | None:
            data = reader.nullable_bytes(flexible=is_flexible)
            if data is None:
                _check_null(is_nullable=is_nullable)
                return None
            return bytes(data)

        return read_bytes
    return _VALUES[str(field.kafka_type)]


def _uuid(reader: Reader) -> Any:
    read = reader.uuid()
    return None if read == NO_ID else read  # as kio has it


def _error_code(reader: Reader) -> Any:
    from kio.schema.errors import ErrorCode

    code = reader.int16()
    try:
        return ErrorCode(code)
    except ValueError:
        raise WireError(f"there is no error code {code}") from None


def _long_time(reader: Reader) -> timedelta:
    milliseconds = reader.int64()
    try:
        return timedelta(milliseconds=milliseconds)
    except OverflowError:  # nobody means it: Python's longest time is 2.7 million years
        return timedelta.max if milliseconds > 0 else timedelta.min


_VALUES: Mapping[str, Step] = {
    "bool": Reader.boolean,
    "int8": Reader.int8,
    "int16": Reader.int16,
    "int32": Reader.int32,
    "int64": Reader.int64,
    "uint16": lambda reader: reader.int16() & 0xFFFF,
    "float64": Reader.float64,
    "uuid": _uuid,
    "error_code": _error_code,
    "timedelta_i32": lambda reader: timedelta(milliseconds=reader.int32()),
    "timedelta_i64": _long_time,
}
