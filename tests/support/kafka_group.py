"""What tests of the group handlers share: a member that joins and syncs over the wire."""

from typing import Any

from tests.support.kafka import KafkaClient
from tests.support.membership import assignment, subscription

GROUP, TOPIC = "g", "orders"
JOIN = {
    "group_id": GROUP,
    "session_timeout": 10_000,
    "rebalance_timeout": 60_000,
    "member_id": "",
    "protocol_type": "consumer",
    "protocols": [{"name": "range", "metadata": subscription(TOPIC)}],
}


async def join(client: KafkaClient, version: int | None = None, **changes: Any) -> Any:
    """Ask to join, with the id that is given if one is."""
    values = {**JOIN, **changes}
    answer = await client.ask("JoinGroup", version, **values)
    if answer.error_code.name == "member_id_required":
        answer = await client.ask("JoinGroup", version, **{**values, "member_id": answer.member_id})
    return answer


async def stable(client: KafkaClient, **changes: Any) -> str:
    """Make a topic of two partitions and a group of one member that has the first of them; give its id."""
    await client.engine.create_topic(client.caller, TOPIC, partitions=2)
    member_id = str((await join(client, **changes)).member_id)
    synced = await client.ask(
        "SyncGroup",
        group_id=GROUP,
        generation_id=1,
        member_id=member_id,
        group_instance_id=changes.get("group_instance_id"),
        protocol_type="consumer",
        protocol_name="range",
        assignments=[{"member_id": member_id, "assignment": assignment(TOPIC, 0)}],
    )
    assert synced.error_code.name == "none"
    return member_id


async def commit(client: KafkaClient, version: int = 9, *, offset: int = 1, topic: str = TOPIC, **changes: Any) -> str:
    """Commit one offset, and give the name of the partition's error."""
    partition = {
        "partition_index": 0, "committed_offset": offset, "committed_leader_epoch": 3, "committed_metadata": "mine",
    }  # fmt: skip
    shape = client.engine.topic_shape(topic)
    key = {"name": topic} if version < 10 else {"topic_id": shape.topic_id if shape else None}
    values = {
        "group_id": GROUP, "generation_id_or_member_epoch": -1, "member_id": "",
        "topics": [{**key, "partitions": [partition]}],
    }  # fmt: skip
    answer = await client.ask("OffsetCommit", version, **{**values, **changes})
    return str(answer.topics[0].partitions[0].error_code.name)
