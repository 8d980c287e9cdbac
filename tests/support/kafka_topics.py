"""Topics as administrators write them, and what tests of several APIs look at."""

from collections.abc import Mapping
from typing import Any

from tests.support.kafka import KafkaClient


def new(
    name: str,
    partitions: int = 1,
    replication: int = 1,
    *,
    assigned: Mapping[int, list[int]] | None = None,
    configs: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Write a topic of CreateTopics."""
    return {
        "name": name,
        "num_partitions": partitions,
        "replication_factor": replication,
        "assignments": [{"partition_index": number, "broker_ids": ids} for number, ids in (assigned or {}).items()],
        "configs": [{"name": key, "value": value} for key, value in (configs or {}).items()],
    }


async def configs_of(client: KafkaClient, topic: str) -> dict[str, str]:
    """Ask for a topic's configs."""
    wanted = [{"resource_type": 2, "resource_name": topic, "configuration_keys": None}]
    (result,) = (await client.ask("DescribeConfigs", resources=wanted)).results
    assert result.error_code == 0, result
    return {entry.name: entry.value for entry in result.configs}
