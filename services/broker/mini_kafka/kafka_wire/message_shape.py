"""What a message of kio looks like in bytes, to walk over it before kio reads it.

kio's reader reserves memory for whatever length a peer claims: 0.6.5 aborts the process for `ff ff ff ff 0f` in front
of an array. So nothing reaches it before a walk has shown that every claimed length is there, and that there are not
more elements than a request can need. The shape comes from kio's own field metadata: there is no second schema.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.primitives import Reader

MAX_ELEMENTS = 100_000
"""How many array elements one request may have, nested ones included: each becomes a Python object of some hundred
bytes. Ten times the partitions that a broker has by default."""

_SIZES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "error_code": 2, "int32": 4, "uint32": 4,
    "timedelta_i32": 4, "int64": 8, "uint64": 8, "float64": 8, "timedelta_i64": 8, "datetime_i64": 8, "uuid": 16,
}  # fmt: skip


class Walk(Reader):
    """A reader that also counts elements."""

    __slots__ = ("elements",)

    def __init__(self, data: bytes | memoryview) -> None:
        super().__init__(data)
        self.elements = 0

    def count(self, elements: int) -> None:
        """Refuse a request with too many elements."""
        self.elements += elements
        if self.elements > MAX_ELEMENTS:
            raise WireError(f"a request has more than {MAX_ELEMENTS} elements: send several smaller ones")


Entity: TypeAlias = Any
"""One of kio's dataclasses, as a class."""
Step: TypeAlias = Callable[[Walk], object]


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
        return not self.is_array and self.kafka_type in _SIZES and self.kafka_type != "uuid"


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


def check_lengths(entity: Entity, data: memoryview) -> None:
    """Walk over a message.

    Raises:
        WireError: a claimed length is not there, or it has too many elements.
    """
    walk = Walk(data)
    _entity_step(entity)(walk)


@cache
def _entity_step(entity: Entity) -> Step:
    is_flexible = entity.__flexible__
    shape = shape_of(entity)
    steps = [_field_step(field, is_flexible) for field in shape if field.tag is None]
    tagged = {field.tag: _field_step(field, is_flexible) for field in shape if field.tag is not None}

    def walk_entity(walk: Walk) -> None:
        for step in steps:
            step(walk)
        if is_flexible:
            _walk_tags(walk, tagged)

    return walk_entity


def _walk_tags(walk: Walk, tagged: Mapping[int, Step]) -> None:
    count = walk.uvarint()
    walk.count(count)
    previous = -1
    for _ in range(count):
        tag, size = walk.uvarint(), walk.uvarint()
        if tag <= previous:
            raise WireError(f"tagged field {tag} comes after {previous}: they have to be in order")
        previous = tag
        start = walk.position
        if tag not in tagged:
            walk.take(size)
            continue
        tagged[tag](walk)
        if walk.position - start != size:
            raise WireError(f"tagged field {tag} claims {size} bytes and has {walk.position - start}")


def _field_step(field: FieldShape, is_flexible: bool) -> Step:
    element = _element_step(field, is_flexible)
    if field.is_array:
        return _array_step(element, is_flexible)
    if field.entity is None or not field.is_nullable or field.tag is not None:
        return element

    def walk_nullable(walk: Walk) -> None:  # a nullable structure has a byte before it: KIP-893
        if walk.int8() >= 0:
            element(walk)

    return walk_nullable


def _element_step(field: FieldShape, is_flexible: bool) -> Step:
    if field.entity is not None:
        return _entity_step(field.entity)
    if field.kafka_type == "string":
        return lambda walk: walk.nullable_string(flexible=is_flexible)
    if field.kafka_type in {"bytes", "records"}:
        return lambda walk: walk.nullable_bytes(flexible=is_flexible)
    size = _SIZES[field.kafka_type or ""]
    return lambda walk: walk.take(size)


def _array_step(element: Step, is_flexible: bool) -> Step:
    def walk_array(walk: Walk) -> None:
        length = walk.array_length(flexible=is_flexible)
        if length is not None:
            walk.count(length)
            for _ in range(length):
                element(walk)

    return walk_array
