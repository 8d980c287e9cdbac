"""Long work aside, on a thread, so that the event loop goes on with other requests.

Python code shares the loop's time there, some milliseconds each; a single call of compiled code, such as the parsing of
one long string, does not.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

INLINE_BODY_BYTES = 128 * 1024
"""A larger body is read aside: the loop needs a millisecond for this much."""
INLINE_RECORDS = 1000
"""An answer with more records is written aside: the loop needs a millisecond for these."""

P = ParamSpec("P")
T = TypeVar("T")


async def aside(is_long: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do some work, on a thread if it is long."""
    return await asyncio.to_thread(work, *args, **kwargs) if is_long else work(*args, **kwargs)
