"""A connection without I/O: bytes in, requests out; answers in, bytes out, in the order of the requests.

One request is in work at a time, as in Kafka; what the peer sends meanwhile is kept up to a limit, and beyond it the
session wants no more data. Nothing is set aside for what a peer only claims to send.
"""

import struct
from collections.abc import Mapping

from mini_kafka.kafka_wire.bounds import WireLimits
from mini_kafka.kafka_wire.call import Answer, Api, Request
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.primitives import INT32, NO_TAGS, Reader

API_VERSIONS = 18
LONG_WAITS = frozenset({1, 11, 14})
"""Fetch, JoinGroup and SyncGroup: they wait for others, perhaps for minutes, and are of no use to who has hung up."""
LEAST_HEADER_BYTES = 8  # key, version, correlation id
_SIZE_BYTES = 4
_HEADER = struct.Struct(">hhi")
_RESPONSE_HEADER = struct.Struct(">ii")

_OTHER_PROTOCOLS = {
    **dict.fromkeys((b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC", b"PRI "), "an HTTP request"),
    b"\x16\x03\x01": "a TLS handshake",
}


class Session:
    """The state of one connection: what came and is not taken yet, and the request in work."""

    def __init__(self, apis: Mapping[int, Api], limits: WireLimits) -> None:
        self._apis = apis
        self._limits = limits
        self._data: bytes | bytearray = b""
        self._start = 0
        self._may_grow = False  # whether `_data` is a bytearray that no request has a view into
        self._in_work: Request | None = None
        self._outgoing: list[bytes] = []
        self.outgoing_bytes = 0

    @property
    def waiting_bytes(self) -> int:
        """Count the bytes that came and were not taken as a request."""
        return len(self._data) - self._start

    @property
    def wants_data(self) -> bool:
        """Whether the socket should be read: not while a request is in work and enough is waiting behind it.

        Only behind what may wait for long something is read. A client may hang up when it has sent all, without waiting
        for answers, and who is not read is not heard to hang up: so its records are appended, its offsets committed and
        its topics made, as in Kafka.
        """
        if self._in_work is None:
            return True
        return self._in_work.api.key in LONG_WAITS and self.waiting_bytes <= self._limits.ahead_bytes

    @property
    def is_working(self) -> bool:
        """Whether the broker owes an answer."""
        return self._in_work is not None

    @property
    def held_bytes(self) -> int:
        """Count the bytes that are kept: of the request in work, and of what waits."""
        return self.waiting_bytes + (0 if self._in_work is None else len(self._in_work.body))

    @property
    def missing_bytes(self) -> int:
        """Count the bytes that the request on its way lacks; 0 where none is, or one is in work."""
        waiting = self.waiting_bytes
        if self._in_work is not None or not waiting:
            return 0
        if waiting < _SIZE_BYTES:
            return _SIZE_BYTES - waiting
        return max(0, _SIZE_BYTES + int(INT32.unpack_from(self._data, self._start)[0]) - waiting)

    def receive(self, data: bytes) -> None:
        """Take what came."""
        if not self.waiting_bytes:
            self._data, self._start, self._may_grow = data, 0, False
            return
        if not self._may_grow:
            self._data = bytearray(memoryview(self._data)[self._start :])
            self._start, self._may_grow = 0, True
        self._data += data

    def next_request(self) -> Request | None:
        """Give the next request; None while it is not there whole, or the one before it is not answered.

        Raises:
            WireError: what came is no request that this broker answers; the connection has to be closed.
        """
        if self._in_work is not None or self.waiting_bytes < _SIZE_BYTES:
            return None
        size = self._checked_size()
        if self.waiting_bytes < _SIZE_BYTES + size:
            return None
        start = self._start + _SIZE_BYTES
        self._start = start + size
        self._may_grow = False
        self._in_work = self._parse(memoryview(self._data)[start : self._start])
        return self._in_work

    def respond(self, answer: Answer) -> None:
        """Answer the request in work; None answers nothing."""
        request, self._in_work = self._in_work, None
        if request is None:
            raise RuntimeError("there is no request to answer")
        if self._start > self._limits.ahead_bytes or not self.waiting_bytes:  # or it would be kept as long as the rest
            self._data = bytes(memoryview(self._data)[self._start :])
            self._start, self._may_grow = 0, False
        if answer is None:
            return
        parts = (answer,) if isinstance(answer, bytes) else answer
        # ApiVersions is answered with the oldest header, which every client understands (KIP-511).
        tags = NO_TAGS if request.is_flexible and request.api.key != API_VERSIONS else b""
        size = INT32.size + len(tags) + sum(map(len, parts))
        self._outgoing.append(_RESPONSE_HEADER.pack(size, request.correlation_id) + tags)
        self._outgoing += parts
        self.outgoing_bytes += INT32.size + size

    def take_outgoing(self) -> list[bytes]:
        """Give the pieces to be sent."""
        outgoing, self._outgoing = self._outgoing, []
        self.outgoing_bytes = 0
        return outgoing

    def _checked_size(self) -> int:
        (size,) = INT32.unpack_from(self._data, self._start)
        if LEAST_HEADER_BYTES <= size <= self._limits.request_bytes:
            return int(size)
        first = bytes(self._data[self._start : self._start + _SIZE_BYTES])
        for sign, protocol in _OTHER_PROTOCOLS.items():
            if first.startswith(sign):
                raise WireError(f"this is {protocol}, and this port speaks the Kafka protocol without TLS")
        if size > self._limits.request_bytes:
            raise WireError(
                f"a request of {size} bytes is over socket.request.max.bytes ({self._limits.request_bytes})"
            )
        raise WireError(f"a request cannot have {size} bytes")

    def _parse(self, frame: memoryview) -> Request:
        key, version, correlation_id = _HEADER.unpack_from(frame)
        reader = Reader(frame, _HEADER.size, max_elements=self._limits.request_elements)
        api = self._apis.get(key)
        if api is None:
            raise WireError(f"there is no API {key} here")
        is_known = api.lowest <= version <= api.highest
        if not is_known and key != API_VERSIONS:
            raise WireError(f"{api.name} is answered in versions {api.lowest} to {api.highest}, not in {version}")
        client_id = reader.nullable_string(flexible=False)
        if is_known and api.is_flexible(version):
            reader.skip_tags()
        body = frame[reader.position :]
        return Request(api, version, correlation_id, client_id, body, self._limits.request_elements)
