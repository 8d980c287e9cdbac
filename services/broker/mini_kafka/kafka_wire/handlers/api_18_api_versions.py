"""ApiVersions (18), versions 0 to 4: which APIs this broker answers, and in which versions.

- Every client's first request. Its response has the oldest header in every version (`session`).
- A version that is not known is answered with a complete body of version 0 and UNSUPPORTED_VERSION, so that the client
  can ask again (KIP-511).
- 3 names the client's software, which has to look like a name (INVALID_REQUEST).
- The features are those that a client looks for: none. 4 may name features whose lowest version is 0.
"""

import re
from collections.abc import Sequence

from mini_kafka.kafka_wire.call import Api, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.primitives import INT16, INT32, NO_TAGS, Reader, array_length

_SOFTWARE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


def handle(call: Call, apis: Sequence[Api]) -> bytes:
    """Answer with the list of APIs."""
    api = call.request.api
    if not api.lowest <= call.version <= api.highest:
        return _body(ErrorCode.UNSUPPORTED_VERSION, apis, 0)
    if call.version >= 3 and not _names_its_software(call.request.body):
        return _body(ErrorCode.INVALID_REQUEST, (), call.version)
    return _body(ErrorCode.NONE, apis, call.version)


def _names_its_software(body: memoryview) -> bool:
    reader = Reader(body)
    names = reader.string(flexible=True), reader.string(flexible=True)
    reader.skip_tags()
    return all(_SOFTWARE_NAME.fullmatch(name) for name in names)


def _body(code: ErrorCode, apis: Sequence[Api], version: int) -> bytes:
    flexible = version >= 3
    parts = [INT16.pack(code), array_length(len(apis), flexible=flexible)]
    for api in apis:
        parts += INT16.pack(api.key), INT16.pack(api.lowest), INT16.pack(api.highest)
        if flexible:
            parts.append(NO_TAGS)
    if version >= 1:
        parts.append(INT32.pack(0))  # throttle_time_ms
    if flexible:
        parts.append(NO_TAGS)
    return b"".join(parts)
