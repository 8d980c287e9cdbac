"""ListGroups (16), versions 0 to 5: every group, whichever kind it is.

Groups that share records over HTTP are listed with the type and protocol type `share`, as Kafka lists share groups;
all others are of type `classic`, with the protocol type of their members or none.

- 4 may ask for some states only, 5 for some types; capitals do not count.
"""

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.kio_codec import read_request, respond

CLASSIC, SHARE = "classic", "share"


async def handle(call: Call) -> bytes:
    """List the groups that are asked for."""
    request = await read_request(call.request)
    states = {state.lower() for state in getattr(request, "states_filter", ())}
    types = {kind.lower() for kind in getattr(request, "types_filter", ())}
    groups = []
    async for group in Pace().each(await call.engine.list_groups(call.caller)):
        kind = SHARE if group.kind == "shared" else CLASSIC
        if states and group.state.lower() not in states:
            continue
        if types and kind not in types:
            continue
        protocol_type = SHARE if group.kind == "shared" else group.protocol_type
        groups.append(
            {"group_id": group.name, "protocol_type": protocol_type, "group_state": group.state, "group_type": kind}
        )
    return await respond(call, groups=groups)
