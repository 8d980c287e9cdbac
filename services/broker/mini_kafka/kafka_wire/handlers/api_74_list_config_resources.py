"""ListConfigResources (74), versions 0 and 1: what has configs.

- 0 is the ListClientMetricsResources of KIP-714 and lists those: there are none.
- 1 lists resources by type (KIP-1142): topics (2), the broker (4) and its loggers (8). Client metrics (16) and groups
  (32) have none. No type means every type, and an unknown one gets UNSUPPORTED_VERSION.
"""

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
TYPES = {TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP}


async def handle(call: Call) -> Answer:
    """List the resources of the wanted types."""
    request = await read_request(call.request)
    if call.version == 0:
        return await respond(call, error_code=ErrorCode.NONE, config_resources=[])
    pace = Pace()
    wanted = set(request.resource_types) or TYPES
    if not wanted <= TYPES:
        return await respond(call, error_code=ErrorCode.UNSUPPORTED_VERSION, config_resources=[])
    node = str(call.connection.identity.node_id)
    named = [(kind, node) for kind in (BROKER_LOGGER, BROKER)]
    named += [(TOPIC, shape.name) async for shape in pace.each(call.engine.topic_shapes())]
    return await respond(
        call,
        error_code=ErrorCode.NONE,
        config_resources=[
            {"resource_name": name, "resource_type": kind} async for kind, name in pace.each(named) if kind in wanted
        ],
    )
