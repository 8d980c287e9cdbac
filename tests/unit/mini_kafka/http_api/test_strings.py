"""Any string that JSON can carry comes back as the same string; what cannot be stored is refused."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.broker import broker

SCALAR = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
CONTROLS = ["", "\0", "\x7f\x80", "\u2028\u2029", "\ufeff", "\ufffe\uffff", '"\\/\b\f\n\r\t']
NASTY = [*CONTROLS, "\U0001d11e😀", "é" * 1000, "NaN", "null"]


def round_trip(messages: list[tuple[str, str | None]], *, escaped: bool) -> None:
    async def run() -> None:
        async with broker() as it:
            await it.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
            for value, key in messages:
                body = json.dumps({"topic": "t", "value": value, "key": key}, ensure_ascii=escaped).encode()
                assert (await it.post("/produce", body)).status == 200
            for value, key in messages:
                message = (await it.post("/consume", {"consumer_id": "c"})).json()
                assert (message["value"], message["key"]) == (value, key)

    asyncio.run(run())


# Lists of messages, so that one broker serves many strings: at 100 examples of 20 that is 2,000 strings.
@settings(max_examples=max(5, settings().max_examples // 2))
@given(st.lists(st.tuples(SCALAR, st.none() | SCALAR), min_size=20, max_size=20), st.booleans())
def test_generated_strings_come_back_the_same(messages: list[tuple[str, str | None]], escaped: bool) -> None:
    round_trip(messages, escaped=escaped)


@pytest.mark.parametrize("escaped", [True, False])
def test_nasty_strings_come_back_the_same(escaped: bool) -> None:
    round_trip([(value, key) for value in NASTY for key in (None, *NASTY)], escaped=escaped)


UNSTORABLE = {
    "lone surrogate": b'{"topic":"t","value":"\\ud800"}',
    "lone surrogate in the key": b'{"topic":"t","value":"x","key":"\\udfff"}',
    "lone surrogate beside": b'{"topic":"t","value":"x","extra":"\\ud800"}',
    "NaN": b'{"topic":"t","value":NaN}',
    "infinity": b'{"topic":"t","value":1e999}',
    "a number": b'{"topic":"t","value":1}',
    "null": b'{"topic":"t","value":null}',
    "an object": b'{"topic":"t","value":{"a":1}}',
    "no value": b'{"topic":"t"}',
    "nested": b'{"topic":"t","value":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested beside": b'{"topic":"t","value":"x","extra":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"topic":"t","value":"\xff"}',
    "broken JSON": b'{"topic":"t","value":"x"',
    "two values": b'{"topic":"t","value":"x"}{}',
    "an array": b'[{"topic":"t","value":"x"}]',
    "nothing": b"",
    "a bad topic name": b'{"topic":"..","value":"x"}',
    "a long topic name": b'{"topic":"' + b"t" * 250 + b'","value":"x"}',
}


@pytest.mark.parametrize("body", UNSTORABLE.values(), ids=UNSTORABLE)
def test_what_cannot_be_stored_is_refused_with_a_sentence_and_harms_no_later_call(body: bytes) -> None:
    async def run() -> None:
        async with broker() as it:
            await it.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
            refused = await it.post("/produce", body)
            assert refused.status == 422
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["detail"].startswith("the body is not what this call takes: ")
            assert (await it.post("/produce", {"topic": "t", "value": "after"})).json()["offset"] == 0
            assert (await it.post("/consume", {"consumer_id": "c"})).json()["value"] == "after"
            assert (await it.get("/stats")).status == 200

    asyncio.run(run())


def test_unknown_fields_are_ignored() -> None:
    async def run() -> None:
        async with broker() as it:
            await it.post("/topics/register", {"topic": "t", "comment": {"a": [1, 2]}})
            answer = await it.post("/produce", b'{"topic":"t","value":"x","later":{"n":1e999}}')
            assert (answer.status, answer.json()["offset"]) == (200, 0)

    asyncio.run(run())
