"""DescribeCluster (60), versions 0 to 2: the brokers of the cluster, which is this one.

- 1 asks for brokers or for controllers (KIP-919): a client that came to a broker's port and asks for controllers gets
  MISMATCHED_ENDPOINT_TYPE.
- 2 may ask for fenced brokers, of which there are none.
"""

from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond

BROKERS = 1


def handle(call: Call) -> bytes:
    """Answer with the one broker."""
    request = read_request(call.request)
    connection = call.connection
    if getattr(request, "endpoint_type", BROKERS) != BROKERS:
        return respond(
            call,
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            error_message="this port belongs to a broker: ask it for brokers",
            cluster_id=connection.identity.cluster_id,
            brokers=[],
        )
    return respond(
        call,
        cluster_id=connection.identity.cluster_id,
        controller_id=connection.identity.node_id,
        brokers=[
            {
                "broker_id": connection.identity.node_id,
                "host": connection.advertised.host,
                "port": connection.advertised.port,
            }
        ],
    )
