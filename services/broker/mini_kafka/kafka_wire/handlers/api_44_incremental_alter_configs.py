"""IncrementalAlterConfigs (44), versions 0 and 1: configs are set, deleted, appended to and subtracted from.

- Each resource is changed or refused by itself, with all its changes or none; with `validate_only` nothing is changed.
- A deleted config of a topic has the broker's default again, and one of the broker the value that it was started with.
  Lists can be appended to and subtracted from (KIP-339).
"""

from collections.abc import Sequence
from typing import Any

from mini_kafka.core.topic_defaults import Scope
from mini_kafka.engine.topic_admin import ConfigChange, Operation
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.handlers import config_changes
from mini_kafka.kafka_wire.kio_codec import read_request


async def handle(call: Call) -> bytes:
    """Change configs of topics and of the broker."""
    request = await read_request(call.request)

    async def change(target: str | Scope, configs: Sequence[tuple[str, Any]]) -> None:
        changes = [ConfigChange(name, _operation(config), config.value or "") for name, config in configs]
        await call.engine.topic_admin.change_configs(target, changes, validate_only=request.validate_only)

    return await config_changes.answer(call, request, change)


def _operation(config: Any) -> Operation:
    try:
        return Operation(config.config_operation)
    except ValueError:
        raise config_changes.NotAChange(
            f"{config.name} has operation {config.config_operation}: 0 to 3 exist"
        ) from None
