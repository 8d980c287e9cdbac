"""Every form in which records can be read over HTTP, and the bytes that each says were stored.

`stored` asks the engine. Each of `FORMS` reads a whole topic of one partition through the API, and `check_forms` holds
them against what is stored, as far as the form can carry it.
"""

import asyncio
from base64 import b64decode
from typing import Any

import msgspec

from mini_kafka.core.record_batch import Headers, Record
from mini_kafka.engine.port import Caller
from tests.support.asgi import Answer, Client
from tests.support.broker import Broker
from tests.support.tasks import settle

TOPIC = "orders"
PATH = f"/v1/topics/{TOPIC}/records"
ME = Caller("test")
MOST = 10_000
_JSON_SPACE = b" \t\r\n"


class _Shown(msgspec.Struct):
    """A record as it is shown; its value as the very bytes of the answer."""

    offset: int
    timestamp: int
    key: str | None = None
    key_base64: str | None = None
    value: msgspec.Raw = msgspec.Raw(b"null")
    value_base64: str | None = None
    headers: dict[str, str | None] | list[tuple[str, str | None]] | None = None
    headers_base64: dict[str, str | None] | list[tuple[str, str | None]] | None = None
    decode_error: str = ""


class _Answer(msgspec.Struct):
    records: list[_Shown]


_one = msgspec.json.Decoder(_Shown)
_all = msgspec.json.Decoder(_Answer)


async def stored(it: Broker) -> list[Record]:
    """Give what the engine holds."""
    if it.engine._topics.find(TOPIC) is None:
        return []
    found = (await it.engine.read(ME, TOPIC, {}, max_records=MOST, max_bytes=2**40)).records
    return [one.record for one in found if isinstance(one.record, Record)]


async def check_forms(it: Broker) -> None:
    """Read everything in every form, and compare."""
    records = await stored(it)
    for show_as in ("auto", "text", "json", "base64"):
        query = f"as={show_as}&max_records={MOST}&max_bytes=8388608"
        compare(_all.decode(await body_of(it, f"{PATH}?{query}")).records, records, show_as)
        lines = await body_of(it, f"{PATH}?{query}", "application/x-ndjson")
        compare([_one.decode(line) for line in lines.split(b"\n")[:-1]], records, show_as, on_one_line=True)
        events = await _events(it, f"{PATH}?as={show_as}")
        compare([_one.decode(line) for line in events], records, show_as, on_one_line=True)
        acquired = await _acquire(it, f"by-{show_as}-{len(records)}", show_as)
        compare(acquired, records, show_as)
    values = b"".join(record.value + b"\n" for record in records if record.value is not None)
    assert await body_of(it, f"{PATH}?max_records={MOST}&max_bytes=8388608", "text/plain") == values
    for record in records:
        path = f"/v1/topics/{TOPIC}/partitions/0/records/{record.offset}"
        compare([_one.decode(await body_of(it, path))], [record], "auto")
        raw = await ask(it, path, "application/octet-stream")
        assert (raw.status, raw.body) == ((204, b"") if record.value is None else (200, record.value))
    await _consume(it, records)


async def ask(it: Broker, path: str, accept: str = "application/json") -> Answer:
    return await it.get(path, [("accept", accept)])


async def body_of(it: Broker, path: str, accept: str = "application/json") -> bytes:
    answer = await ask(it, path, accept)
    assert answer.status == 200, answer
    return answer.body


async def _events(it: Broker, path: str) -> list[bytes]:
    """Give the data of the server-sent events that come at once."""
    reader = Client(it.app)
    answer = Answer()
    reading = asyncio.create_task(
        reader.ask("GET", path, headers=[("accept", "text/event-stream")], more_to_come=True, answer=answer)
    )
    await settle()
    reader.gone.set()
    await reading
    fields = [line.partition(b": ") for line in answer.body.replace(b"\r", b"\n").split(b"\n")]
    return [content for name, _, content in fields if name == b"data"]


async def _acquire(it: Broker, group: str, show_as: str) -> list[_Shown]:
    wish = {"topics": [TOPIC], "max_records": MOST}
    answer = await it.post(f"/v1/groups/{group}/acquire?as={show_as}", wish)
    assert answer.status == 200, answer
    return _all.decode(answer.body).records


async def _consume(it: Broker, records: list[Record]) -> None:
    """Read with the guide's consumer, which shows text alone, and a tombstone as an empty one."""
    consumer = {"consumer_id": f"consumer-{len(records)}"}
    await it.post("/consumers/register", {**consumer, "topic": TOPIC})
    for record in records:
        message = (await it.post("/consume", consumer)).json()
        assert message["offset"] == record.offset
        assert message["value"] == (record.value or b"").decode(errors="replace")
        assert message["key"] == (None if record.key is None else record.key.decode(errors="replace"))
    assert (await it.post("/consume", consumer)).status == 204


def compare(shown: list[_Shown], records: list[Record], show_as: str, *, on_one_line: bool = False) -> None:
    """Hold what was shown against what is stored."""
    assert [(one.offset, one.timestamp) for one in shown] == [(one.offset, one.timestamp_ms) for one in records]
    for one, record in zip(shown, records, strict=True):
        assert _plain(one.key, one.key_base64) == record.key, one
        assert _headers(one) == record.headers, one
        if show_as == "json" and "the value" not in one.decode_error:
            value = b"null" if record.value is None else record.value.strip(_JSON_SPACE)
            if on_one_line:
                value = value.translate(bytes.maketrans(b"\r\n", b"  "))
            assert bytes(one.value) == value, one
        else:
            text = msgspec.json.decode(one.value, type=str | None)
            assert _plain(text, one.value_base64) == record.value, one
        assert show_as != "base64" or not one.decode_error


def _plain(text: str | None, encoded: str | None) -> bytes | None:
    if text is not None:
        return text.encode()
    return None if encoded is None else b64decode(encoded, validate=True)


def _headers(one: _Shown) -> Headers:
    def pairs(headers: Any) -> list[tuple[str, str | None]]:
        return list(headers.items() if isinstance(headers, dict) else headers)

    if one.headers is not None:
        return tuple((name, None if text is None else text.encode()) for name, text in pairs(one.headers))
    return tuple(
        (name, None if text is None else b64decode(text, validate=True))
        for name, text in pairs(one.headers_base64 or {})
    )
