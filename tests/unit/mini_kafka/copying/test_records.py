"""What a record is, however it is written; and that no two records are alike that are not the same."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.copying.records import Checksum, CopiedRecord, content, encode, read_page
from tests.support.copying import record

FORMS = [
    ({"value": "a"}, {"value_base64": "YQ=="}),
    ({"value": ""}, {"value_base64": ""}),
    ({"value": "v"}, {"value": "v", "key": None}),
    ({"value": "v", "key": "é"}, {"value": "v", "key_base64": "w6k="}),
    ({"value": "v", "headers": {"h": "x", "i": None}}, {"value": "v", "headers": [("h", "x"), ("i", None)]}),
    ({"value": "v", "headers": {"h": "x"}}, {"value": "v", "headers_base64": {"h": "eA=="}}),
    ({"value": "v"}, {"value": "v", "headers": {}}),
]


@pytest.mark.parametrize(("one", "other"), FORMS)
def test_the_same_record_in_another_form_has_the_same_content(one: dict[str, object], other: dict[str, object]) -> None:
    contents = {
        content(
            msgspec.convert({"partition": 0, "offset": 0, "timestamp": 5} | form, CopiedRecord), with_timestamp=True
        )
        for form in (one, other)
    }
    assert len(contents) == 1


OTHERS: list[CopiedRecord] = [
    CopiedRecord(0, 0, 5, value="v", key="k"),
    CopiedRecord(0, 0, 6, value="v", key="k"),
    CopiedRecord(0, 0, 5, value=None, key="k"),
    CopiedRecord(0, 0, 5, value="", key="k"),
    CopiedRecord(0, 0, 5, value="v"),
    CopiedRecord(0, 0, 5, value="v", key=""),
    CopiedRecord(0, 0, 5, value="k", key="v"),
    CopiedRecord(0, 0, 5, value="v", key="k", headers={"h": "x"}),
    CopiedRecord(0, 0, 5, value="v", key="k", headers={"h": None}),
    CopiedRecord(0, 0, 5, value="v", key="k", headers={"h": ""}),
    CopiedRecord(0, 0, 5, value="v", key="k", headers={"x": "h"}),
    CopiedRecord(0, 0, 5, value="v", key="k", headers=[("h", "x"), ("h", "x")]),
    CopiedRecord(0, 0, 5, value="v", key="k", headers=[("h", "x"), ("h", "y")]),
    CopiedRecord(0, 0, 5, value="v", key="k", headers=[("h", "y"), ("h", "x")]),
]


def test_records_that_differ_in_anything_have_different_contents() -> None:
    assert len({content(each, with_timestamp=True) for each in OTHERS}) == len(OTHERS)


def test_a_time_that_the_target_does_not_keep_is_left_out() -> None:
    one, other = (CopiedRecord(0, 0, time, value="v") for time in (1, 2))

    assert content(one, with_timestamp=False) == content(other, with_timestamp=False)


texts = st.none() | st.text(max_size=3)


@given(st.lists(st.tuples(texts, texts), max_size=4), st.lists(st.tuples(texts, texts), max_size=4))
def test_two_lists_of_records_have_one_checksum_only_if_they_are_the_same(
    one: list[tuple[str | None, str | None]], other: list[tuple[str | None, str | None]]
) -> None:
    sums = []
    for pairs in (one, other):
        checksum = Checksum()
        for key, value in pairs:
            checksum.add(content(CopiedRecord(0, 0, 0, key=key, value=value), with_timestamp=True))
        sums.append((checksum.records, str(checksum)))
    assert (sums[0] == sums[1]) == (one == other)


def test_a_request_has_as_many_records_as_fit_and_at_least_one() -> None:
    records = [record(number, "x" * 100) for number in range(50)]

    body, count = encode(records, 2000)
    assert len(body) <= 2000
    assert len(msgspec.json.decode(body)) == count > 5
    assert encode(records, 10)[1] == 1
    assert encode(records, 10**6)[1] == 50


def test_what_was_read_is_produced_as_it_was() -> None:
    answer = (
        b'{"records":[{"partition":1,"offset":7,"timestamp":5,"key":null,"value":null},'
        b'{"partition":1,"offset":9,"timestamp":6,"key_base64":"/w==","value":"\xc3\xa9",'
        b'"headers":[["h","1"],["h",null]]}],"next":"t.x","up_to_date":false}'
    )
    page = read_page(answer)

    assert msgspec.json.decode(encode(page.records, 10_000)[0]) == msgspec.json.decode(answer)["records"]
