"""/v1: records out, from anywhere, in any form. A token goes on in all partitions without a gap or a repeat."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Caller
from tests.support.asgi import JSON, Answer
from tests.support.broker import Broker, broker, tell
from tests.support.clock import ManualClock
from tests.support.tasks import outcome, settle

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z
TOPIC = "/v1/topics/orders"
PATH = f"{TOPIC}/records"
CALLER = Caller("test")


async def have(it: Broker, partitions: int = 1, **configs: str) -> None:
    wish = json.dumps({"partitions": partitions, "configs": configs}).encode()
    assert (await it.ask("PUT", TOPIC, [wish], JSON)).status == 201


async def add(it: Broker, *values: str | None, partition: int = 0) -> None:
    for value in values:
        assert (await it.post(PATH, {"value": value, "partition": partition})).status == 200


async def read(it: Broker, **query: object) -> Any:
    answer = await it.get(PATH + "?" + "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items()))
    assert answer.status == 200, answer.body
    return answer.json()


def found(answer: Any) -> list[str]:
    return [record["value"] for record in answer["records"]]


@pytest.mark.parametrize(
    ("start", "values"),
    [("earliest", "abcd"), ("latest", ""), ("0", "abcd"), ("2", "cd"), ("4", ""), ("-1", "d"), ("-3", "bcd"),
     ("-99", "abcd"), ("-9999999999999999999", "abcd"), ("-0", ""), ("0002", "cd"), ("10m", "abcd"), ("3m", "bcd"),
     ("150s", "cd"), ("60000ms", "d"), ("1d", "abcd"), ("2023-11-14T22:15:20Z", "cd"), ("2023-11-14T22:15:20.001", "d"),
     ("2024-01-01", "")],
)  # fmt: skip
def test_reading_begins_where_from_says(start: str, values: str) -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        for value in "abcd":
            await add(it, value)
            clock.advance(60_000)
        answer = await read(it, from_=start)
        assert (found(answer), answer["up_to_date"]) == (list(values), True)
        assert found(await read(it, from_=start, partition=0)) == list(values)

    tell(story, clock)


def test_the_last_ones_and_times_are_those_of_each_partition() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        await have(it, 2)
        for number in range(3):
            await add(it, f"a{number}", partition=0)
            await add(it, f"b{number}", partition=1)
            clock.advance(1000)
        assert found(await read(it, from_="-1")) == ["a2", "b2"]
        assert found(await read(it, from_="2s")) == ["a1", "b1", "a2", "b2"]
        assert found(await read(it, from_="-2", partition=1)) == ["b1", "b2"]

    tell(story, clock)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("form=1", "'form' is unknown, known are from, partition, max_records, max_bytes, wait_ms, follow, as"),
        ("from=1&from=2", "'from' more than once"),
        ("from=", "give earliest, latest, an offset, -10 for the last ten"),
        ("from=%2B1", "give earliest"),
        ("from=1_0", "give earliest"),
        ("from=%D9%A3", "give earliest"),
        ("from=" + "9" * 5000, "give earliest"),
        ("from=tomorrow", "give earliest"),
        ("from=t.abc", "send the `next` of an earlier answer as it came"),
        ("from=0", "say which with partition="),
        ("partition=-1", "partition"),
        ("max_records=0", "max_records"),
        ("max_records=1.0", "max_records is a whole number, and '1.0' is none"),
        ("max_records=10001", "max_records is at most 10000 (MINI_KAFKA_MAX_RECORDS_PER_REQUEST)"),
        ("max_bytes=0", "max_bytes"),
        ("max_bytes=8388609", "max_bytes"),
        ("wait_ms=-1", "wait_ms"),
        ("wait_ms=", "wait_ms is a whole number"),
        ("wait_ms=%201", "wait_ms is a whole number"),
        ("as=xml", "as"),
        ("follow=perhaps", "follow"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_with_what_is(query: str, words: str) -> None:
    async def story(it: Broker) -> None:
        await have(it, 2)
        answer = await it.get(f"{PATH}?{query}")
        assert answer.status == 422
        assert words in answer.json()["detail"]

    tell(story)


@pytest.mark.parametrize("query", ["partition=2", "partition=2&from=0", "partition=1" + "0" * 18 + "&from=latest"])
@pytest.mark.parametrize("more", ["", "&follow=true"])
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_a_partition_that_is_not_there_is_404_before_anything_is_streamed(query: str, more: str, accept: str) -> None:
    async def story(it: Broker) -> None:
        await have(it, 2)
        answer = await it.get(f"{PATH}?{query}{more}", (("accept", accept),))
        assert (answer.status, answer.json()["code"]) == (404, "UNKNOWN_TOPIC_OR_PARTITION")
        assert "it has 0 to 1" in answer.json()["detail"]

    tell(story)


@pytest.mark.parametrize("query", ["", "?wait_ms=1000", "?follow=true"])
def test_reading_an_unknown_topic_is_404_and_makes_none(query: str) -> None:
    async def story(it: Broker) -> None:
        assert (await it.get(f"/v1/topics/nowhere/records{query}")).status == 404
        assert (await it.get("/v1/topics/nowhere/partitions/0/records/0")).status == 404
        assert (await it.get("/v1/topics")).json() == {"topics": []}

    tell(story)


def test_an_offset_to_come_is_404_and_one_that_was_dropped_is_410_with_the_way_out() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        await have(it, 1, **{"retention.ms": "1000"})
        await add(it, "a", "b")
        token = (await read(it, max_records=1))["next"]
        assert (await it.get(f"{PATH}?from=3")).status == 404
        clock.advance(600_000)
        await add(it, "c")
        for start in ("0", token):
            answer = await it.get(f"{PATH}?from={start}")
            assert (answer.status, answer.json()["code"]) == (410, "OFFSET_OUT_OF_RANGE")
            assert "which holds 2 to 3" in answer.json()["detail"]
            assert "from=earliest" in answer.json()["detail"]
        assert found(await read(it)) == ["c"]

    tell(story, clock)


def test_an_answer_holds_no_more_records_and_bytes_than_asked_for() -> None:
    async def story(it: Broker) -> None:
        await add(it, *"abcde")
        answer = await read(it, max_records=2)
        assert (found(answer), answer["up_to_date"]) == (["a", "b"], False)
        answer = await read(it, from_=answer["next"], max_bytes=1)
        assert (found(answer), answer["up_to_date"]) == (["c"], False)
        answer = await read(it, from_=answer["next"])
        assert (found(answer), answer["up_to_date"]) == (["d", "e"], True)

    tell(story)


def test_a_broker_that_allows_few_records_gives_as_many_to_who_does_not_say() -> None:
    async def story(it: Broker) -> None:
        await add(it, *"abcde")
        assert found(await read(it)) == ["a", "b", "c"]
        assert (await it.get(f"{PATH}?max_records=4")).status == 422

    tell(story, max_records_per_request=3)


def test_a_read_that_waits_answers_at_the_first_record_and_gives_no_more_time() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        await have(it, 2)
        waiting = asyncio.ensure_future(it.get(f"{PATH}?from=latest&wait_ms=30000"))
        await settle()
        clock.advance(29_000)
        await settle()
        assert not waiting.done()
        await add(it, "a", partition=1)
        assert found((await outcome(waiting)).json()) == ["a"]
        assert it.engine.waiting == 0

    tell(story, clock)


def test_a_read_that_waits_in_vain_gives_the_same_token_at_its_time_or_the_cap() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        await add(it, "a")
        token = (await read(it))["next"]
        for wait_ms, ends_ms in ((1000, 1000), (10**18, 5000)):
            waiting = asyncio.ensure_future(it.get(f"{PATH}?from={token}&wait_ms={wait_ms}"))
            await settle()
            clock.advance(ends_ms - 1)
            await settle()
            assert not waiting.done()
            clock.advance(1)
            assert (await outcome(waiting)).json() == {"records": [], "next": token, "up_to_date": True}

    tell(story, clock, max_wait_ms=5000)


def test_a_reader_that_hangs_up_or_whose_topic_goes_waits_no_longer() -> None:
    async def story(it: Broker) -> None:
        await have(it)
        for end in ("hang up", "delete"):
            waiting = asyncio.ensure_future(it.get(f"{PATH}?wait_ms=1000"))
            await settle()
            assert it.engine.waiting == 1
            if end == "hang up":
                it.gone.set()
                assert (await outcome(waiting)).status == 0
                it.gone.clear()
            else:
                await it.ask("DELETE", TOPIC)
                assert (await outcome(waiting)).status == 404
            assert it.engine.waiting == 0

    tell(story, ManualClock(NOW))


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=8),
    st.integers(1, 4),
    st.integers(1, 300),
    st.integers(0, 4),
)
def test_a_token_goes_on_in_all_partitions_without_a_gap_or_a_repeat(
    rounds: list[list[int]], max_records: int, max_bytes: int, growth: int
) -> None:
    async def run() -> None:
        async with broker(ManualClock(NOW)) as it:
            await have(it, 4)
            sent: list[tuple[int, str]] = []
            got: list[tuple[int, str]] = []
            token = "earliest"

            async def read_on() -> bool:
                nonlocal token
                answer = await read(it, from_=token, max_records=max_records, max_bytes=max_bytes)
                token = answer["next"]
                got.extend((record["partition"], record["value"]) for record in answer["records"])
                assert len(answer["records"]) <= max_records
                return bool(answer["up_to_date"])

            for number, partitions in enumerate(rounds):
                if number == growth:
                    await it.ask("PATCH", TOPIC, [b'{"partitions": 6}'], JSON)
                    partitions = [*partitions, 4, 5, 5]
                news = [(partition, f"{number}.{place}") for place, partition in enumerate(partitions)]
                sent += news
                records = [NewRecord(value.encode(), partition=partition) for partition, value in news]
                await it.engine.produce(CALLER, "orders", records)
                await read_on()
            while not await read_on():
                pass
            for partition in range(6):
                assert [value for p, value in got if p == partition] == [v for p, v in sent if p == partition]

    asyncio.run(run())


def test_a_token_of_one_partition_goes_on_in_it_alone() -> None:
    async def story(it: Broker) -> None:
        await have(it, 2)
        await add(it, "a0", "a1", partition=0)
        await add(it, "b0", "b1", partition=1)
        token = (await read(it, partition=1, max_records=1))["next"]
        assert found(await read(it, from_=token)) == found(await read(it, from_=token, partition=1)) == ["b1"]
        answer = await it.get(f"{PATH}?from={token}&partition=0")
        assert answer.status == 422
        assert "goes on in partition 1" in answer.json()["detail"]
        whole = (await read(it))["next"]
        await add(it, "b2", partition=1)
        assert found(await read(it, from_=whole, partition=1)) == ["b2"]

    tell(story)


def test_a_token_of_another_life_or_of_a_topic_that_was_made_again_is_410() -> None:
    async def story(it: Broker) -> None:
        await add(it, "a", "b")
        token = (await read(it, max_records=1))["next"]
        await it.ask("DELETE", TOPIC)
        await add(it, "x", "y")
        async with broker() as other:
            await add(other, "x", "y")
            for asked, words in ((it, "the topic was deleted and made again"), (other, "the broker was started again")):
                answer = await asked.get(f"{PATH}?from={token}")
                assert answer.status == 410
                assert words in answer.json()["detail"]
                assert "from=earliest or from=latest" in answer.json()["detail"]

    tell(story)


VALUES = (b"text", b'{"n": 1.0}', b"\xff", None)
SHOWN: dict[str, list[dict[str, Any]]] = {
    "auto": [{"value": "text"}, {"value": '{"n": 1.0}'}, {"value_base64": "/w=="}, {"value": None}],
    "text": [
        {"value": "text"}, {"value": '{"n": 1.0}'},
        {"value_base64": "/w==", "decode_error": "the value is not UTF-8"}, {"value": None},
    ],
    "json": [
        {"value": "text", "decode_error": "the value is not JSON"}, {"value": {"n": 1.0}},
        {"value_base64": "/w==", "decode_error": "the value is not JSON"}, {"value": None},
    ],
    "base64": [{"value_base64": "dGV4dA=="}, {"value_base64": "eyJuIjogMS4wfQ=="}, {"value_base64": "/w=="},
               {"value": None}],
}  # fmt: skip


@pytest.mark.parametrize("show_as", SHOWN)
@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_values_are_shown_as_asked_for(show_as: str, accept: str) -> None:
    async def story(it: Broker) -> None:
        await have(it)
        await it.engine.produce(CALLER, "orders", [NewRecord(value) for value in VALUES])
        answer = await it.get(f"{PATH}?as={show_as}", (("accept", accept),))
        assert answer.headers["content-type"] == accept
        lines = accept == "application/x-ndjson"
        records = list(map(json.loads, answer.body.splitlines())) if lines else answer.json()["records"]
        common = [{"partition": 0, "offset": place, "timestamp": NOW, "key": None} for place in range(4)]
        assert records == [first | second for first, second in zip(common, SHOWN[show_as], strict=True)]

    tell(story, ManualClock(NOW))


def test_json_that_was_stored_with_line_ends_is_still_one_line() -> None:
    async def story(it: Broker) -> None:
        await it.post(PATH, b'{"value": {\n"a": [1,\r\n 2], "b": "x\\ny"}}', JSON)
        answer = await it.get(f"{PATH}?as=json", (("accept", "application/x-ndjson"),))
        assert answer.body.count(b"\n") == 1
        assert b"\r" not in answer.body
        assert json.loads(answer.body)["value"] == {"a": [1, 2], "b": "x\ny"}

    tell(story)


def test_lines_and_plain_values_have_the_token_in_a_header() -> None:
    async def story(it: Broker) -> None:
        await add(it, "a", None, "c")
        for accept, body in (("text/plain", b"a\nc\n"), ("application/x-ndjson", None)):
            answer = await it.get(f"{PATH}?max_records=3", (("accept", accept),))
            assert body in {None, answer.body}
            assert answer.headers["mini-kafka-up-to-date"] == "true"
            await add(it, "d")
            rest = await it.get(f"{PATH}?from={answer.headers['mini-kafka-next']}", (("accept", "text/plain"),))
            assert rest.body == b"d\n"
            assert (await it.get(PATH, (("accept", accept),))).headers["mini-kafka-up-to-date"] == "true"
            await it.ask("DELETE", TOPIC)
            await add(it, "a", None, "c")

    tell(story)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ((), "application/json"),
        (("*/*",), "application/json"),
        (("application/*",), "application/json"),
        (("text/html,application/xhtml+xml,*/*;q=0.8",), "application/json"),
        (("application/json;q=0.5, application/x-ndjson",), "application/x-ndjson"),
        (("application/json;q=0, application/*",), "application/x-ndjson"),
        (("TEXT/PLAIN",), "text/plain; charset=utf-8"),
        (("image/png", "text/plain"), "text/plain; charset=utf-8"),
        (("application/json; q=nonsense, text/plain;q=0.1",), "text/plain; charset=utf-8"),
        (("image/png",), None),
        (("*/*;q=0",), None),
    ],
)
def test_the_form_is_the_one_that_the_client_likes_best(accept: tuple[str, ...], media_type: str | None) -> None:
    async def story(it: Broker) -> None:
        await add(it, "a")
        answer: Answer = await it.get(PATH, [("accept", field) for field in accept])
        if media_type is None:
            assert answer.status == 406
            assert "application/json, application/x-ndjson, text/plain, text/event-stream" in answer.json()["detail"]
        else:
            assert (answer.status, answer.headers["content-type"]) == (200, media_type)

    tell(story)
