"""Requests as kio writes them and responses as kio reads them, without headers: for the messages written by hand."""

import io
from typing import Any

from kio.serial import entity_reader, entity_writer

from mini_kafka.kafka_wire.kio_codec import build_message, message_type
from tests.support.kafka import NAMES


def kio_request(name: str, version: int, fields: dict[str, Any]) -> bytes:
    """Write a request's body; fields that only another version has are left out."""
    buffer = io.BytesIO()
    message = build_message(NAMES[name], version, "Request", fields)
    entity_writer(message_type(name, version, "Request"))(buffer, message)
    return buffer.getvalue()


def kio_response(name: str, version: int, body: bytes) -> Any:
    """Read a response's body, and expect that nothing is left over."""
    answer, size = entity_reader(message_type(name, version, "Response"))(body, 0)
    assert size == len(body)
    return answer
