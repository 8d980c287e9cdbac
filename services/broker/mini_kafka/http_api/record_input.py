"""From what a client sends to new records: JSON in four shapes, lines of JSON, or one raw body.

A string is its UTF-8 bytes. Any other JSON value is kept as the very bytes that came: `1.0` stays `1.0`, and the order
of keys and large numbers survive. `null` is a tombstone. Exact bytes come as `value_base64`, `key_base64` and
`headers_base64`. Fields that are not known are refused, because a mistyped `key` would be lost unseen; only `offset`
and what else a read shows is passed over, so that what was read can be produced as it is.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from mini_kafka.core.record_batch import Headers, NewRecord
from mini_kafka.http_api.error_table import INVALID_REQUEST
from mini_kafka.http_api.errors import RequestRefused

UNSET = msgspec.UNSET
QUOTE = ord('"')
NOT_AS_WANTED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the parser raises."""
FIELDS = "value or value_base64, key or key_base64, headers or headers_base64, timestamp, partition"
SHOWN_CHARACTERS = 200

Pairs = dict[str, str | None] | list[tuple[str, str | None]]
"""Headers by name, or as pairs where a name comes more than once."""


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record as JSON; `offset` and `topic` are those of a record that was read, and mean nothing here."""

    value: msgspec.Raw | msgspec.UnsetType = UNSET
    value_base64: str | msgspec.UnsetType = UNSET
    key: msgspec.Raw | msgspec.UnsetType = UNSET
    key_base64: str | msgspec.UnsetType = UNSET
    headers: Pairs | msgspec.UnsetType = UNSET
    headers_base64: Pairs | msgspec.UnsetType = UNSET
    timestamp: int | None = None
    partition: int | None = None
    offset: int | None = None
    topic: str | None = None


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The usual record, of strings alone: they come out of the parser as they are, twice as fast as any JSON."""

    value: str
    key: str | None = None


class _Body(_Record, forbid_unknown_fields=True, gc=False):
    """One record, or a list of them under `records`."""

    records: list[_Record] | msgspec.UnsetType = UNSET


class InvalidInput(Exception):
    """What is wrong with a record, as the end of a sentence that begins with its place."""


_texts = msgspec.json.Decoder(list[_Text])
_one = msgspec.json.Decoder(_Record)
_list = msgspec.json.Decoder(list[_Record])
_body = msgspec.json.Decoder(_Body)
_string = msgspec.json.Decoder(str)
_PLACE = re.compile(r" - at `\$(?:\.records)?(?:\[(\d+)\])?(?:\.?([^`]*))`$")


def from_json(body: bytes) -> list[NewRecord]:
    """Read the records of a JSON body: an object, an array, or an object with `records`.

    Raises:
        RequestRefused: 422, with the index of the record that is wrong, and why.
    """
    with suppress(*NOT_AS_WANTED):
        return [NewRecord(text.value.encode(), None if text.key is None else text.key.encode())
                for text in _texts.decode(body)]  # fmt: skip
    try:
        records = _records_of(body)
    except NOT_AS_WANTED as error:
        index, reason = _reason(error, body)
        raise refused(index, reason) from error
    made = []
    for index, record in enumerate(records):
        try:
            made.append(_new_record(record))
        except InvalidInput as error:
            raise refused(index, str(error)) from error
    return made


def _records_of(body: bytes) -> Iterable[_Record]:
    body.decode()  # what is kept as it came must be UTF-8 too
    if body.lstrip()[:1] == b"[":
        return _list.decode(body)
    content = _body.decode(body)
    if content.records is UNSET:
        return [content]
    if any(getattr(content, name) not in (UNSET, None) for name in _Record.__struct_fields__):
        raise msgspec.ValidationError("a body with `records` has nothing else")
    return content.records


def from_line(line: bytes) -> NewRecord:
    """Read the one record of a line of JSON.

    Raises:
        InvalidInput: the text says why.
    """
    try:
        line.decode()
        return _new_record(_one.decode(line))
    except NOT_AS_WANTED as error:
        raise InvalidInput(_reason(error, line)[1]) from error


def refused(index: int | None, reason: str) -> RequestRefused:
    """Make the refusal of a record that is wrong, or of a body in which none can be made out."""
    if index is None:
        return RequestRefused(INVALID_REQUEST, f"the body {reason}")
    return RequestRefused(
        INVALID_REQUEST,
        f"record {index} {reason}",
        errors=[{"loc": f"records.{index}", "index": index, "msg": reason, "type": "record"}],
    )


def _new_record(record: _Record) -> NewRecord:
    return NewRecord(
        _bytes_of(record.value, record.value_base64, "value"),
        None if record.key is record.key_base64 else _bytes_of(record.key, record.key_base64, "key"),
        () if record.headers is record.headers_base64 else _headers(record),
        record.timestamp,
        record.partition,
    )


def _bytes_of(raw: msgspec.Raw | msgspec.UnsetType, encoded: str | msgspec.UnsetType, name: str) -> bytes | None:
    if raw is UNSET:
        if encoded is UNSET:
            raise InvalidInput(f"has no {name}: send {name}, {name}_base64, or null for a tombstone")
        return _from_base64(encoded, f"{name}_base64")
    if encoded is not UNSET:
        raise InvalidInput(f"has both {name} and {name}_base64: send one")
    content = bytes(raw)
    if content[0] == QUOTE:
        return _string.decode(content).encode()
    return None if content == b"null" else content


def _headers(record: _Record) -> Headers:
    if isinstance(record.headers, msgspec.UnsetType):
        assert not isinstance(record.headers_base64, msgspec.UnsetType)  # noqa: S101 - one of them is set
        return tuple(
            (name, None if value is None else _from_base64(value, f"header {name!r}"))
            for name, value in _pairs(record.headers_base64)
        )
    if not isinstance(record.headers_base64, msgspec.UnsetType):
        raise InvalidInput("has both headers and headers_base64: send one")
    return tuple((name, None if value is None else value.encode()) for name, value in _pairs(record.headers))


def _pairs(headers: Pairs) -> Iterator[tuple[str, str | None]]:
    return iter(headers.items() if isinstance(headers, dict) else headers)


def _from_base64(text: str, name: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise InvalidInput(f"has a {name} that is not base64 (RFC 4648 §4)") from None


def _reason(error: Exception, body: bytes) -> tuple[int | None, str]:
    """Say which record is wrong, if that is known, and why, in words that do not depend on the parser."""
    if isinstance(error, UnicodeDecodeError):
        return None, f"is not UTF-8: byte 0x{body[error.start]:02x} at {error.start}"
    if isinstance(error, RecursionError):
        return None, "is nested too deeply"
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        place = _PLACE.search(text)
        message = _PLACE.sub("", text)[:SHOWN_CHARACTERS]
        if "unknown field" in message:
            message = f"{message[0].lower()}{message[1:]}: a record has {FIELDS}"
        where = f"has a wrong {place[2]}: " if place and place[2] else "is wrong: "
        return int(place[1]) if place and place[1] else None, where + message
    return None, f"is not JSON: {_not_json(text, body)}"


def _not_json(text: str, body: bytes) -> str:
    """Name what Python's parser takes and JSON's grammar or UTF-8 does not."""
    try:
        json.loads(body, parse_constant=_not_a_number)
    except RequestRefused as error:
        return str(error)
    except (ValueError, RecursionError):
        return text
    return "it has half of a surrogate pair, which no UTF-8 can hold"


def _not_a_number(name: str) -> Any:
    raise RequestRefused(INVALID_REQUEST, f"it has no number {name}")
