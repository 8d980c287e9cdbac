"""LeaveGroup (13), versions 0 to 5: members go, and the others share their work at once.

- 3 names several members, static ones by their instance id alone if somebody else sends them away (KIP-345); each is
  answered for itself. Before, there is one, and its refusal is the whole answer's.
- 5 may say why; nobody here reads it.
"""

from mini_kafka.core.errors import BrokerError, UnknownMember
from mini_kafka.core.group_member import Leaver
from mini_kafka.engine.pace import Pace, chunks
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

SEVERAL_MEMBERS = 3


async def handle(call: Call) -> bytes:
    """Let members go, and say of each whether it went."""
    request = await read_request(call.request)
    several = call.version >= SEVERAL_MEMBERS
    pace = Pace()
    leavers = (
        [Leaver(member.member_id, member.group_instance_id) async for member in pace.each(request.members)]
        if several
        else [Leaver(request.member_id)]
    )
    codes: list[ErrorCode] = []
    async for some in chunks(leavers):
        try:
            results = call.engine.coordinator.leave(call.caller, request.group_id, some)
        except UnknownMember as error:  # there is no such group
            results = [error] * len(some)
        except BrokerError as error:
            return await respond(call, error_code=group_code(error), members=[])
        codes += [ErrorCode.NONE if result is None else group_code(result) for result in results]
    if not several:
        return await respond(call, error_code=codes[0])
    members = [
        {"member_id": leaver.member_id, "group_instance_id": leaver.instance_id, "error_code": code}
        async for leaver, code in pace.each(zip(leavers, codes, strict=True))
    ]
    return await respond(call, members=members)
