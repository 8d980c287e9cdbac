"""IncrementalAlterConfigs (44), versions 0 and 1: configs of a topic are set, deleted, appended to, subtracted from.

- Each resource is changed or refused by itself, with all its changes or none; with `validate_only` nothing is changed.
- A deleted config has the broker's default again. Lists can be appended to and subtracted from (KIP-339).
"""

from typing import Any

from mini_kafka.engine.topic_admin import ConfigChange, Operation
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.handlers import config_changes
from mini_kafka.kafka_wire.kio_codec import read_request


def handle(call: Call) -> bytes:
    """Change configs of topics."""
    request = read_request(call.request)

    def change(resource: Any) -> None:
        changes = [ConfigChange(config.name, _operation(config), config.value or "") for config in resource.configs]
        admin = call.engine.topic_admin
        admin.change_configs(resource.resource_name, changes, validate_only=request.validate_only)

    return config_changes.answer(call, request, change)


def _operation(config: Any) -> Operation:
    try:
        return Operation(config.config_operation)
    except ValueError:
        raise config_changes.NotAChange(
            f"{config.name} has operation {config.config_operation}: 0 to 3 exist"
        ) from None
