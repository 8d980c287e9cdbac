"""A route that the gate calls without FastAPI's help: its function, and the model of its body."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class HotRoute:
    """A route function and what it takes: a body of this model and the call, or the call alone."""

    function: Callable[..., Awaitable[BaseModel | None]]
    body: type[BaseModel] | None = None

    def arguments(self, body: bytes) -> tuple[Any, ...]:
        """Check the body and give what comes before the call in the function's arguments.

        Raises:
            pydantic.ValidationError: the body is not JSON, or not of the model.
        """
        return () if self.body is None else (self.body.model_validate_json(body),)


HotRoutes = dict[tuple[str, str], HotRoute]
