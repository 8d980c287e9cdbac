"""FindCoordinator (10), versions 0 to 6: which broker coordinates a group or a transaction: this one.

- 4 asks for many keys at once (KIP-699), which are answered one by one, also when one is there twice.
- 6 may ask for a share partition (KIP-932), whose key is `group:topic id:partition`.
- A key type that is not known is answered with INVALID_REQUEST; the connection is never closed for it.
- A transaction has a coordinator too: what is refused is refused where it can be said better (InitProducerId).
"""

import re
from typing import Any

from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.kio_codec import read_request, respond

GROUP, TRANSACTION, SHARE = 0, 1, 2
MANY_FROM = 4
SHARE_FROM = 6
_SHARE_KEY = re.compile(r".+:[\w-]{22}:[0-9]{1,10}", re.ASCII | re.DOTALL)


async def handle(call: Call) -> bytes:
    """Answer for one key or for many."""
    request = await read_request(call.request)
    key_type = getattr(request, "key_type", GROUP)
    if call.version < MANY_FROM:
        return await respond(call, **_coordinator(call, key_type, request.key))
    keys = Pace().each(request.coordinator_keys)
    found = [{"key": key, **_coordinator(call, key_type, key)} async for key in keys]
    return await respond(call, coordinators=found)


def _coordinator(call: Call, key_type: int, key: str) -> dict[str, Any]:
    message = _refusal(call.version, key_type, key)
    if message is not None:
        return {
            "error_code": ErrorCode.INVALID_REQUEST, "error_message": message, "node_id": -1, "host": "", "port": -1,
        }  # fmt: skip
    advertised = call.connection.advertised
    names_success = call.version < MANY_FROM
    return {
        "error_message": "NONE" if names_success else "",
        "node_id": call.connection.identity.node_id,
        "host": advertised.host,
        "port": advertised.port,
    }


def _refusal(version: int, key_type: int, key: str) -> str | None:
    if key_type in {GROUP, TRANSACTION}:
        return None
    if key_type != SHARE or version < SHARE_FROM:
        return f"coordinators of type {key_type} are not known in version {version}"
    return None if _SHARE_KEY.fullmatch(key) else "the key of a share partition is GROUP:TOPIC_ID:PARTITION"
