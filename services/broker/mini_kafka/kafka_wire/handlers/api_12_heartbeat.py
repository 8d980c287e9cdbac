"""Heartbeat (12), versions 0 to 4: a member says that it is there, and hears whether it has to join again.

- 3 brings static members (KIP-345).
"""

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.group_member import Place
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> bytes:
    """Take note of a member."""
    request = await read_request(call.request)
    place = Place(request.member_id, request.generation_id, getattr(request, "group_instance_id", None))
    code = ErrorCode.NONE
    try:
        call.engine.coordinator.heartbeat(call.caller, request.group_id, place)
    except BrokerError as error:
        code = group_code(error)
    return await respond(call, error_code=code)
