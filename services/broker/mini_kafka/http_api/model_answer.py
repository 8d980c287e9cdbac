"""A model as an answer: made and written as JSON on a thread, where that would hold up the loop.

FastAPI checks what a route returns once more, and writes it on the loop: 240 ms for a topic of 10,000 partitions.
"""

from collections.abc import Callable

from fastapi import Response, status
from pydantic import BaseModel

from mini_kafka.http_api.aside import INLINE_RECORDS, aside


async def model_answer(items: int, make: Callable[[], BaseModel], *, status_code: int = status.HTTP_200_OK) -> Response:
    """Answer with a model that has so many items."""
    content = await aside(items > INLINE_RECORDS, lambda: make().model_dump_json())
    return Response(content, status_code, media_type="application/json")
