"""Errors in the OpenAPI document: each route says which it may answer, in the one form that all have."""

from typing import Any

from mini_kafka_shared.schemas import Problem


def problems(**descriptions: str) -> dict[int | str, dict[str, Any]]:
    """Document error answers: `_404="…"` and so on."""
    return {
        int(name[1:]): {
            "description": text,
            "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
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
