"""AlterConfigs (33), versions 0 to 2: these configs for a topic or a broker, and the defaults for all others.

- Each resource is changed or refused by itself; with `validate_only` nothing is changed.
- Kafka has replaced it by IncrementalAlterConfigs (KIP-339), which forgets nothing by accident.
"""

from collections.abc import Sequence
from typing import Any

from mini_kafka.core.topic_defaults import Scope
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.handlers import config_changes
from mini_kafka.kafka_wire.kio_codec import read_request


async def handle(call: Call) -> bytes:
    """Replace the configs of topics and of the broker."""
    request = await read_request(call.request)

    async def replace(target: str | Scope, configs: Sequence[tuple[str, Any]]) -> None:
        values = {name: config.value for name, config in configs}
        await call.engine.topic_admin.replace_configs(target, values, validate_only=request.validate_only)

    return await config_changes.answer(call, request, replace)
