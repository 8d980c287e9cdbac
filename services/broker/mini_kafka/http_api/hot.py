"""A route that the gate calls without FastAPI's help: its function, and the model of its body."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel
from starlette.types import Receive, Scope

LARGE_BODY_BYTES = 256 * 1024
"""A body over this is looked through before it is parsed; no ordinary message is."""


@dataclass(frozen=True, slots=True)
class HotRoute:
    """A route function and what it takes before the call: a body of this model, the whole request, or nothing.

    A function that takes the whole request, which `request` makes of its scope, makes its own answer.
    """

    function: Callable[..., Awaitable[Any]]
    body: type[BaseModel] | None = None
    request: Callable[[Scope, Receive], Any] | None = None

    def arguments(self, body: bytes) -> tuple[Any, ...]:
        """Check the body and give what comes before the call in the function's arguments.

        Raises:
            pydantic.ValidationError: the body is not JSON, or not of the model.
        """
        if self.body is None:
            return ()
        if len(body) > LARGE_BODY_BYTES:
            body = _known_fields(body, self.body)
        return (self.body.model_validate_json(body),)


def _known_fields(body: bytes, model: type[BaseModel]) -> bytes:
    """Leave out the fields that a model ignores: Pydantic would build their values, which can take it 0.1 s."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body  # the model says what is wrong with it
    return msgspec.json.encode({name: value for name, value in fields.items() if name in model.model_fields})


HotRoutes = dict[tuple[str, str], HotRoute]
"""By method and path, as FastAPI has it: `{topic}` or `{group}` stands for whatever is there."""

NAMES = {"topics": "{topic}", "groups": "{group}"}
SLASH = "\ufdd0"
"""What the gate puts where a group's name has an encoded slash, so that it is no border of the path: a noncharacter,
which Unicode keeps out of texts for such ends."""
UNMATCHED = "unmatched"
"""Stands for the route of a request where there is none."""


def find(routes: HotRoutes, method: str, path: str) -> tuple[HotRoute | None, str, tuple[str, ...]]:
    """Find the route of a request whose path has a name in it, the route's own path, and the name."""
    parts = path.split("/")
    if len(parts) == 5 and parts[1] == "v1" and parts[2] in NAMES:
        template = f"/v1/{parts[2]}/{NAMES[parts[2]]}/{parts[4]}"
        if hot := routes.get((method, template)):
            return hot, template, (parts[3],)
    return None, UNMATCHED, ()
