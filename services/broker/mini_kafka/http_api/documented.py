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


EVERYWHERE = problems(_421="the Host is none of this broker's", _431="the request's head is too large")
"""What any route may answer, because it is refused before a route is found."""
