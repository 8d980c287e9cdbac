"""The part of a URL after its question mark: read with a model, and refused where it says what nobody understands.

A mistyped name would change what is read or lose a key without a word, so a name that is not known is refused with
those that are.
"""

import re
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mini_kafka.http_api.documented import schema_of
from mini_kafka.http_api.error_table import INVALID_REQUEST
from mini_kafka.http_api.errors import RequestRefused

MAX_PARAMETERS = 50
"""More than any call has; Python's parser would build a list of whatever there is."""


_NUMBER = re.compile(r"-?[0-9]{1,19}")


def _only_digits(value: object) -> object:
    """Refuse what Pydantic takes for a number and no other program does: `1_0`, ` 1`, `1.0`."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"is a whole number, and {value[:80]!r} is none")
    return value


Number = Annotated[int, BeforeValidator(_only_digits)]
"""A whole number in a URL."""


class Query(BaseModel):
    """What a call takes in its query."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Q = TypeVar("Q", bound=Query)


def read_query(query_string: bytes, model: type[Q]) -> Q:
    """Read a query.

    Raises:
        RequestRefused: 422, a name is unknown or comes twice, or a value is not allowed.
    """
    if not query_string:
        return model()
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:  # not UTF-8 once it is decoded, or too many
        raise _refused(f"the query cannot be read: {error}") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _refused(f"the query has {twice!r} more than once: give one value")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_sentence(fault, model) for fault in error.errors(include_url=False)]
        raise _refused(f"the query is not what this call takes: {'; '.join(faults)}") from None


def _sentence(fault: Any, model: type[Query]) -> str:
    name = str(fault["loc"][0]) if fault["loc"] else "query"
    if fault["type"] == "extra_forbidden":
        return f"{name!r} is unknown, known are {', '.join(_names(model))}"
    if fault["type"] == "value_error":
        return f"{name} {fault['ctx']['error']}"
    return f"{name}: {fault['msg']}"


def _names(model: type[Query]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _refused(detail: str) -> RequestRefused:
    return RequestRefused(INVALID_REQUEST, detail)


def documented(model: type[Query]) -> list[dict[str, Any]]:
    """Describe a query's parameters for the OpenAPI document."""
    parameters = []
    for name, schema in schema_of(model).get("properties", {}).items():
        described = {key: value for key, value in schema.items() if key not in {"title", "description"}}
        parameters.append(
            {"name": name, "in": "query", "description": schema.get("description", ""), "schema": described}
        )
    return parameters
