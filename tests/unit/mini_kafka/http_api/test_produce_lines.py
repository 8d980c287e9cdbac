"""/v1: lines of JSON are checked and appended as they come, however they are cut, and each is answered for."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from mini_kafka.core.errors import BrokerStopping
from mini_kafka.http_api.connection import ENDED_BODY, PATIENT_BODY
from mini_kafka.http_api.error_table import REQUEST_TIMED_OUT
from mini_kafka.http_api.errors import RequestRefused
from tests.support.asgi import Answer
from tests.support.broker import Broker, broker, tell
from tests.support.clock import ManualClock
from tests.support.tasks import settle

NOW = 1_700_000_000_000
PATH = "/v1/topics/orders/records"
NDJSON = (("content-type", "application/x-ndjson"),)
TOO_LONG = b'{"value": "%s"}' % (b"x" * 1100)
BODY = b"\n".join(
    [
        b'{"value": "a", "key": "\xc3\xa9"}', b"", b"  \r", b'{"value": ', b'{"value": {"n": 1.0}}\r', TOO_LONG,
        b'{"value": 1, "partition": 7}', b'\xff', b'{"value": null, "key": "k"}', b" ", b'{"value": "last"}',
    ]
)  # fmt: skip
VALUES = ["a", '{"n": 1.0}', None, "last"]


async def send(it: Broker, *pieces: bytes, query: str = "") -> Answer:
    return await it.ask("POST", PATH + query, pieces, NDJSON)


async def values(it: Broker) -> list[Any]:
    answer = await it.get(PATH)
    return [] if answer.status == 404 else [record["value"] for record in answer.json()["records"]]


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.integers(0), max_size=8), st.booleans())
def test_lines_mean_the_same_however_the_body_is_cut(places: list[int], is_ended: bool) -> None:
    async def run(pieces: list[bytes], query: str) -> tuple[int, bytes, list[Any]]:
        async with broker(ManualClock(NOW), max_body_bytes=1024) as it:
            answer = await send(it, *pieces, query=query)
            return answer.status, answer.body, await values(it)

    body = BODY + b"\n" * is_ended
    for query in ("", "?ack=each"):
        whole = asyncio.run(run([body], query))
        assert whole[2] == VALUES
        assert asyncio.run(run(cut(body, places), query)) == whole


def test_the_summary_counts_and_names_what_was_wrong_by_its_line() -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, BODY)
        assert answer.status == 207
        summary = answer.json()
        assert {name: summary[name] for name in ("appended", "refused", "partitions")} == {
            "appended": 4,
            "refused": 4,
            "partitions": [{"partition": 0, "first_offset": 0, "last_offset": 3, "count": 4}],
        }
        assert [error["line"] for error in summary["errors"]] == [4, 6, 7, 8]
        for error, words in zip(
            summary["errors"],
            ("the line is not JSON", "the line is over 1024 bytes (MINI_KAFKA_MAX_BODY_BYTES)",
             "the record is for partition 7", "the line is not UTF-8"),
            strict=True,
        ):  # fmt: skip
            assert error["detail"].startswith(words)
        assert await values(it) == VALUES

    tell(story, max_body_bytes=1024)


def test_each_line_is_answered_in_its_order_for_who_asks() -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, BODY, query="?ack=each")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
        lines = [json.loads(line) for line in answer.body.splitlines()]
        assert [line["line"] for line in lines] == [1, 4, 5, 6, 7, 8, 9, 11]
        assert [line.get("offset") for line in lines] == [0, None, 1, None, None, None, 2, 3]
        assert all(("detail" in line) is ("offset" not in line) for line in lines)

    tell(story, max_body_bytes=1024)


@pytest.mark.parametrize(
    ("body", "status", "appended", "refused"),
    [
        (b"", 200, 0, 0),
        (b"\n \n\r\n", 200, 0, 0),
        (b'{"value": 1}', 200, 1, 0),
        (b'{"value": 1}\n', 200, 1, 0),
        (b'{"value": 1}\n{', 207, 1, 1),
        (b"{\n{\n", 422, 0, 2),
        (b'[{"value": 1}]\n"x"', 422, 0, 2),
        (b'{"value": 1} {"value": 2}', 422, 0, 1),
    ],
)
def test_the_status_says_whether_all_some_or_none_was_appended(
    body: bytes, status: int, appended: int, refused: int
) -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, body)
        assert answer.status == status
        assert (answer.json()["appended"], answer.json()["refused"]) == (appended, refused)
        assert len(answer.json()["errors"]) == refused
        assert len(await values(it)) == appended

    tell(story)


@pytest.mark.parametrize(
    "media_type",
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines",
     "Application/X-NDJSON; charset=utf-8"],
)  # fmt: skip
def test_lines_have_many_names(media_type: str) -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(PATH, b'{"value": 1}\n{"value": 2}', (("content-type", media_type),))
        assert answer.json()["appended"] == 2

    tell(story)


def test_the_summary_shows_a_hundred_errors_and_counts_all() -> None:
    async def story(it: Broker) -> None:
        summary = (await send(it, b"{\n" * 700)).json()
        assert summary["refused"] == 700
        assert [error["line"] for error in summary["errors"]] == list(range(1, 101))

    tell(story)


def test_lines_are_neither_counted_nor_measured_together() -> None:
    async def story(it: Broker) -> None:
        lines = b'{"value": "0123456789"}\n' * 1200
        answer = await it.ask("POST", PATH, [lines], (*NDJSON, ("content-length", str(len(lines)))))
        assert answer.json()["appended"] == 1200

    tell(story, max_body_bytes=1024, max_records_per_request=10, max_buffered_body_bytes=1024)


def test_keyless_lines_and_keyed_ones_are_summed_up_by_partition() -> None:
    async def story(it: Broker) -> None:
        body = b'{"value": 1, "partition": 2}\n{"value": 2, "partition": 0}\n{"value": 3, "partition": 2}'
        assert (await send(it, body)).json()["partitions"] == [
            {"partition": 0, "first_offset": 0, "last_offset": 0, "count": 1},
            {"partition": 2, "first_offset": 0, "last_offset": 1, "count": 2},
        ]

    tell(story, num_partitions=3)


def test_a_record_that_is_too_large_does_not_stop_the_other_lines() -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, b'{"value": "a"}\n{"value": "%s"}\n{"value": "b"}' % (b"x" * 600))
        assert answer.status == 207
        [error] = answer.json()["errors"]
        assert error["line"] == 2
        assert error["detail"].startswith("the record makes a batch of ")
        assert await values(it) == ["a", "b"]

    tell(story, message_max_bytes=500)


LARGE = b'{"value": "%s"}\n' % (b"x" * 300_000)


def test_a_full_memory_ends_the_lines_and_says_where_to_go_on() -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, LARGE, LARGE, LARGE, b"{\n", b"\n{\n" + LARGE, LARGE)
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"] == "THROTTLING_QUOTA_EXCEEDED"
        assert "MINI_KAFKA_MEMORY_LIMIT" in problem["detail"]
        assert (problem["appended"], problem["next_line"]) == (3, 7)
        assert problem["partitions"] == [{"partition": 0, "first_offset": 0, "last_offset": 2, "count": 3}]
        assert [error["line"] for error in problem["errors"]] == [4, 6]
        assert problem["refused"] == 2
        assert len(await values(it)) == 3

    tell(story, memory_limit=1024 * 1024)


def test_a_full_memory_is_told_in_the_stream_of_answers_too() -> None:
    async def story(it: Broker) -> None:
        answer = await send(it, LARGE * 3, b"{\n" + LARGE, LARGE, query="?ack=each")
        *acknowledged, wrong, last = [json.loads(line) for line in answer.body.splitlines()]
        assert [line["offset"] for line in acknowledged] == [0, 1, 2]
        assert wrong["line"] == 4
        assert (last["line"], last["interrupted"]) == (5, True)
        assert "MINI_KAFKA_MEMORY_LIMIT" in last["detail"]

    tell(story, memory_limit=1024 * 1024)


@pytest.mark.parametrize(("topic", "status"), [("nowhere", 404), ("a%b", 422)])
def test_lines_for_a_topic_that_cannot_be_are_refused_at_the_first(topic: str, status: int) -> None:
    async def story(it: Broker) -> None:
        answer = await it.post(f"/v1/topics/{topic}/records", b'{"value": 1}\n', NDJSON)
        assert answer.status == status
        assert (answer.json()["appended"], answer.json()["next_line"]) == (0, 1)

    tell(story, auto_create_topics_enable=status == 422)


def test_where_each_line_is_answered_a_refusal_of_the_first_one_has_its_status() -> None:
    async def nowhere(it: Broker) -> None:
        answer = await send(it, b'{"value": 1}\n', query="?ack=each")
        assert (answer.status, answer.json()["code"]) == (404, "UNKNOWN_TOPIC_OR_PARTITION")
        assert (answer.json()["appended"], answer.json()["next_line"]) == (0, 1)

    tell(nowhere, auto_create_topics_enable=False)

    async def full(it: Broker) -> None:
        for _ in range(3):
            await send(it, LARGE)
        answer = await send(it, LARGE, query="?ack=each")
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")

    tell(full, memory_limit=1024 * 1024)

    async def empty(it: Broker) -> None:
        answer = await send(it, b"", query="?ack=each")
        assert (answer.status, answer.body) == (200, b"")

    tell(empty)


@pytest.mark.parametrize("query", ["", "?ack=each"])
@pytest.mark.parametrize(
    ("reason", "status", "says"),
    [
        (BrokerStopping(), 503, "the broker is stopping"),
        (RequestRefused(REQUEST_TIMED_OUT, "the request's body took too long to arrive"), 408, "took too long"),
    ],
)
def test_lines_that_are_not_waited_for_are_summed_up_and_half_a_line_is_not_kept(
    query: str, reason: Exception, status: int, says: str
) -> None:
    async def story(it: Broker) -> None:
        patience: list[str] = []
        it.extensions = {PATIENT_BODY: lambda: patience.append("asked for")}
        pieces = iter([b'{"value": "a"}\n{"value": "b"}\n{\n{"value": "lo', b""])

        async def receive() -> Message:
            piece = next(pieces)
            if not piece:
                it.extensions[ENDED_BODY] = reason
            return {"type": "http.request", "body": piece, "more_body": True}

        answer = await it.ask("POST", PATH + query, (), NDJSON, receive=receive)
        assert patience == ["asked for"]
        assert await values(it) == ["a", "b"]
        if query:
            *_, last = [json.loads(line) for line in answer.body.splitlines()]
            assert (answer.status, last["line"], last["interrupted"]) == (200, 4, True)
        else:
            last = answer.json()
            assert (answer.status, last["appended"], last["refused"], last["next_line"]) == (status, 2, 1, 4)
            assert last["partitions"] == [{"partition": 0, "first_offset": 0, "last_offset": 1, "count": 2}]
        assert says in last["detail"]

    tell(story)


@pytest.mark.parametrize("query", ["", "?ack=each"])
def test_what_came_before_a_client_hung_up_is_kept_and_half_a_line_is_not(query: str) -> None:
    async def story(it: Broker) -> None:
        sending = asyncio.ensure_future(
            it.ask("POST", PATH + query, [b'{"value": "kept"}\n{"value": "lo', b'st"}'], NDJSON, more_to_come=True)
        )
        await settle()
        assert await values(it) == ["kept"]
        assert not sending.done()
        it.gone.set()
        await sending
        assert await values(it) == ["kept"]

    tell(story)


def test_a_long_line_is_a_record_like_any_other() -> None:
    async def story(it: Broker) -> None:
        long = b"x" * 300_000
        assert (
            await send(it, b'{"value": "%s"}\n{"value": [%s}\n{"value": 1}' % (long, b"1," * 100_000))
        ).status == 207
        assert await values(it) == [long.decode(), "1"]

    tell(story)
