"""One HTTP request as a route function sees it: who calls, the engine to ask, and the connection to watch.

Free of FastAPI, because the gate builds calls before FastAPI is there.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from starlette.types import Receive, Scope

from mini_kafka.engine.port import Caller, Engine
from mini_kafka.http_api.access import Head
from mini_kafka.http_api.bounds import Bounds

T = TypeVar("T")


class ClientGone(Exception):
    """The client closed its connection before it was answered."""


@dataclass(slots=True)
class Call:
    """A request, with what its route may ask and has to keep within."""

    engine: Engine
    caller: Caller
    receive: Receive
    bounds: Bounds
    head: Head

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work` as long as the client does, and cancel it when the client goes.

        Without this, a long poll whose client is gone would take a record that nobody ever sees.

        Raises:
            ClientGone: there is nobody left to answer.
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self._disconnected())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            return task.result()
        finally:
            task.cancel()
            gone.cancel()

    async def _disconnected(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


def call_of(engine: Engine, bounds: Bounds, head: Head, scope: Scope, receive: Receive) -> Call:
    """Put together what a route function gets."""
    client = scope["client"]
    return Call(engine, _caller(client[0] if client else ""), receive, bounds, head)


@lru_cache(maxsize=1024)
def _caller(address: str) -> Caller:
    return Caller("http", address=address)
