"""Every engine, one after the other, for one suite; a new engine is one more entry of ENGINES.

The engine of a gateway needs a real Kafka: with APACHE_KAFKA=HOST:PORT it is one of them.
`tests/integration/test_cluster_contract.py` starts one, and runs the suite so.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from mini_kafka.engine.memory import EngineConfig, MemoryEngine
from mini_kafka.engine.port import Caller, Engine

if TYPE_CHECKING:
    from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine


@asynccontextmanager
async def memory_engine() -> AsyncIterator[Engine]:
    engine = MemoryEngine(EngineConfig(memory_limit=64 * 1024**2))
    yield engine
    await engine.close()


@asynccontextmanager
async def kafka_engine() -> AsyncIterator[Engine]:
    from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
    from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine

    engine = KafkaClusterEngine(ClusterConfig((os.environ["APACHE_KAFKA"],)))
    engine.start()
    yield engine
    await engine.close()


ENGINES: dict[str, Callable[[], AbstractAsyncContextManager[Engine]]] = {"memory": memory_engine}
if "APACHE_KAFKA" in os.environ:
    ENGINES["kafka"] = kafka_engine


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run tests that are coroutines on asyncio."""
    return "asyncio"


@pytest.fixture
def caller() -> Caller:
    """Give somebody who asks."""
    return Caller("contract", client_id="contract-suite")


@pytest.fixture(params=ENGINES.values(), ids=list(ENGINES))
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """Give an engine of each kind. It may be older than the test, so a test uses names of its own."""
    async with request.param() as engine:
        yield engine


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Give a function that makes a name nobody else has."""
    return lambda name: f"{name}-{uuid4().hex[:12]}"


@pytest.fixture
async def topic(engine: Engine, caller: Caller, unique: Callable[[str], str]) -> str:
    """Make a topic with one partition and give its name."""
    return (await engine.create_topic(caller, unique("topic"), partitions=1)).name


@pytest.fixture
async def wide_topic(engine: Engine, caller: Caller, unique: Callable[[str], str]) -> str:
    """Make a topic with three partitions and give its name."""
    return (await engine.create_topic(caller, unique("wide"), partitions=3)).name


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable["KafkaClusterEngine"]]]:
    """Give a function that starts a gateway by its name, and with other settings."""
    from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig
    from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine

    async with AsyncExitStack() as stack:

        async def started(name: str, **settings: object) -> KafkaClusterEngine:
            config = ClusterConfig((os.environ["APACHE_KAFKA"],), gateway_name=name)
            engine = KafkaClusterEngine(replace(config, **settings))  # type: ignore[arg-type]
            engine.start()
            stack.push_async_callback(engine.close)
            return engine

        yield started


@pytest.fixture
async def left(start: Callable[..., Awaitable["KafkaClusterEngine"]]) -> "KafkaClusterEngine":
    """Give a gateway."""
    return await start("left")


@pytest.fixture
async def right(start: Callable[..., Awaitable["KafkaClusterEngine"]]) -> "KafkaClusterEngine":
    """Give another gateway of the same cluster."""
    return await start("right")


@pytest.fixture
def group(unique: Callable[[str], str]) -> str:
    """Give a group's name that nobody else has."""
    return unique("group")


@pytest.fixture
async def narrow(left: "KafkaClusterEngine", caller: Caller, unique: Callable[[str], str]) -> str:
    """Make a topic with one partition."""
    return (await left.create_topic(caller, unique("narrow"), partitions=1)).name
