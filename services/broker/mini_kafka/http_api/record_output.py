"""From stored records to what a client reads: JSON, lines of JSON, plain lines of values, or server-sent events.

`as` says how bytes become JSON. `auto` is text where it is UTF-8, otherwise base64. `json` embeds a value that is JSON
as it was stored, byte for byte, and shows any other as text with a `decode_error`; a key stays text. `text` and
`base64` do what they say. A record that cannot be shown as asked is shown as well as it can be, beside its reason, and
never stops the rest.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from mini_kafka.core.record_batch import Headers, Record, UnreadableRecord
from mini_kafka.engine.port import AcquiredRecord, ReadRecord
from mini_kafka.http_api.lock_text import write_locks, write_runs

AnyRecord = Record | UnreadableRecord


class ShowAs(StrEnum):
    """How a reader wants the bytes of keys and values."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"
    BASE64 = "base64"


class _Shown(msgspec.Struct, omit_defaults=True, gc=False):
    """A record as JSON. `UNSET` is left out; None is a missing key, or the value of a tombstone."""

    partition: int
    offset: int
    timestamp: int
    key: Any = msgspec.UNSET
    key_base64: str | msgspec.UnsetType = msgspec.UNSET
    value: Any = msgspec.UNSET
    value_base64: str | msgspec.UnsetType = msgspec.UNSET
    headers: Any = msgspec.UNSET
    headers_base64: Any = msgspec.UNSET
    decode_error: str | msgspec.UnsetType = msgspec.UNSET
    topic: str | msgspec.UnsetType = msgspec.UNSET
    delivery_count: int | msgspec.UnsetType = msgspec.UNSET
    lock: str | msgspec.UnsetType = msgspec.UNSET


class _AcquiredAnswer(msgspec.Struct):
    records: list[_Shown]
    locks: list[str]


class _Answer(msgspec.Struct):
    records: list[_Shown]
    next: str
    up_to_date: bool


_encoder = msgspec.json.Encoder()
_ON_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""JSON has line ends only between its tokens, where a space means the same."""
_validator = msgspec.json.Decoder(msgspec.Raw)


def show_all(records: Iterable[tuple[int, AnyRecord]], show_as: ShowAs) -> list[_Shown]:
    """Make the JSON form of records."""
    show_key, show_value = _KEY[show_as], _VALUE[show_as]
    all_shown = []
    for partition, record in records:
        if isinstance(record, UnreadableRecord):
            all_shown.append(_Shown(partition, record.offset, record.timestamp_ms, decode_error=record.decode_error))
            continue
        offset, timestamp_ms, key_bytes, value_bytes, headers = record
        key, key_base64, key_error = show_key(key_bytes)
        value, value_base64, value_error = show_value(value_bytes)
        shown = _Shown(partition, offset, timestamp_ms, key, key_base64, value, value_base64)
        if key_error or value_error:
            errors = (f"the key {key_error}" if key_error else "", f"the value {value_error}" if value_error else "")
            shown.decode_error = "; ".join(filter(None, errors))
        if headers:
            _show_headers(shown, headers, show_as)
        all_shown.append(shown)
    return all_shown


def answer_json(records: Iterable[ReadRecord], show_as: ShowAs, next_token: str, up_to_date: bool) -> bytes:
    """Write the whole answer to a read."""
    return _encoder.encode(_Answer(show_all(records, show_as), next_token, up_to_date))


def acquired_json(acquired: Sequence[AcquiredRecord], show_as: ShowAs) -> bytes:
    """Write acquired records, each with its lock's text, and the locks of their runs."""
    records = show_all(((each.partition, each.record) for each in acquired), show_as)
    locks = [each.lock for each in acquired]
    for shown, each, lock in zip(records, acquired, write_locks(locks), strict=True):
        shown.topic, shown.delivery_count, shown.lock = each.topic, each.delivery_count, lock
    return _encoder.encode(_AcquiredAnswer(records, write_runs(locks)))


def record_json(read: ReadRecord, show_as: ShowAs) -> bytes:
    """Write one record."""
    return _encoder.encode(show_all([read], show_as)[0])


def json_lines(records: Iterable[ReadRecord], show_as: ShowAs) -> bytes:
    """Write a line of JSON for each record; JSON that is embedded as it was stored loses its line ends."""
    if show_as is not ShowAs.JSON:
        return _encoder.encode_lines(show_all(records, show_as))
    return b"".join(_on_one_line(read, show_as) + b"\n" for read in records)


def _on_one_line(read: ReadRecord, show_as: ShowAs) -> bytes:
    return record_json(read, show_as).translate(_ON_ONE_LINE)


def value_lines(records: Iterable[ReadRecord]) -> bytes:
    """Write each value as it is, and a newline after it; a tombstone, or what cannot be decoded, has none."""
    return b"".join(
        read.record.value + b"\n"
        for read in records
        if isinstance(read.record, Record) and read.record.value is not None
    )


def event(read: ReadRecord, show_as: ShowAs, token: str) -> bytes:
    """Write a server-sent event (WHATWG HTML §9.2); its id is the token to go on after it."""
    is_tombstone = isinstance(read.record, Record) and read.record.value is None
    kind = b"event: delete\n" if is_tombstone else b""
    return b"%sid: %s\ndata: %s\n\n" % (kind, token.encode(), _on_one_line(read, show_as))


def named_event(name: str, content: Mapping[str, object], token: str) -> bytes:
    """Write a server-sent event that is no record."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), token.encode(), _encoder.encode(content))


Shown = tuple[Any, str | msgspec.UnsetType, str]
"""The plain field, the base64 field, and what went wrong; an empty text where nothing did."""


def _auto(content: bytes | None) -> Shown:
    if content is None:
        return None, msgspec.UNSET, ""
    try:
        return content.decode(), msgspec.UNSET, ""
    except UnicodeDecodeError:
        return msgspec.UNSET, b64encode(content).decode(), ""


def _text(content: bytes | None) -> Shown:
    shown = _auto(content)
    return shown if shown[1] is msgspec.UNSET else (*shown[:2], "is not UTF-8")


def _json(content: bytes | None) -> Shown:
    if content is None:
        return None, msgspec.UNSET, ""
    try:
        content.decode()
        return _validator.decode(content), msgspec.UNSET, ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        plain, encoded, _ = _auto(content)
        return plain, encoded, "is not JSON"


def _base64(content: bytes | None) -> Shown:
    return (None, msgspec.UNSET, "") if content is None else (msgspec.UNSET, b64encode(content).decode(), "")


_VALUE: Mapping[ShowAs, Callable[[bytes | None], Shown]] = {
    ShowAs.AUTO: _auto,
    ShowAs.TEXT: _text,
    ShowAs.JSON: _json,
    ShowAs.BASE64: _base64,
}
_KEY = {**_VALUE, ShowAs.JSON: _auto}
"""A key is a name: as JSON, `7` would be a number and `k1` an error."""


def _show_headers(shown: _Shown, headers: Headers, show_as: ShowAs) -> None:
    """Show headers by name, or as pairs where a name comes more than once; all as base64 where one is not UTF-8."""
    if show_as is not ShowAs.BASE64:
        try:
            shown.headers = _by_name([(name, None if value is None else value.decode()) for name, value in headers])
        except UnicodeDecodeError:
            pass
        else:
            return
    encoded = [(name, None if value is None else b64encode(value).decode()) for name, value in headers]
    shown.headers_base64 = _by_name(encoded)


def _by_name(pairs: list[tuple[str, str | None]]) -> dict[str, str | None] | list[tuple[str, str | None]]:
    named = dict(pairs)
    return named if len(named) == len(pairs) else pairs
