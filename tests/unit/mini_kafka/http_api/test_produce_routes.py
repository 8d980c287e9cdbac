"""/v1: records in. A body is checked whole before anything is appended, and a retry appends nothing twice."""

import json
from typing import Any

import pytest

from mini_kafka.core.errors import PartlyAppended
from tests.support.asgi import JSON
from tests.support.broker import Broker, tell
from tests.support.clock import ManualClock

NOW = 1_700_000_000_000
PATH = "/v1/topics/orders/records"
NDJSON = (("content-type", "application/x-ndjson"),)


async def stored(it: Broker) -> list[dict[str, Any]]:
    """Read everything that the topic holds."""
    answer = await it.get(PATH)
    return [] if answer.status == 404 else list(answer.json()["records"])


@pytest.mark.parametrize(
    "media_type", [None, "application/x-www-form-urlencoded", "text/plain; charset=utf-8", "application/octet-stream"]
)
@pytest.mark.parametrize("body", [b"hello", b"", b'{"value": 1}', bytes(range(256))])
def test_any_body_that_is_not_json_is_the_value_of_one_record(media_type: str | None, body: bytes) -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(PATH, body, () if media_type is None else (("content-type", media_type),))
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == {"records": [{"partition": 0, "offset": 0, "timestamp": NOW}]}
        raw = await it.get("/v1/topics/orders/partitions/0/records/0", (("accept", "application/octet-stream"),))
        assert raw.body == body

    tell(story, ManualClock(NOW))


def test_key_partition_and_time_of_a_raw_body_are_in_the_url() -> None:
    async def story(it: Broker) -> None:
        await it.ask("PUT", "/v1/topics/orders", [b'{"partitions": 3}'], JSON)
        answer = await it.post(f"{PATH}?key=a+b%2B%C3%A9&partition=2&timestamp=5", b"x", ())
        assert answer.json() == {"records": [{"partition": 2, "offset": 0, "timestamp": 5}]}
        await it.post(f"{PATH}?key=", b"y", ())
        assert [(record["key"], record["value"]) for record in await stored(it)] == [("a b+é", "x"), ("", "y")]

    tell(story, ManualClock(NOW))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kay=1", "'kay' is unknown, known are key, partition, timestamp, ack"),
        ("key=a&key=b", "'key' more than once"),
        ("key=%FF", "cannot be read"),
        ("partition=1", "record 0 is for partition 1, and topic 'orders' has 0 to 0"),
        ("partition=-1", "partition"),
        ("partition=", "partition is a whole number"),
        ("partition=1_0", "partition is a whole number, and '1_0' is none"),
        ("partition=%D9%A3", "partition is a whole number"),
        ("partition=" + "1" * 5000, "partition is a whole number"),
        ("timestamp=-1", "timestamp"),
        ("timestamp=9223372036854775808", "timestamp"),
        ("timestamp=now", "timestamp is a whole number"),
        ("ack=some", "ack"),
        ("&".join(f"k{number}=" for number in range(60)), "cannot be read"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_and_nothing_is_appended(query: str, words: str) -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(f"{PATH}?{query}", b"x", ())
        assert answer.status == 422
        assert words in answer.json()["detail"]
        assert await stored(it) == []

    tell(story)


@pytest.mark.parametrize("name", ["key", "partition", "timestamp"])
@pytest.mark.parametrize("media_type", [JSON, NDJSON])
def test_what_belongs_to_a_raw_body_is_refused_beside_json(name: str, media_type: tuple[tuple[str, str], ...]) -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(f"{PATH}?{name}=0", b'{"value": 1}', media_type)
        assert answer.status == 422
        assert f"{name} in the URL belong" in answer.json()["detail"]
        assert await stored(it) == []

    tell(story)


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_one_object_an_array_and_records_are_appended_in_their_order(media_type: str) -> None:
    async def story(it: Broker) -> None:
        for body, offsets in (
            (b'{"value": "a"}', [0]),
            (b'[{"value": {"n": 1.0}}, {"value": null, "key": "k"}]', [1, 2]),
            (b'{"records": [{"value_base64": "/w==", "headers": {"h": "v"}, "timestamp": 7}]}', [3]),
            (b"[]", []),
        ):
            answer = await it.post(PATH, body, (("content-type", media_type),))
            assert answer.status == 200
            assert [place["offset"] for place in answer.json()["records"]] == offsets
        common = {"partition": 0, "timestamp": NOW}
        assert await stored(it) == [
            common | {"offset": 0, "key": None, "value": "a"},
            common | {"offset": 1, "key": None, "value": '{"n": 1.0}'},
            common | {"offset": 2, "key": "k", "value": None},
            common | {"offset": 3, "timestamp": 7, "key": None, "value_base64": "/w==", "headers": {"h": "v"}},
        ]

    tell(story, ManualClock(NOW))


@pytest.mark.parametrize(
    "wrong",
    ['{"value": 1, "kay": 2}', "{}", '{"value": 1, "partition": 9}',
     '{"value": 1, "timestamp": -1}', '{"value": 1, "partition": 1' + "0" * 30 + "}",
     '{"value_base64": "?"}', '{"value": 1, "key": 1, "key_base64": ""}',
     "7", '{"value": 1, "headers": {"h": 1}}', '{"value": 1, "timestamp": 1.5}'],
)  # fmt: skip
def test_a_record_that_is_wrong_is_named_by_its_index_and_none_is_appended(wrong: str) -> None:
    async def story(it: Broker) -> None:
        for body in (f'[{{"value": 0}}, {wrong}]', f'{{"records": [{{"value": 0}}, {wrong}]}}'):
            answer = await it.post(PATH, body.encode())
            assert answer.status == 422
            assert "record 1 " in answer.json()["detail"]
        assert await stored(it) == []

    tell(story)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'"text"', b"7", b"null", b'{"value":' + b"[" * 100_000, b'{"value": "\xff"}']
)
def test_a_body_without_records_is_refused(body: bytes) -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(PATH, body)
        assert answer.status == 422
        assert answer.json()["detail"].startswith("the body ")
        assert (await it.get("/v1/topics")).json() == {"topics": []}

    tell(story)


def test_a_record_that_is_too_large_is_413_with_its_index() -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(PATH, [{"value": "x"}, {"value": "x" * 600, "partition": 0}, {"value": "x"}])
        assert (answer.status, answer.json()["code"]) == (413, "MESSAGE_TOO_LARGE")
        assert answer.json()["detail"].startswith("record 1 makes a batch of ")
        assert "max.message.bytes is 500" in answer.json()["detail"]
        assert await stored(it) == []

    tell(story, message_max_bytes=500)


def test_too_many_records_are_413_with_the_settings_name() -> None:
    async def story(it: Broker) -> None:
        assert (await it.post(PATH, [{"value": 1}] * 3)).status == 200
        answer = await it.post(PATH, [{"value": 1}] * 4)
        assert answer.status == 413
        assert "4 records, over MINI_KAFKA_MAX_RECORDS_PER_REQUEST (3)" in answer.json()["detail"]
        assert len(await stored(it)) == 3

    tell(story, max_records_per_request=3)


@pytest.mark.parametrize("headers", [(), JSON])
@pytest.mark.parametrize("says", [True, False])
def test_a_body_over_the_limit_is_413(headers: tuple[tuple[str, str], ...], says: bool) -> None:
    async def story(it: Broker) -> None:
        length = (("content-length", "2000"),) if says else ()
        answer = await it.ask("POST", PATH, [b" " * 1000, b" " * 1000], (*headers, *length))
        assert answer.status == 413
        assert "MINI_KAFKA_MAX_BODY_BYTES" in answer.json()["detail"]
        assert (await it.get(PATH)).status == 404

    tell(story, max_body_bytes=1024)


def test_a_full_memory_is_429_and_nothing_is_appended() -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(PATH, [{"value": "x" * 900_000}, {"value": "x" * 900_000}])
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert "MINI_KAFKA_MEMORY_LIMIT" in answer.json()["detail"]
        assert await stored(it) == []

    tell(story, memory_limit=1024 * 1024)


@pytest.mark.parametrize("media_type", [(), JSON, NDJSON])
def test_a_missing_topic_is_created_unless_the_broker_does_not_do_that(media_type: tuple[tuple[str, str], ...]) -> None:
    async def story(it: Broker) -> None:
        create = it.engine._config.auto_create_topics
        answer = await it.post(PATH, b'{"value": 1}', media_type)
        assert answer.status == (200 if create else 404)
        assert create or "PUT /v1/topics/NAME" in answer.json()["detail"]
        names = [topic["name"] for topic in (await it.get("/v1/topics")).json()["topics"]]
        assert names == (["orders"] if create else [])

    tell(story, auto_create_topics_enable=True)
    tell(story, auto_create_topics_enable=False)


def test_a_record_without_a_key_is_refused_by_a_topic_that_compacts() -> None:
    async def story(it: Broker) -> None:
        await it.ask("PUT", "/v1/topics/orders", [b'{"configs": {"cleanup.policy": "compact"}}'], JSON)
        answer = await it.post(PATH, [{"value": 1, "key": "k"}, {"value": 2}])
        assert answer.status == 422
        assert answer.json()["detail"].startswith("record 1 has no key")
        assert await stored(it) == []

    tell(story)


def numbered(sequence: int | str, epoch: int | None = None, name: str = "me") -> tuple[tuple[str, str], ...]:
    fields = (("producer-id", name), ("producer-seq", str(sequence)))
    return fields if epoch is None else (*fields, ("producer-epoch", str(epoch)))


def test_a_repeat_gets_the_same_answer_and_appends_nothing() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        first = [(await it.post(PATH, b"x%d" % number, numbered(number))).body for number in range(5)]
        clock.advance(1000)
        again = [(await it.post(PATH, b"x%d" % number, numbered(number))).body for number in range(5)]
        assert first == again
        other = await it.post(PATH, b"other", numbered(0, name="you"))
        assert other.json()["records"][0]["offset"] == 5
        assert [record["value"] for record in await stored(it)] == ["x0", "x1", "x2", "x3", "x4", "other"]

    tell(story, clock)


def test_a_gap_is_409_and_an_older_epoch_403() -> None:
    async def story(it: Broker) -> None:
        await it.post(PATH, b"a", numbered(0))
        gap = await it.post(PATH, b"b", numbered(2))
        assert (gap.status, gap.json()["code"]) == (409, "OUT_OF_ORDER_SEQUENCE_NUMBER")
        assert "and 1 is next" in gap.json()["detail"]
        assert (await it.post(PATH, b"b", numbered(0, epoch=1))).status == 200
        old = await it.post(PATH, b"c", numbered(1, epoch=0))
        assert (old.status, old.json()["code"]) == (403, "INVALID_PRODUCER_EPOCH")
        assert [record["value"] for record in await stored(it)] == ["a", "b"]

    tell(story)


def test_a_request_that_was_refused_has_not_used_its_number() -> None:
    async def story(it: Broker) -> None:
        assert (await it.post(PATH, b"{", (*JSON, *numbered(0)))).status == 422
        assert (await it.post(f"{PATH}?partition=9", b"x", numbered(0))).status == 422
        assert (await it.post(PATH, b"x", numbered(0))).status == 200

    tell(story)


@pytest.mark.parametrize(
    "headers",
    [(("producer-id", "me"),), (("producer-seq", "0"),), (("producer-epoch", "0"),), numbered(-1), numbered("1_0"),
     numbered("٣"), numbered(""), numbered("9" * 19), numbered(0, epoch=-1), numbered(0, name=""),
     numbered(0, name="a b"), numbered(0, name="a" * 250)],
)  # fmt: skip
def test_the_headers_of_a_safe_retry_are_complete_or_refused(headers: tuple[tuple[str, str], ...]) -> None:
    async def story(it: Broker) -> None:
        for media_type in ((), JSON, NDJSON):
            answer = await it.post(PATH, b'{"value": 1}', (*media_type, *headers))
            assert answer.status == 422
            assert "Producer-" in answer.json()["detail"]
        assert (await it.get("/v1/topics")).json() == {"topics": []}

    tell(story)


def test_lines_of_json_have_no_number_because_they_are_not_appended_whole() -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(PATH, b'{"value": 1}', (*NDJSON, *numbered(0)))
        assert answer.status == 422
        assert "send a JSON array instead" in answer.json()["detail"]
        assert await stored(it) == []

    tell(story)


def test_what_was_read_can_be_produced_to_another_topic_as_it_is() -> None:
    async def story(it: Broker) -> None:
        await it.post(
            PATH, [{"value": "a", "key": "k"}, {"value": None}, {"value_base64": "/w==", "headers": {"h": "1"}}]
        )
        read = await it.get(PATH)
        assert (await it.post("/v1/topics/copy/records", {"records": read.json()["records"]})).status == 200
        assert (await it.get("/v1/topics/copy/records")).json()["records"] == read.json()["records"]
        assert json.loads(read.body)["up_to_date"] is True

    tell(story)


def test_records_that_a_cluster_took_in_part_are_502_with_the_places_of_those_that_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(it: Broker) -> None:
        async def partly(*_: object, **__: object) -> None:
            raise PartlyAppended([(1, 7, NOW), None], "timed out")

        monkeypatch.setattr(it.engine, "produce", partly)
        answer = await it.post(PATH, [{"value": "a"}, {"value": "b"}])
        assert (answer.status, answer.json()["code"]) == (502, "PARTLY_APPENDED")
        assert answer.json()["records"] == [{"partition": 1, "offset": 7, "timestamp": NOW}, None]

    tell(story)
