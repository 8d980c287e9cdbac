"""SyncGroup (14), versions 0 to 5: the leader hands out assignments, every member waits for its own.

- 3 brings static members (KIP-345).
- 5 says which protocol the member believes in; both parts have to be there (KIP-559).
"""

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.group_member import Place
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

NAMES_PROTOCOL = 5


async def handle(call: Call) -> bytes:
    """Wait for the member's assignment, and answer with it."""
    request = await read_request(call.request)
    protocol = (getattr(request, "protocol_type", None), getattr(request, "protocol_name", None))
    if call.version >= NAMES_PROTOCOL and None in protocol:
        return await respond(call, error_code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL, assignment=b"")
    place = Place(request.member_id, request.generation_id, getattr(request, "group_instance_id", None))
    assignments = {one.member_id: one.assignment for one in request.assignments}
    try:
        synced = await call.engine.coordinator.sync(call.caller, request.group_id, place, protocol, assignments)
    except BrokerError as error:
        return await respond(call, error_code=group_code(error), assignment=b"")
    return await respond(
        call, protocol_type=synced.protocol_type, protocol_name=synced.protocol, assignment=synced.assignment
    )
