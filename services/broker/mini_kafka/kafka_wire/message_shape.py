"""What kio's dataclasses say about their fields: the shape of a message in one version.

kio's field metadata is the only schema; `message_reader` reads by it, and `kio_codec` fills messages in by it.
"""

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

NUMBERS = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float64", "error_code",
    "timedelta_i32", "timedelta_i64", "datetime_i64",
})  # fmt: skip

Entity: TypeAlias = Any
"""One of kio's dataclasses, as a class."""


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field of a kio dataclass: what it holds, and how."""

    name: str
    kafka_type: str | None
    entity: Entity | None
    is_array: bool
    is_nullable: bool
    tag: int | None

    @property
    def is_number(self) -> bool:
        """Whether it is one number, time, code or truth value."""
        return not self.is_array and self.kafka_type in NUMBERS


@cache
def shape_of(entity: Entity) -> tuple[FieldShape, ...]:
    """Read the shape of a kio dataclass from its fields."""
    return tuple(
        _field_shape(field.name, field.type, field.metadata.get("kafka_type"), field.metadata.get("tag"))
        for field in fields(entity)
    )


@cache
def field_names(entity: Entity) -> frozenset[str]:
    """List the names of a message's fields, at any depth."""
    shape = shape_of(entity)
    below = (field_names(field.entity) for field in shape if field.entity is not None)
    return frozenset(field.name for field in shape).union(*below)


def _field_shape(name: str, annotation: Any, kafka_type: str | None, tag: int | None) -> FieldShape:
    inner, is_nullable = _without_none(annotation)
    is_array = get_origin(inner) is tuple
    if is_array:
        inner, _ = _without_none(get_args(inner)[0])
    entity = inner if is_dataclass(inner) and isinstance(inner, type) else None
    return FieldShape(name, kafka_type, entity, is_array, is_nullable, tag)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in {UnionType, Union}:
        return annotation, False
    (inner,) = (member for member in get_args(annotation) if member is not NoneType)
    return inner, True
