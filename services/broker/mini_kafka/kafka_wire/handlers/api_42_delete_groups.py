"""DeleteGroups (42), versions 0 to 2: groups and their offsets, where nobody is at work in them."""

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> bytes:
    """Delete each group, and say of each whether it is gone."""
    request = await read_request(call.request)
    results = []
    async for name in Pace().each(request.groups_names):
        code = ErrorCode.NONE
        try:
            await call.engine.delete_group(call.caller, name)
        except BrokerError as error:
            code = group_code(error)
        results.append({"group_id": name, "error_code": code})
    return await respond(call, results=results)
