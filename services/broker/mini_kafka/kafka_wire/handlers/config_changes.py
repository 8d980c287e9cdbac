"""What AlterConfigs and IncrementalAlterConfigs have in common: which resources can be changed, and the answer."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.topic import check_name
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.config_answers import BROKER, TOPIC
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import respond


class NotAChange(Exception):
    """A resource's changes contradict themselves, or are none; the text says how."""


def answer(call: Call, request: Any, change_topic: Callable[[Any], None]) -> bytes:
    """Change each resource by itself; only topics can be changed, and nothing of the broker."""
    counts = Counter((resource.resource_type, resource.resource_name) for resource in request.resources)
    responses = []
    for resource in request.resources:
        code, message = ErrorCode.NONE, ""
        try:
            _check_resource(call, resource, counts[resource.resource_type, resource.resource_name])
            if resource.resource_type == TOPIC:
                change_topic(resource)
        except BrokerError as error:
            code, message = kafka_code(error), str(error)
        except NotAChange as error:
            code, message = ErrorCode.INVALID_REQUEST, str(error)
        responses.append(
            {
                "error_code": code,
                "error_message": message or None,
                "resource_type": resource.resource_type,
                "resource_name": resource.resource_name,
            }
        )
    return respond(call, responses=responses)


def _check_resource(call: Call, resource: Any, count: int) -> None:
    if count > 1:
        raise NotAChange("the resource is there more than once: name it once")
    if resource.resource_type == BROKER:
        node_id = call.connection.identity.node_id
        if resource.resource_name not in {"", str(node_id)}:
            raise NotAChange(f"this is broker {node_id}, not {resource.resource_name!r}")
        if not resource.configs:
            return
        raise NotAChange("a broker's configs are its settings, and do not change while it runs: start it with others")
    if resource.resource_type != TOPIC:
        raise NotAChange(f"resources of type {resource.resource_type} have no configs that could be changed here")
    if not resource.resource_name:
        raise NotAChange("there are no defaults for all topics beside the broker's settings: name a topic")
    check_name(resource.resource_name)
    nulls = [config.name for config in resource.configs if config.value is None and not _deletes(config)]
    if nulls:
        raise NotAChange(f"{nulls[0]} has no value")
    names = Counter(config.name for config in resource.configs)
    if names and max(names.values()) > 1:
        raise NotAChange(f"{names.most_common(1)[0][0]} is there more than once")


def _deletes(config: Any) -> bool:
    return getattr(config, "config_operation", 0) == 1
