"""JoinGroup (11), versions 0 to 9: join a group, and wait until all of its members have joined.

- 0 has no time for rebalances: it is the session's.
- 4 gives a new member its id first, and it joins again with that (KIP-394).
- 5 brings static members (KIP-345), 7 the protocol type, and null for a protocol that there is not.
- 8 may say why a member joins again (KIP-800); nobody here reads it.
- 9 lets a static leader that started anew keep the assignment (KIP-814).
"""

from datetime import timedelta
from typing import Any

from mini_kafka.core.errors import BrokerError, MemberIdRequired
from mini_kafka.core.group_member import Joined, JoinWish, Protocol
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import group_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond

REBALANCE_TIMEOUT = 1
ID_FIRST = 4
NULL_PROTOCOL = 7
SKIP_ASSIGNMENT = 9
MILLISECOND = timedelta(milliseconds=1)


async def handle(call: Call) -> bytes:
    """Join, and answer with the generation."""
    request = await read_request(call.request)
    try:
        joined = await call.engine.coordinator.join(call.caller, request.group_id, _wish(call, request))
    except BrokerError as error:
        return await _refuse(call, request.member_id, error)
    return await _answer(call, joined)


def _wish(call: Call, request: Any) -> JoinWish:
    session_ms = request.session_timeout // MILLISECOND
    return JoinWish(
        member_id=request.member_id,
        client_id=call.caller.client_id,
        client_host=call.caller.address,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=(
            request.rebalance_timeout // MILLISECOND if call.version >= REBALANCE_TIMEOUT else session_ms
        ),
        protocol_type=request.protocol_type,
        protocols=tuple(Protocol(protocol.name, protocol.metadata) for protocol in request.protocols),
        instance_id=getattr(request, "group_instance_id", None),
        takes_id_first=call.version >= ID_FIRST,
        skips_assignment=call.version >= SKIP_ASSIGNMENT,
    )


async def _refuse(call: Call, member_id: str, error: BrokerError) -> bytes:
    if isinstance(error, MemberIdRequired):
        member_id = error.member_id
    return await respond(
        call,
        error_code=group_code(error),
        generation_id=-1,
        protocol_name=None if call.version >= NULL_PROTOCOL else "",
        leader="",
        member_id=member_id,
        members=[],
    )


async def _answer(call: Call, joined: Joined) -> bytes:
    return await respond(
        call,
        generation_id=joined.generation,
        protocol_type=joined.protocol_type,
        protocol_name=joined.protocol,
        leader=joined.leader,
        skip_assignment=joined.skip_assignment,
        member_id=joined.member_id,
        members=[
            {"member_id": member.member_id, "group_instance_id": member.instance_id, "metadata": member.metadata}
            for member in joined.members
        ],
    )
