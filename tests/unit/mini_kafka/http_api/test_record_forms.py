"""What is produced in any form comes back as the same bytes in every form; what cannot be is refused by its place."""

import json
from base64 import b64decode, b64encode
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.record_batch import NewRecord, Record, UnreadableRecord
from mini_kafka.engine.port import ReadRecord
from mini_kafka.http_api.errors import RequestRefused
from mini_kafka.http_api.record_input import InvalidInput, from_json, from_line
from mini_kafka.http_api.record_output import ShowAs, answer_json, event, json_lines, record_json, value_lines

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contents = st.none() | st.binary(max_size=20) | texts.map(str.encode)
headers = st.lists(st.tuples(texts, contents), max_size=3).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def stored(new: NewRecord, offset: int = 0) -> ReadRecord:
    return ReadRecord(0, Record(offset, new.timestamp_ms or 0, new.key, new.value, new.headers))


def shown(new: NewRecord, show_as: ShowAs) -> Any:
    return json.loads(record_json(stored(new), show_as))


@given(
    contents, contents, headers, st.integers(0, 2**63 - 1), st.sampled_from([ShowAs.AUTO, ShowAs.TEXT, ShowAs.BASE64])
)
def test_what_was_read_can_be_produced_again_as_it_is(
    value: bytes | None, key: bytes | None, headers: tuple[tuple[str, bytes | None], ...], time: int, show_as: ShowAs
) -> None:
    new = NewRecord(value, key, headers, time, 0)
    body = shown(new, show_as)
    body.pop("decode_error", None)  # `text` says so where it had to use base64
    assert from_json(json.dumps(body).encode()) == [new]
    assert from_line(json.dumps(body).encode()) == new


@given(json_values, st.sampled_from([None, 1, 4]))
def test_json_is_kept_as_the_bytes_that_came(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    [new] = from_json(b'{"value": %s, "key": %s}' % (text.encode(), text.encode()))
    if isinstance(value, str):
        assert new.value == new.key == value.encode()
    elif value is None:
        assert new.value is new.key is None
    else:
        assert new.value == new.key == text.encode()
        embedded = record_json(stored(new), ShowAs.JSON)
        assert b'"value":' + text.encode() in embedded
        assert json.loads(embedded)["value"] == value


@pytest.mark.parametrize(
    "text", ["1.0", "1E400", "-0", "123456789012345678901234567890", '{"b":1,"a":2, "b":3}', "[ ]"]
)
def test_numbers_and_keys_are_not_tidied_up(text: str) -> None:
    [new] = from_json(f'{{"value": {text} }}'.encode())
    assert new.value == text.encode()
    assert f'"value":{text}'.encode() in record_json(stored(new), ShowAs.JSON)


def test_one_object_an_array_and_records_say_the_same() -> None:
    one = b'{"value": "v", "key": "k", "headers": {"h": "1", "n": null}, "timestamp": 5, "partition": 2}'
    expected = NewRecord(b"v", b"k", (("h", b"1"), ("n", None)), 5, 2)
    assert from_json(one) == [expected]
    assert from_json(b" [%s, %s]" % (one, one)) == [expected] * 2
    assert from_json(b'{"records": [%s]}' % one) == [expected]
    assert from_json(b"[]") == []


def test_a_header_name_may_come_twice_as_pairs() -> None:
    [new] = from_json(b'{"value": 1, "headers": [["h", "1"], ["h", "2"]]}')
    assert new.headers == (("h", b"1"), ("h", b"2"))
    assert shown(new, ShowAs.AUTO)["headers"] == [["h", "1"], ["h", "2"]]


@pytest.mark.parametrize(
    ("body", "index", "says"),
    [
        (b"", None, "the body is not JSON"),
        (b'"text"', None, "Expected `object`, got `str`"),
        (b'{"value": 1', None, "the body is not JSON"),
        (b'{"value": "\\ud83c"}', None, "half of a surrogate pair"),
        (b'{"value": {"deep": ["\\udf75"]}}', None, "half of a surrogate pair"),
        (b'{"value": NaN}', None, "it has no number NaN"),
        (b'{"value": -Infinity}', None, "it has no number -Infinity"),
        (b'{"value": "\xff"}', None, "the body is not UTF-8: byte 0xff at 11"),
        (b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, "nested too deeply"),
        (b'{"records": [], "value": 1}', None, "a body with `records` has nothing else"),
        (b"[1]", 0, "Expected `object`, got `int`"),
        (b"{}", 0, "has no value: send value, value_base64, or null for a tombstone"),
        (b'[{"value": 1}, {"key": 1}]', 1, "has no value"),
        (b'[{"value": 1}, {"value": 1, "kye": 1}]', 1, "unknown field `kye`: a record has value or value_base64"),
        (b'{"records": [{"value": 1}, {"value": 1, "partition": "0"}]}', 1, "has a wrong partition: Expected `int"),
        (b'[{"value": 1, "headers": {"h": 1}}]', 0, "has a wrong headers"),
        (b'[{"value": 1, "headers": [["h"]]}]', 0, "has a wrong headers"),
        (b'[{"value": 1}, {"value": 1, "value_base64": ""}]', 1, "has both value and value_base64: send one"),
        (b'[{"value": 1, "key": 1, "key_base64": ""}]', 0, "has both key and key_base64: send one"),
        (b'[{"value": 1, "headers": {}, "headers_base64": {}}]', 0, "has both headers and headers_base64: send one"),
        (b'[{"value_base64": "a"}]', 0, "has a value_base64 that is not base64"),
        (b'[{"value": 1, "headers_base64": {"h": "?"}}]', 0, "has a header 'h' that is not base64"),
        (b'[{"value": 1, "timestamp": 1.5}]', 0, "has a wrong timestamp"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_record_that_is_wrong_is_named_with_the_reason(body: bytes, index: int | None, says: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        from_json(body)
    assert says in str(refusal.value)
    assert (refusal.value.errors or [{}])[0].get("index") == index
    if index is not None:
        assert str(refusal.value).startswith(f"record {index} ")


@given(st.binary(max_size=60))
def test_whatever_the_bytes_are_they_are_records_or_refused(body: bytes) -> None:
    for read in (from_json, from_line):
        with suppress(RequestRefused, InvalidInput):
            assert read(body) is not None


def test_auto_is_text_where_it_can_be_and_base64_where_not() -> None:
    assert shown(NewRecord(b"caf\xc3\xa9", b"\xff"), ShowAs.AUTO) == {
        "partition": 0, "offset": 0, "timestamp": 0, "key_base64": "/w==", "value": "café",
    }  # fmt: skip


def test_what_is_not_as_it_was_asked_for_is_shown_with_the_reason() -> None:
    not_json = shown(NewRecord(b"{", b"k1"), ShowAs.JSON)
    assert (not_json["value"], not_json["key"]) == ("{", "k1")
    assert not_json["decode_error"] == "the value is not JSON"
    neither = shown(NewRecord(b"\xfe", b"\xff"), ShowAs.TEXT)
    assert b64decode(neither["key_base64"]) == b"\xff"
    assert neither["decode_error"] == "the key is not UTF-8; the value is not UTF-8"
    not_text = shown(NewRecord(b"\xff", None), ShowAs.TEXT)
    assert not_text["value_base64"] == b64encode(b"\xff").decode()
    assert not_text["decode_error"] == "the value is not UTF-8"


@pytest.mark.parametrize("value", [b"[" * 100_000 + b"]" * 100_000, b'"\\ud800"', b"NaN", b'"\xff"', b"1 2", b""])
def test_a_value_that_only_looks_like_json_never_breaks_an_answer(value: bytes) -> None:
    answer = json.loads(answer_json([stored(NewRecord(value)), stored(NewRecord(b"{}"), 1)], ShowAs.JSON, "t.x", True))
    assert "decode_error" in answer["records"][0]
    assert answer["records"][1]["value"] == {}
    assert (answer["next"], answer["up_to_date"]) == ("t.x", True)


def test_a_record_that_cannot_be_read_is_shown_by_its_place_and_reason() -> None:
    read = ReadRecord(3, UnreadableRecord(7, 5, "the batch cannot be decoded"))
    line = json_lines([read], ShowAs.AUTO)
    assert json.loads(line) == {
        "partition": 3, "offset": 7, "timestamp": 5, "decode_error": "the batch cannot be decoded",
    }  # fmt: skip
    assert value_lines([read]) == b""


def test_lines_hold_one_record_each_whatever_is_in_it() -> None:
    reads = [stored(NewRecord(value)) for value in (b"a\nb", "\u2028".encode(), None)]
    lines = json_lines(reads, ShowAs.AUTO).splitlines()
    assert [msgspec.json.decode(line)["value"] for line in lines] == ["a\nb", "\u2028", None]
    assert value_lines(reads) == "a\nb\n\u2028\n".encode()


def test_an_event_is_one_line_of_data_with_the_token_and_a_tombstone_says_so() -> None:
    assert event(stored(NewRecord(b"a\r\nb", b"k")), ShowAs.AUTO, "t.abc") == (
        b'id: t.abc\ndata: {"partition":0,"offset":0,"timestamp":0,"key":"k","value":"a\\r\\nb"}\n\n'
    )
    assert event(stored(NewRecord(None, b"k")), ShowAs.AUTO, "t.abc").startswith(b"event: delete\nid: t.abc\n")
