"""DescribeGroups (15), versions 0 to 6: the state and the members of groups of the classic protocol.

Groups that share records are no classic groups, and not described here. A registered consumer's group, and one that
only commits, has no members that Kafka's clients could show.

- 3 may ask for authorized operations: there are no access rights, so all that a group has is allowed.
- 4 shows the names of static members (KIP-345).
- 6 answers GROUP_ID_NOT_FOUND to a group that nobody knows (KIP-1043); before, it is a group in the state Dead.
"""

from typing import Any

from mini_kafka.core.errors import GroupNotFound
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import GroupDescription
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond
from mini_kafka.kafka_wire.operations import GROUP_OPERATIONS

NOT_FOUND = 6
NO_OPERATIONS = -(2**31)
"""What is answered to who does not ask."""


async def handle(call: Call) -> bytes:
    """Describe the groups that are named, each once."""
    request = await read_request(call.request)
    operations = GROUP_OPERATIONS if getattr(request, "include_authorized_operations", False) else NO_OPERATIONS
    pace = Pace()
    groups = []
    async for name in pace.once(request.groups):  # an answer cannot be made large by asking twice
        group = await _describe(call, name)
        groups.append({"group_id": name, "authorized_operations": operations, **group})
        await pace.step(len(group["members"]))
    return await respond(call, groups=groups)


async def _describe(call: Call, name: str) -> dict[str, Any]:
    described = call.engine.coordinator.describe(call.caller, name)
    if described is not None:
        members = [
            {
                "member_id": member.member_id,
                "group_instance_id": member.instance_id,
                "client_id": member.client_id,
                "client_host": f"/{member.client_host}",  # as Java writes an address without a name
                "member_metadata": member.metadata,
                "member_assignment": member.assignment,
            }
            for member in described.members
        ]
        return _group(described.state, described.protocol_type, described.protocol, members)
    other = await _of_another_kind(call, name)
    if other is not None and other.kind == "offsets":
        return _group(other.state, "", "", [])
    if call.version < NOT_FOUND:
        return _group("Dead", "", "", [])
    message = f"Group {name} not found." if other is None else f"Group {name} is not a classic group."
    return {**_group("Dead", "", "", []), "error_code": ErrorCode.GROUP_ID_NOT_FOUND, "error_message": message}


async def _of_another_kind(call: Call, name: str) -> GroupDescription | None:
    try:
        return await call.engine.describe_group(call.caller, name)
    except GroupNotFound:
        return None


def _group(state: str, protocol_type: str, protocol: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    return {"group_state": state, "protocol_type": protocol_type, "protocol_data": protocol, "members": members}
