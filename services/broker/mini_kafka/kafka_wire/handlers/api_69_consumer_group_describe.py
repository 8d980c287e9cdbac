"""ConsumerGroupDescribe (69), versions 0 and 1: groups of the protocol of KIP-848, of which there are none.

It is here for its refusal: tools ask for every group in this way first, and go on with DescribeGroups when they are
told that it is a classic one.
"""

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> bytes:
    """Refuse each group as one that is not of this protocol, or not there."""
    request = await read_request(call.request)
    known = {group.name for group in await call.engine.list_groups(call.caller)}
    groups = [
        {
            "error_code": ErrorCode.GROUP_ID_NOT_FOUND,
            "error_message": f"Group {name} is not a consumer group." if name in known else f"Group {name} not found.",
            "group_id": name,
            "group_state": "",
            "assignor_name": "",
            "members": [],
            "authorized_operations": -(2**31),
        }
        async for name in Pace().each(request.group_ids)
    ]
    return await respond(call, groups=groups)
