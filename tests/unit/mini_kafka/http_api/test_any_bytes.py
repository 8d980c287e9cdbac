"""Any bytes into every produce form: what is accepted comes back in every read form, what is refused is not there."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.asgi import Answer
from tests.support.broker import Broker, broker
from tests.support.clock import ManualClock
from tests.support.read_forms import PATH, TOPIC, check_forms, stored

NOW = 1_700_000_000_000
HOUR_MS = 3_600_000
"""So far ahead of the broker a time may be (message.timestamp.after.max.ms)."""
EXAMPLES = settings().max_examples if settings().max_examples > 20 else 6
"""As many as the profile says, and of the few of a quick check less than half: each is dozens of requests."""
JSON, NDJSON, TEXT = "application/json", "application/x-ndjson", "text/plain"
Stored = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...], int]


class Request(NamedTuple):
    """A request that produces; the body in pieces."""

    pieces: tuple[bytes, ...]
    media_type: str
    query: str = ""


async def send(it: Broker, request: Request) -> Answer:
    path = "/produce" if request.query == "guide" else PATH + request.query
    return await it.ask("POST", path, request.pieces, [("content-type", request.media_type)])


async def as_it_is_stored(it: Broker) -> list[Stored]:
    return [(one.key, one.value, one.headers, one.timestamp_ms) for one in await stored(it)]


def cut(body: bytes, places: Sequence[int] | int) -> tuple[bytes, ...]:
    """Cut a body at some places, or into pieces of so many bytes."""
    inside = (
        range(places, len(body), places) if isinstance(places, int) else sorted(at % (len(body) + 1) for at in places)
    )
    return tuple(body[start:end] for start, end in pairwise([0, *inside, len(body)]))


cuts = st.lists(st.integers(0, 2**16), max_size=6) | st.integers(1, 5)
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.just(" "), max_size=20)
numbers = st.sampled_from(
    ["0", "-0", "1.0", "1e5", "1E-7", "123456789012345678901234567890", "0.1000", "-9007199254740993"]
)
spaces = st.text(st.sampled_from(" \t\r\n"), max_size=2)
json_values = st.recursive(
    numbers | st.sampled_from(["true", "false"]) | texts.map(json.dumps),
    lambda inner: (
        st.builds("{}[{}{}]".format, spaces, st.lists(inner, max_size=3).map(",".join), spaces)
        | st.lists(st.tuples(texts.map(json.dumps), spaces, inner), max_size=3).map(
            lambda fields: "{" + ",".join(f"{name}:{space}{value}" for name, space, value in fields) + "}"
        )
    ),
    max_leaves=5,
)
"""JSON as somebody may have written it: repeated names, big numbers, spaces and line ends."""


@st.composite
def contents(draw: st.DrawFn) -> tuple[str, bytes | None, bool]:
    """Give a JSON value, the bytes that it is to be stored as, and whether it is base64 of them."""
    kind = draw(st.sampled_from(["text", "bytes", "json", "null"]))
    if kind == "bytes":
        content = draw(st.binary(max_size=30))
        return json.dumps(b64encode(content).decode()), content, True
    if kind == "null":
        return "null", None, False
    text = draw(texts) if kind == "text" else draw(json_values).strip()
    if kind == "text":
        return json.dumps(text, ensure_ascii=draw(st.booleans())), text.encode(), False
    return text, json.loads(text).encode() if text[0] == '"' else text.encode(), False


@st.composite
def records(draw: st.DrawFn) -> tuple[str, Stored]:
    """Give a record's JSON, and what is to be stored of it."""
    value, value_bytes, is_value_base64 = draw(contents())
    fields = [f'"value{"_base64" * is_value_base64}":{value}']
    key_bytes = None
    if draw(st.booleans()):
        key, key_bytes, is_base64 = draw(contents())
        fields.append(f'"key{"_base64" * is_base64}":{key}')
    headers: tuple[tuple[str, bytes | None], ...] = ()
    if draw(st.booleans()):
        headers = tuple(draw(st.lists(st.tuples(texts, st.none() | st.binary(max_size=8)), max_size=3)))
        pairs = [[name, None if content is None else b64encode(content).decode()] for name, content in headers]
        fields.append(f'"headers_base64":{json.dumps(pairs)}')
    timestamp = draw(st.none() | st.integers(0, NOW + HOUR_MS))
    if timestamp is not None:
        fields.append(f'"timestamp":{timestamp}')
    record = "{" + ",".join(draw(st.permutations(fields))) + "}"
    return record, (key_bytes, value_bytes, headers, NOW if timestamp is None else timestamp)


@st.composite
def good_requests(draw: st.DrawFn) -> tuple[Request, list[Stored]]:
    """Give a request in one of the forms, and what is to be stored of it."""
    form = draw(st.sampled_from(["raw", "one", "array", "records", "lines", "each", "guide"]))
    if form == "raw":
        key, value = draw(st.none() | texts), draw(st.binary(max_size=50))
        query = "" if key is None else f"?key={quote(key, safe='')}"
        request = Request(cut(value, draw(cuts)), draw(st.sampled_from([TEXT, "", "application/octet-stream"])), query)
        return request, [(None if key is None else key.encode(), value, (), NOW)]
    if form == "guide":
        value_text, key_text = draw(texts), draw(st.none() | texts)
        body = json.dumps({"topic": TOPIC, "value": value_text, "key": key_text}).encode()
        key_bytes = None if key_text is None else key_text.encode()
        return Request(cut(body, draw(cuts)), JSON, "guide"), [(key_bytes, value_text.encode(), (), NOW)]
    some = draw(st.lists(records(), min_size=1, max_size=1 if form == "one" else 4))
    texts_of = [text.replace("\r", " ").replace("\n", " ") if form in {"lines", "each"} else text for text, _ in some]
    wanted = [_on_one_line(one) if form in {"lines", "each"} else one for _, one in some]
    if form in {"lines", "each"}:
        end = draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
        body = (end.join(texts_of) + draw(st.sampled_from(["", end]))).encode()
        return Request(cut(body, draw(cuts)), NDJSON, "?ack=each" if form == "each" else ""), wanted
    text = texts_of[0] if form == "one" else f"[{','.join(texts_of)}]"
    body = (f'{{"records":{text}}}' if form == "records" else text).encode()
    return Request(cut(body, draw(cuts)), JSON), wanted


def _on_one_line(one: Stored) -> Stored:
    """Give what is stored of JSON that lost its line ends, which it has between its tokens alone."""
    key, value, headers, timestamp = one
    return _flat(key), _flat(value), headers, timestamp


def _flat(content: bytes | None) -> bytes | None:
    if content is None or content[:1] not in {b"[", b"{"}:
        return content
    return content.translate(bytes.maketrans(b"\r\n", b"  "))


def run(story: Any) -> None:
    async def inside() -> None:
        async with broker(ManualClock(NOW)) as it:
            await it.post("/topics/register", {"topic": TOPIC})
            await story(it)

    asyncio.run(inside())


@settings(max_examples=EXAMPLES)
@given(st.lists(good_requests(), min_size=1, max_size=4))
def test_what_is_accepted_comes_back_in_every_form_as_it_was_sent(requests: list[tuple[Request, list[Stored]]]) -> None:
    async def story(it: Broker) -> None:
        wanted: list[Stored] = []
        for request, records in requests:
            answer = await send(it, request)
            assert answer.status == 200, answer
            wanted += records
        assert await as_it_is_stored(it) == wanted
        await check_forms(it)

    run(story)


FRAGMENTS = [
    b'{"value":', b'"value_base64":', b'"key":', b'"headers":', b'"timestamp":', b'"partition":', b'"records":',
    b"[", b"]", b"{", b"}", b",", b":", b"\n", b"\r", b" ", b'"', b"null", b"NaN", b"Infinity", b"1e999",
    b"-", b"9" * 400, b"1.0",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\u0000"', b"\x00", b"\xef\xbb\xbf", b"[" * 300,
    b"]" * 300, b'{"a":' * 300, b"}" * 300, b'"YQ=="', b'"YQ"', b'"topic":"orders"', b'"offset":7', b'"h":"v"',
    b'{"value":1}', b'{"value":"x"}', b'{"topic":"orders","value":"x"}', b"0", b"99", b"-1", b"18446744073709551616",
]  # fmt: skip
broken_bodies = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=8), max_size=12).map(b"".join)
forms = st.sampled_from(
    [
        (JSON, ""),
        (NDJSON, ""),
        (NDJSON, "?ack=each"),
        (TEXT, ""),
        (JSON, "guide"),
        (TEXT, "?key=%ff"),
        (TEXT, "?timestamp=1e9"),
    ]
)


@st.composite
def any_requests(draw: st.DrawFn) -> Request:
    """Give a request of fragments, or a good one that something was done to."""
    media_type, query = draw(forms)
    body = draw(broken_bodies)
    if draw(st.booleans()):
        good, _ = draw(good_requests())
        place = draw(st.integers(0, 2**16))
        media_type, query, whole = good.media_type, good.query, b"".join(good.pieces)
        place %= len(whole) + 1
        body = whole[:place] + draw(broken_bodies) + whole[place + draw(st.integers(0, 3)) :]
    return Request(cut(body, draw(cuts)), media_type, query)


def check_answer(request: Request, answer: Answer, appended: int) -> None:
    """Check that an answer says what was done."""
    assert answer.status < 500, answer
    if request.query == "?ack=each" and answer.status == 200:
        lines = [json.loads(line) for line in answer.body.splitlines()]
        assert sum("offset" in line for line in lines) == appended
        assert all("offset" in line or line["detail"] for line in lines)
    elif request.media_type == NDJSON and answer.status in {200, 207, 422}:
        summary = answer.json()
        assert summary["appended"] == appended
        assert (summary["refused"] == 0) == (answer.status == 200)
        assert all(error["detail"] for error in summary["errors"])
    elif answer.status == 200:
        assert len(answer.json()["records"]) == appended if request.query != "guide" else appended == 1
    else:
        assert answer.status >= 400
        assert answer.json()["detail"]
        assert appended == 0


@settings(max_examples=EXAMPLES)
@given(any_requests())
@example(Request((b'{"value":' + b"[" * 2000 + b"]" * 2000 + b"}",), JSON))
@example(Request((b'{"value":"\\ud800"}',), JSON))
@example(Request((b'{"value":{"a":"\\ud800"}}',), JSON))
@example(Request((b'{"value":[NaN]}\n{"value":[1e999]}',), NDJSON))
@example(Request((b'{"value":"\xed\xa0\x80"}',), JSON))
@example(Request((b'[{"value":[\r\n1]}]',), JSON))
@example(Request((b'{"value":1,"headers":{"\xff":"v"}}',), JSON))
def test_any_request_is_answered_and_what_it_stored_can_be_read(request: Request) -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, request)
        check_answer(request, answer, len(await stored(it)))
        await check_forms(it)

    run(story)
