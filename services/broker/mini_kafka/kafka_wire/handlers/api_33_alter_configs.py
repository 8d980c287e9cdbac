"""AlterConfigs (33), versions 0 to 2: these configs for a topic, and the broker's defaults for all others.

- Each resource is changed or refused by itself; with `validate_only` nothing is changed.
- Kafka has replaced it by IncrementalAlterConfigs (KIP-339), which forgets nothing by accident.
"""

from typing import Any

from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.handlers import config_changes
from mini_kafka.kafka_wire.kio_codec import read_request


def handle(call: Call) -> bytes:
    """Replace the configs of topics."""
    request = read_request(call.request)

    def replace(resource: Any) -> None:
        configs = {config.name: config.value for config in resource.configs}
        admin = call.engine.topic_admin
        admin.replace_configs(resource.resource_name, configs, validate_only=request.validate_only)

    return config_changes.answer(call, request, replace)
