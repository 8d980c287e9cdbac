"""A Kafka client that sends exactly what a script says, one request after the other, and shows answers as plain values.

kio writes the requests and reads the answers, so that the code under test has no part in either.
"""

import enum
import importlib
import io
import socket
import struct
import typing
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kio.schema.index import api_key_map
from kio.serial import entity_reader, entity_writer

TIMEOUT_S = 10
API_KEYS = {name: key for key, name in api_key_map.items()}


class ConnectionClosed(Exception):
    """The broker closed the connection instead of answering."""


class RawClient:
    """One connection to a broker."""

    def __init__(self, host: str, port: int) -> None:
        self.address = host, port
        self._socket: socket.socket | None = None
        self._correlation_id = 0

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next request connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, api: str, version: int, **values: Any) -> int:
        """Send one request and give its correlation id."""
        request_type = message_type(api, version, "request")
        header_type = request_type.__header_schema__
        self._correlation_id += 1
        frame = io.BytesIO()
        header = {
            "request_api_key": API_KEYS[api],
            "request_api_version": version,
            "correlation_id": self._correlation_id,
            "client_id": "raw",
        }
        entity_writer(header_type)(frame, build(header_type, header))
        entity_writer(request_type)(frame, build(request_type, values))
        self.send_frame(frame.getvalue())
        return self._correlation_id

    def send_frame(self, frame: bytes) -> None:
        """Send bytes as one frame."""
        if self._socket is None:
            self._socket = socket.create_connection(self.address, TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self, api: str, version: int, correlation_id: int) -> dict[str, Any]:
        """Read one answer.

        Raises:
            ConnectionClosed: there is none, and will be none.
        """
        frame = self.receive_frame()
        response_type = message_type(api, version, "response")
        header_type = response_type.__header_schema__
        header, size = entity_reader(header_type)(frame, 0)
        assert header.correlation_id == correlation_id
        response, used = entity_reader(response_type)(frame, size)
        assert size + used == len(frame), "bytes are left over"
        return typing.cast("dict[str, Any]", plain(response))

    def receive_frame(self) -> bytes:
        """Read one frame.

        Raises:
            ConnectionClosed: the broker hung up.
        """
        (size,) = struct.unpack(">i", self._read(4))
        return self._read(size)

    def ask(self, api: str, version: int, **values: Any) -> dict[str, Any]:
        """Send one request and read its answer.

        Raises:
            ConnectionClosed: there is none.
        """
        return self.receive(api, version, self.send(api, version, **values))

    def _read(self, size: int) -> bytes:
        assert self._socket is not None
        parts = []
        while size:
            try:
                part = self._socket.recv(min(size, 1 << 20))
            except ConnectionResetError:
                part = b""
            if not part:
                self.close()
                raise ConnectionClosed
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def message_type(api: str, version: int, kind: str) -> Any:
    """Give kio's class of a request or response."""
    module = importlib.import_module(f"kio.schema.{api}.v{version}.{kind}")
    stem = {"offset_for_leader_epoch": "OffsetForLeaderEpoch"}.get(api, api.title().replace("_", ""))
    return getattr(module, f"{stem}{kind.title()}")


def build(entity: Any, values: dict[str, Any]) -> Any:
    """Make one of kio's values out of plain ones: mappings for structures, lists for arrays.

    Names that it lacks are left out, so that a script may say what it wants once, for every version.
    """
    hints = typing.get_type_hints(entity)
    known = {}
    for field in fields(entity):
        if field.name in values:
            known[field.name] = _value(hints[field.name], values[field.name])
    return entity(**known)


def _value(hint: Any, value: Any) -> Any:
    inner = [part for part in typing.get_args(hint) if part not in {type(None), Ellipsis}]
    if value is None:
        return None
    if typing.get_origin(hint) is tuple:
        return tuple(_value(inner[0], item) for item in value)
    if inner and not isinstance(hint, type):
        return _value(inner[0], value)
    if is_dataclass(hint):
        return build(hint, value)
    if isinstance(hint, type) and issubclass(hint, timedelta):
        return timedelta(milliseconds=value)
    if isinstance(hint, type) and issubclass(hint, datetime):
        return datetime.fromtimestamp(value / 1000)
    return value


def plain(value: Any) -> Any:
    """Show one of kio's values as JSON could: structures as mappings, errors by name, times as milliseconds."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, timedelta):
        return value // timedelta(milliseconds=1)
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, UUID):
        return str(value)
    return value
