"""The whole HTTP API in this process: settings, engine, gate and application, without a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from mini_kafka import bootstrap
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import Engine
from mini_kafka.http_api.access import AccessPolicy
from mini_kafka.http_api.app import attach, build_app
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.http_api.gate import Gate
from mini_kafka.http_api.hot import HotRoutes
from mini_kafka.measures import Measures
from mini_kafka.settings import BrokerSettings
from tests.support.asgi import Client


class Broker(Client):
    """A client whose application is a broker of its own."""

    def __init__(self, gate: Gate, engine: MemoryLogEngine, bounds: Bounds, loaded: tuple[FastAPI, HotRoutes]) -> None:
        super().__init__(gate)
        self.gate = gate
        self.engine = engine
        self.bounds = bounds
        self.loaded = loaded


Story = Callable[[Broker], Awaitable[None]]


_idle_apps: list[tuple[FastAPI, HotRoutes]] = []
"""Applications whose brokers are gone: FastAPI takes 10 ms to find out what its routes are, and then knows it."""


async def new_broker(clock: Clock | None = None, **settings: Any) -> Broker:
    """Build a broker with the given settings; what is not given has its default, whatever the machine says."""
    chosen = BrokerSettings(**({"memory_limit": 64 * 1024 * 1024} | settings))
    engine = bootstrap.build_engine(chosen, clock)
    bounds = bootstrap.build_bounds(chosen)
    gate, loaded = await gate_to(engine, bounds, chosen)
    return Broker(gate, engine, bounds, loaded)


async def gate_to(engine: Engine, bounds: Bounds, chosen: BrokerSettings) -> tuple[Gate, tuple[FastAPI, HotRoutes]]:
    """Give any engine its HTTP API."""
    gate = Gate(engine, AccessPolicy(chosen.allowed_hosts), bounds)
    measures = Measures([gate.traffic])
    app, hot = _idle_apps.pop() if _idle_apps else build_app(engine, bounds, measures)
    attach(app, engine, bounds, measures)
    await gate.load(lambda: (app, hot))
    return gate, (app, hot)


@asynccontextmanager
async def broker(clock: Clock | None = None, **settings: Any) -> AsyncIterator[Broker]:
    """Run a broker as long as the test needs it."""
    it = await new_broker(clock, **settings)
    try:
        yield it
    finally:
        await it.engine.close()
        _idle_apps.append(it.loaded)


def tell(story: Story, clock: Clock | None = None, **settings: Any) -> None:
    """Run a test's story with a broker of its own."""

    async def run() -> None:
        async with broker(clock, **settings) as it:
            await story(it)

    asyncio.run(run())
