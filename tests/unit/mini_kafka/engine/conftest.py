"""What the engine's tests share: a clock that is moved by hand, an engine under it, and asyncio for coroutines."""

from collections.abc import AsyncIterator, Callable

import pytest

from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from tests.support.clock import ManualClock

MakeEngine = Callable[[EngineConfig], MemoryEngine]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests that are coroutines on asyncio."""
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock that stands still."""
    return ManualClock()


@pytest.fixture
def make_engine(clock: ManualClock) -> MakeEngine:
    """Give a function that makes engines under the clock."""
    return lambda config: MemoryEngine(config, clock)


@pytest.fixture
async def engine(make_engine: MakeEngine) -> AsyncIterator[MemoryEngine]:
    """Give an engine with room for everything, and close it in the end."""
    engine = make_engine(EngineConfig(memory_limit=2**40))
    yield engine
    await engine.close()
