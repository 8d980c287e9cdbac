"""What AlterConfigs and IncrementalAlterConfigs have in common: which resources can be changed, and the answer.

Of a broker's configs those can be changed that are the defaults of topics: Kafka's dynamic configs (KIP-226) that mean
something here. The broker's number stands for this broker, and no name for every broker.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mini_kafka.core.errors import BrokerError, InvalidConfig
from mini_kafka.core.topic import check_name
from mini_kafka.core.topic_defaults import Scope
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.config_answers import BROKER, TOPIC, is_broker_config, topic_names
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import respond

Change = Callable[[str | Scope, Sequence[tuple[str, Any]]], Awaitable[None]]
"""Changes a topic, or the defaults of all: the configs come with the name that the topics have for them."""
RESOURCES_AT_ONCE = 20
"""Resources that are changed before others get their turn: a millisecond or two."""
MAX_CHANGES = 1000
"""How many configs of one resource may be changed at once: many times those that there are."""


class NotAChange(Exception):
    """A resource's changes contradict themselves, or are none; the text says how."""


async def answer(call: Call, request: Any, change: Change) -> bytes:
    """Change each resource by itself."""
    counts = await Pace().count((resource.resource_type, resource.resource_name) for resource in request.resources)
    responses = []
    async for resource in Pace(RESOURCES_AT_ONCE).each(request.resources):
        code, message = ErrorCode.NONE, ""
        try:
            _check_resource(resource, counts[resource.resource_type, resource.resource_name])
            if resource.resource_type == BROKER:
                await _change_broker(call, resource, change)
            else:
                await change(resource.resource_name, [(config.name, config) for config in resource.configs])
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
    return await respond(call, responses=responses)


def _check_resource(resource: Any, count: int) -> None:
    if count > 1:
        raise NotAChange("the resource is there more than once: name it once")
    if resource.resource_type not in {TOPIC, BROKER}:
        raise NotAChange(f"resources of type {resource.resource_type} have no configs that could be changed here")
    if resource.resource_type == TOPIC:
        if not resource.resource_name:
            raise NotAChange("the defaults for all topics are the broker's configs: name a topic or a broker")
        check_name(resource.resource_name)
    if len(resource.configs) > MAX_CHANGES:
        raise NotAChange(f"{len(resource.configs)} configs are to be changed: name each once")
    nulls = [config.name for config in resource.configs if config.value is None and not _deletes(config)]
    if nulls:
        raise NotAChange(f"{nulls[0]} has no value")
    names = Counter(config.name for config in resource.configs)
    if names and max(names.values()) > 1:
        raise NotAChange(f"{names.most_common(1)[0][0]} is there more than once")


async def _change_broker(call: Call, resource: Any, change: Change) -> None:
    identity = call.connection.identity
    if resource.resource_name not in {"", str(identity.node_id)}:
        raise NotAChange(f"this is broker {identity.node_id}, not {resource.resource_name!r}")
    # What cannot be changed was not, so that to delete it changes nothing, in Kafka too.
    configs = [config for config in resource.configs if config.name in topic_names() or not _deletes(config)]
    for config in configs:
        _check_changeable(config.name, is_setting=config.name in identity.configs)
    scope = Scope.THIS_BROKER if resource.resource_name else Scope.EVERY_BROKER
    try:
        await change(scope, [(topic_names()[config.name], config) for config in configs])
    except InvalidConfig as error:
        raise NotAChange(f"as the default of all topics, {error}") from None


def _check_changeable(name: str, *, is_setting: bool) -> None:
    if name in topic_names():
        return
    if is_setting:
        raise NotAChange(f"{name} does not change while the broker runs: start it with --config {name}=VALUE")
    known = ", ".join(sorted(topic_names()))
    why = "has no effect here" if is_broker_config(name) else "is no config of a broker"
    raise NotAChange(f"{name[:80]!r} {why}: those that can be changed are {known}")


def _deletes(config: Any) -> bool:
    return getattr(config, "config_operation", 0) == 1
