"""/v1 groups of Kafka consumers: shown with their members, and not to be moved under them."""

import asyncio
import json

from mini_kafka.core.group_member import Place
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.memory_log import MemoryLogEngine
from tests.support.asgi import JSON
from tests.support.broker import Broker, broker
from tests.support.clock import ManualClock
from tests.support.membership import KAFKA, Kafka, assignment, wish
from tests.support.tasks import outcome


def test_kafka_consumers_are_shown_with_what_they_read_and_nothing_moves_under_them() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        engine = it.engine
        assert isinstance(engine, MemoryLogEngine)
        await engine.create_topic(KAFKA, "orders", partitions=2)
        joined = await outcome(await Kafka(engine, clock).joining("tills", wish("", "orders", instance_id="till-1")))
        place = Place(joined.member_id, joined.generation, "till-1")
        shared_out = {joined.member_id: assignment("orders", 1, 0)}
        await engine.coordinator.sync(KAFKA, "tills", place, (None, None), shared_out)
        kafka_commit = {TopicPartition("orders", 1): OffsetAndMetadata(0, -1, "")}
        assert engine.group_offsets.commit(KAFKA, "tills", place, kafka_commit) == {}
        shown = (await it.get("/v1/groups/tills")).json()
        assert (shown["kind"], shown["state"]) == ("classic", "Stable")
        assert shown["members"] == [
            {
                "member": joined.member_id, "in_flight": 0, "client_id": "client", "host": "10.0.0.1",
                "instance_id": "till-1", "assignment": [{"topic": "orders", "partitions": [0, 1]}],
            }
        ]  # fmt: skip
        assert [(one["partition"], one["lag"]) for one in shown["partitions"]] == [(1, 0)]
        listed = (await it.get("/v1/groups")).json()["groups"]
        assert listed == [{"name": "tills", "kind": "classic", "state": "Stable", "members": 1}]
        wishes = {"offsets": [{"topic": "orders", "to": "earliest"}]}
        refused = await it.ask("PUT", "/v1/groups/tills/offsets", [json.dumps(wishes).encode()], JSON)
        assert (refused.status, refused.json()["code"]) == (409, "INCONSISTENT_GROUP_PROTOCOL")
        assert "1 members" in refused.json()["detail"]
        assert (await it.ask("DELETE", "/v1/groups/tills")).status == 409

    async def run() -> None:
        clock = ManualClock()
        async with broker(clock) as it:
            await story(it, clock)

    asyncio.run(run())
