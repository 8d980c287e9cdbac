"""ApiVersions (18), versions 0 to 4: which APIs this broker answers, and in which versions.

- Every client's first request. Its response has the oldest header in every version (`session`).
- A version that is not known is answered with a complete body of version 0 and UNSUPPORTED_VERSION, so that the client
  can ask again (KIP-511).
- 3 names the client's software, which has to look like a name (INVALID_REQUEST).
- 3 has features (KIP-584): the metadata.version of Kafka 4.3, from which tools read the cluster's release. All others
  are at level 0, which is said by leaving them out: they stand for the consumer protocol of KIP-848, for share groups
  and for transactions, and a client would believe that they are there.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from mini_kafka.kafka_wire.call import Api, Call
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.primitives import INT16, INT32, INT64, NO_TAGS, Reader, array_length, string, uvarint

_SOFTWARE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


class Feature(NamedTuple):
    """A feature by its name: the levels that are supported, and the one that is in force."""

    name: str
    lowest: int
    highest: int
    level: int


FEATURES = (Feature("metadata.version", 7, 30, 30),)
"""30 is 4.3-IV0."""


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
        parts.append(NO_TAGS if code else _features())
    return b"".join(parts)


@cache
def _features() -> bytes:
    """Write the features as tagged fields: those that are supported, an epoch, and those that are in force."""
    supported, in_force = [array_length(len(FEATURES), flexible=True)], [array_length(len(FEATURES), flexible=True)]
    for it in FEATURES:
        name = string(it.name, flexible=True)
        supported += name, INT16.pack(it.lowest), INT16.pack(it.highest), NO_TAGS
        in_force += name, INT16.pack(it.level), INT16.pack(it.level), NO_TAGS
    epoch = INT64.pack(0)  # nothing changes them
    fields = [b"".join(supported), epoch, b"".join(in_force)]
    tagged = (uvarint(tag) + uvarint(len(field)) + field for tag, field in enumerate(fields))
    return uvarint(len(fields)) + b"".join(tagged)
