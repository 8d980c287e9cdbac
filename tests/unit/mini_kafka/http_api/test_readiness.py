"""A gateway is ready while its cluster answers, and alive all the time."""

import pytest

from mini_kafka.engine.memory import MemoryEngine
from tests.support.asgi import Client
from tests.support.broker import Broker, tell


async def refused(client: Client) -> None:
    answer = await client.get("/readyz")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == "CLUSTER_NOT_AVAILABLE"
    assert "connection refused" in answer.json()["detail"]


def test_readiness_follows_what_the_engine_depends_on_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(it: Broker) -> None:
        assert (await it.get("/readyz")).status == 200
        monkeypatch.setattr(MemoryEngine, "trouble", "connection refused")
        await refused(it)
        for path in ("/livez", "/health"):
            assert (await it.get(path)).status == 200
        monkeypatch.setattr(MemoryEngine, "trouble", "")
        assert (await it.get("/readyz")).status == 200

    tell(story)


def test_a_broker_that_drains_is_not_ready_and_does_everything_else() -> None:
    async def story(it: Broker) -> None:
        it.bounds.draining = True
        answer = await it.get("/readyz")
        assert (answer.status, answer.json()["code"]) == (503, "BROKER_NOT_AVAILABLE")
        assert answer.headers["retry-after"] == "1"
        for path in ("/livez", "/health", "/stats"):
            assert (await it.get(path)).status == 200
        assert (await it.post("/v1/topics/orders/records", {"value": 1})).status == 200

    tell(story)


def test_a_gateway_without_its_cluster_is_not_ready_while_the_application_is_loaded_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(it: Broker) -> None:
        it.gate._app = None
        monkeypatch.setattr(MemoryEngine, "trouble", "connection refused")
        await refused(it)
        assert (await it.get("/livez")).status == 200

    tell(story)
