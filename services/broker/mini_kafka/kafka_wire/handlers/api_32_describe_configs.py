"""DescribeConfigs (32), versions 1 to 4: every config of topics and of the broker, and where its value comes from.

- Configs without effect are shown as Kafka shows them. Of the broker's those that are no defaults of topics are
  read-only. The broker without a name has what was changed for every broker, and nothing else.
- A list of names picks some; an empty list and null pick all. Names that are not known are left out.
- 3 has types and, where asked, documentation: what a config takes, and whether it has an effect here.
- Groups and client metrics have no configs of their own here, and loggers' levels are not Kafka's affair.
"""

from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.topic import check_name
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.config_answers import (
    BROKER,
    CLIENT_METRICS,
    GROUP,
    TOPIC,
    BrokerConfigs,
    broker_entries,
    every_broker_entries,
    topic_entries,
)
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond_bit_by_bit

RESOURCES_AT_ONCE = 2
"""Resources, of 33 configs each, that are described and written before others get their turn: some milliseconds."""


async def handle(call: Call) -> Answer:
    """Describe each resource by itself, and once: an answer cannot be made large by asking twice."""
    request, configs = await read_request(call.request), call.broker_configs
    resources = Pace(RESOURCES_AT_ONCE).once(request.resources)
    results = (_describe(call, resource, request, configs) async for resource in resources)
    return await respond_bit_by_bit(call, "results", results)


def _describe(call: Call, resource: Any, request: Any, configs: BrokerConfigs) -> dict[str, Any]:
    result = {"resource_type": resource.resource_type, "resource_name": resource.resource_name, "error_message": ""}
    try:
        entries = _entries(call, resource, configs, synonyms=request.include_synonyms)
    except BrokerError as error:
        return result | {"error_code": kafka_code(error), "error_message": str(error), "configs": []}
    if isinstance(entries, str):
        return result | {"error_code": ErrorCode.INVALID_REQUEST, "error_message": entries, "configs": []}
    wanted = set(resource.configuration_keys or ())
    entries = [entry for entry in entries if not wanted or entry["name"] in wanted]
    if not getattr(request, "include_documentation", False):
        entries = [entry | {"documentation": None} for entry in entries]
    return result | {"configs": entries}


def _entries(call: Call, resource: Any, configs: BrokerConfigs, *, synonyms: bool) -> list[dict[str, Any]] | str:
    """List a resource's configs, or say why there is no such resource."""
    identity, name = call.connection.identity, resource.resource_name
    if resource.resource_type == TOPIC:
        check_name(name)
        entries = call.engine.topic_admin.topic_config(name).entries()
        return list(topic_entries(entries, configs, synonyms=synonyms))
    if resource.resource_type == BROKER:
        if name not in {"", str(identity.node_id)}:
            return f"this is broker {identity.node_id}, not {name!r}"
        entries_of = broker_entries if name else every_broker_entries
        return list(entries_of(configs, synonyms=synonyms))
    if resource.resource_type in {GROUP, CLIENT_METRICS}:
        return []
    return f"resources of type {resource.resource_type} have no configs here"
