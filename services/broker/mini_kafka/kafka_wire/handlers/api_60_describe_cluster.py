"""DescribeCluster (60), versions 0 to 2: the brokers of the cluster, which is this one.

- 1 asks for brokers or for controllers (KIP-919): a client that came to a broker's port and asks for controllers gets
  MISMATCHED_ENDPOINT_TYPE, and who asks for anything else UNSUPPORTED_ENDPOINT_TYPE.
- 2 may ask for fenced brokers, of which there are none.
"""

from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond
from mini_kafka.kafka_wire.messages.metadata import NOT_ASKED
from mini_kafka.kafka_wire.operations import CLUSTER_OPERATIONS

BROKERS, CONTROLLERS = 1, 2


async def handle(call: Call) -> bytes:
    """Answer with the one broker."""
    request = await read_request(call.request)
    connection = call.connection
    asks_operations = request.include_cluster_authorized_operations
    endpoint_type = getattr(request, "endpoint_type", BROKERS)
    if endpoint_type != BROKERS:
        is_known = endpoint_type == CONTROLLERS
        return await respond(
            call,
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE if is_known else ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"this port belongs to a broker: ask it for brokers ({BROKERS}), not for {endpoint_type}",
            cluster_id=connection.identity.cluster_id,
            brokers=[],
        )
    return await respond(
        call,
        cluster_id=connection.identity.cluster_id,
        controller_id=connection.identity.node_id,
        cluster_authorized_operations=CLUSTER_OPERATIONS if asks_operations else NOT_ASKED,
        brokers=[
            {
                "broker_id": connection.identity.node_id,
                "host": connection.advertised.host,
                "port": connection.advertised.port,
            }
        ],
    )
