"""What routes add to the OpenAPI document: the errors that each may answer, in one form, and models that it parses."""

from typing import Any

from pydantic import BaseModel

from mini_kafka_shared.schemas import Problem


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Give a model's schema in one piece, for a place where FastAPI does not collect the models that it refers to."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(each) for each in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        found = definitions.get(name, {}) | {key: value for key, value in part.items() if key != "$ref"}
        return {key: whole(value) for key, value in found.items()}

    return dict(whole(schema))


def problems(**descriptions: str) -> dict[int | str, dict[str, Any]]:
    """Document error answers: `_404="…"` and so on."""
    return {
        int(name[1:]): {
            "description": text,
            "content": {"application/problem+json": {"schema": schema_of(Problem)}},
        }
        for name, text in descriptions.items()
    }


EVERYWHERE = problems(
    _421="the Host is none of this broker's",
    _429="too much was sent before an answer was read",
    _431="the request's head is too large",
    _503="there are too many connections",
)
"""What any route may answer, because it is refused before a route is found."""

CHANGING = problems(
    _400="the request is not valid HTTP/1.1",
    _403="the request comes from another site's page",
    _408="the request came in too slowly",
    _413="the body, or a record, is too large",
    _415="the body is compressed",
    _422="the request is not what this call takes",
    _503="the broker is stopping, or too many bodies are on their way",
)
"""What any call with a body may answer."""
