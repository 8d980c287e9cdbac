"""The guide's endpoints, exactly as the guide gives them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.broker import Broker, broker
from tests.support.clock import ManualClock
from tests.support.tasks import settle

Story = Callable[[Broker], Awaitable[None]]


def tell(story: Story, **settings: Any) -> None:
    async def run() -> None:
        async with broker(**settings) as it:
            await story(it)

    asyncio.run(run())


def test_registering_a_topic_creates_it_or_finds_it() -> None:
    async def story(it: Broker) -> None:
        for _ in range(2):
            answer = await it.post("/topics/register", {"topic": "orders"})
            assert (answer.status, answer.json()) == (200, {"status": "ok", "topic": "orders"})
        assert (await it.get("/stats")).json() == {"topics": {"orders": 0}, "consumers": {}}

    tell(story)


def test_a_producer_without_an_id_gets_one_and_its_topic_is_created() -> None:
    async def story(it: Broker) -> None:
        answer = (await it.post("/producers/register", {"topic": "orders"})).json()
        assert answer.keys() == {"status", "topic", "producer_id"}
        assert re.fullmatch(r"producer-[0-9a-f]{8}", answer["producer_id"])
        named = await it.post("/producers/register", {"topic": "orders", "producer_id": "p1"})
        assert named.json() == {"status": "ok", "topic": "orders", "producer_id": "p1"}
        assert "orders" in (await it.get("/stats")).json()["topics"]

    tell(story)


def test_a_consumer_without_an_id_gets_one_and_starts_at_offset_0() -> None:
    async def story(it: Broker) -> None:
        answer = (await it.post("/consumers/register", {"topic": "orders"})).json()
        assert answer.keys() == {"status", "topic", "consumer_id"}
        assert re.fullmatch(r"consumer-[0-9a-f]{8}", answer["consumer_id"])
        consumers = (await it.get("/stats")).json()["consumers"]
        assert consumers == {answer["consumer_id"]: {"topic": "orders", "offset": 0}}

    tell(story)


def test_a_message_that_was_produced_is_consumed_once_by_every_consumer() -> None:
    async def story(it: Broker) -> None:
        await it.post("/topics/register", {"topic": "orders"})
        for number in range(3):
            answer = await it.post("/produce", {"topic": "orders", "value": f"v{number}", "key": "k"})
            assert (answer.status, answer.json()) == (200, {"status": "ok", "offset": number})
        for consumer in ("a", "b"):
            await it.post("/consumers/register", {"topic": "orders", "consumer_id": consumer})
            for number in range(3):
                message = (await it.post("/consume", {"consumer_id": consumer})).json()
                expected = {"topic": "orders", "offset": number, "value": f"v{number}", "key": "k"}
                assert expected.items() <= message.items()
            nothing = await it.post("/consume", {"consumer_id": consumer})
            assert (nothing.status, nothing.body) == (204, b"")
        assert (await it.get("/stats")).json() == {
            "topics": {"orders": 3},
            "consumers": {name: {"topic": "orders", "offset": 3} for name in ("a", "b")},
        }

    tell(story)


def test_a_message_without_a_key_has_the_key_null() -> None:
    async def story(it: Broker) -> None:
        await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
        await it.post("/produce", {"topic": "orders", "value": "x"})
        await it.post("/produce", {"topic": "orders", "value": "x", "key": ""})
        assert (await it.post("/consume", {"consumer_id": "c"})).json()["key"] is None
        assert (await it.post("/consume", {"consumer_id": "c"})).json()["key"] == ""

    tell(story)


def test_producing_to_an_unknown_topic_is_404_and_says_to_register_it() -> None:
    async def story(it: Broker) -> None:
        answer = await it.post("/produce", {"topic": "nowhere", "value": "x"})
        assert answer.status == 404
        assert "'nowhere'" in answer.json()["detail"]
        assert "/topics/register" in answer.json()["detail"]
        assert (await it.get("/stats")).json()["topics"] == {}

    tell(story)


def test_consuming_without_registering_is_404_and_says_to_register() -> None:
    async def story(it: Broker) -> None:
        for wait_ms in (0, 1000):
            answer = await it.post("/consume", {"consumer_id": "stranger", "wait_ms": wait_ms})
            assert answer.status == 404
            assert "/consumers/register" in answer.json()["detail"]

    tell(story)


def test_a_consumer_that_registers_again_goes_on_where_it_was() -> None:
    async def story(it: Broker) -> None:
        await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
        for value in ("one", "two"):
            await it.post("/produce", {"topic": "orders", "value": value})
        await it.post("/consume", {"consumer_id": "c"})
        await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
        assert (await it.get("/stats")).json()["consumers"]["c"] == {"topic": "orders", "offset": 1}
        assert (await it.post("/consume", {"consumer_id": "c"})).json()["value"] == "two"

    tell(story)


def test_with_auto_create_off_only_a_wish_for_the_topic_itself_creates_it() -> None:
    async def story(it: Broker) -> None:
        for path in ("/producers/register", "/consumers/register"):
            answer = await it.post(path, {"topic": "orders"})
            assert (answer.status, answer.json()["code"]) == (404, "UNKNOWN_TOPIC_OR_PARTITION")
        assert (await it.post("/topics/register", {"topic": "orders"})).status == 200
        assert (await it.post("/consumers/register", {"topic": "orders"})).status == 200

    tell(story, auto_create_topics_enable=False)


def test_on_several_partitions_every_message_arrives_and_the_offset_in_stats_is_the_sum() -> None:
    async def story(it: Broker) -> None:
        await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
        sent = [f"v{number}" for number in range(20)]
        for value in sent:
            await it.post("/produce", {"topic": "orders", "value": value, "key": value})
        got = [(await it.post("/consume", {"consumer_id": "c"})).json() for _ in sent]
        assert sorted(message["value"] for message in got) == sorted(sent)
        assert {message["partition"] for message in got} == {0, 1, 2}
        assert (await it.get("/stats")).json()["consumers"]["c"]["offset"] == 20

    tell(story, num_partitions=3)


def test_a_long_poll_answers_as_soon_as_there_is_a_message() -> None:
    async def run() -> None:
        clock = ManualClock()
        async with broker(clock) as it:
            await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
            poll = asyncio.create_task(it.post("/consume", {"consumer_id": "c", "wait_ms": 30_000}))
            await settle()
            assert not poll.done()
            await it.post("/produce", {"topic": "orders", "value": "here"})
            assert (await poll).json()["value"] == "here"

    asyncio.run(run())


@pytest.mark.parametrize(("wait_ms", "cap_ms"), [(500, 30_000), (90_000, 30_000), (10**30, 700)])
def test_a_long_poll_ends_with_204_when_its_time_or_the_cap_is_over(wait_ms: int, cap_ms: int) -> None:
    async def run() -> None:
        clock = ManualClock()
        async with broker(clock, max_wait_ms=cap_ms) as it:
            await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
            poll = asyncio.create_task(it.post("/consume", {"consumer_id": "c", "wait_ms": wait_ms}))
            await settle()
            clock.advance(min(wait_ms, cap_ms) - 1)
            await settle()
            assert not poll.done()
            clock.advance(1)
            assert (await poll).status == 204

    asyncio.run(run())


def test_a_client_that_hangs_up_takes_no_message_with_it(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with broker(ManualClock()) as it:
            await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
            poll = asyncio.create_task(it.post("/consume", {"consumer_id": "c", "wait_ms": 30_000}))
            await settle()
            it.gone.set()
            assert (await poll).status == 0
            assert not caplog.records
            await it.post("/produce", {"topic": "orders", "value": "kept"})
            assert it.engine.waiting == 0
            assert (await it.post("/consume", {"consumer_id": "c"})).json()["value"] == "kept"

    asyncio.run(run())


def test_closing_the_engine_answers_every_long_poll() -> None:
    async def run() -> None:
        async with broker(ManualClock()) as it:
            await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
            polls = [
                asyncio.create_task(it.post("/consume", {"consumer_id": "c", "wait_ms": 30_000})) for _ in range(50)
            ]
            await settle()
            await it.engine.close()
            assert {(await poll).status for poll in polls} == {204}
            refused = await it.post("/produce", {"topic": "orders", "value": "late"})
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")

    asyncio.run(run())


def test_over_the_memory_limit_a_produce_is_429_while_reads_and_commits_go_on() -> None:
    async def story(it: Broker) -> None:
        await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
        message = {"topic": "orders", "value": "x" * 300_000}
        statuses = [(await it.post("/produce", message)).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = await it.post("/produce", message)
        assert int(refused.headers["retry-after"]) > 0
        assert "MINI_KAFKA_MEMORY_LIMIT" in refused.json()["detail"]
        assert [(await it.post("/consume", {"consumer_id": "c"})).status for _ in range(4)] == [200, 200, 200, 204]
        assert (await it.get("/stats")).json()["topics"] == {"orders": 3}

    tell(story, memory_limit=1024 * 1024)


def test_a_record_over_max_message_bytes_is_413_and_nothing_is_stored() -> None:
    async def story(it: Broker) -> None:
        await it.post("/topics/register", {"topic": "orders"})
        answer = await it.post("/produce", {"topic": "orders", "value": "x" * 1000})
        assert (answer.status, answer.json()["code"]) == (413, "MESSAGE_TOO_LARGE")
        assert "max.message.bytes" in answer.json()["detail"]
        assert (await it.get("/stats")).json()["topics"] == {"orders": 0}

    tell(story, message_max_bytes=1000)


def test_topics_that_differ_only_in_dot_and_underscore_collide() -> None:
    async def story(it: Broker) -> None:
        await it.post("/topics/register", {"topic": "a.b"})
        answer = await it.post("/topics/register", {"topic": "a_b"})
        assert (answer.status, answer.json()["code"]) == (422, "INVALID_TOPIC_EXCEPTION")

    tell(story)


def test_a_poll_without_wait_ms_leaves_nothing_waiting_for_the_client_to_hang_up() -> None:
    async def run() -> None:
        async with broker(ManualClock()) as it:
            await it.post("/consumers/register", {"topic": "orders", "consumer_id": "c"})
            before = asyncio.all_tasks()
            poll = asyncio.create_task(it.post("/consume", {"consumer_id": "c", "wait_ms": 500}))
            assert (await it.post("/consume", {"consumer_id": "c"})).status == 204
            await settle()
            await it.post("/produce", {"topic": "orders", "value": "x"})
            assert (await poll).status == 200
            await settle()
            assert asyncio.all_tasks() == before

    asyncio.run(run())


def test_a_refused_body_lists_each_fault_with_its_place_and_without_what_was_sent() -> None:
    async def story(it: Broker) -> None:
        answer = (await it.post("/produce", {"topic": "..", "value": 17, "key": "secret"})).json()
        assert answer["title"] == "The request is not what this call takes"
        assert [error["loc"] for error in answer["errors"]] == ["topic", "value"]
        assert all(error.keys() == {"loc", "msg", "type"} for error in answer["errors"])
        assert "letters, digits" in answer["detail"]
        assert "secret" not in str(answer)
        answer = (await it.post("/topics/register", {"topic": ".."})).json()
        assert [error["loc"] for error in answer["errors"]] == ["topic"]

    tell(story)


@pytest.mark.parametrize("wait_ms", ["5", True, 5.5])
def test_a_wait_that_is_no_whole_number_is_refused(wait_ms: object) -> None:
    async def story(it: Broker) -> None:
        await it.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
        assert (await it.post("/consume", {"consumer_id": "c", "wait_ms": wait_ms})).status == 422

    tell(story)


@pytest.mark.parametrize("extra", ['"z": [1, 2.5, {"a": null}]', '"topic": "t"', '"z": "\\ud83c\\udf75"'])
def test_a_large_body_with_fields_that_nobody_knows_is_read_like_a_small_one(extra: str) -> None:
    async def story(it: Broker) -> None:
        await it.post("/topics/register", {"topic": "t"})
        for padding in (0, 300_000):
            body = f'{{"topic": "t", {extra}, "value": "v\\u00e9"{" " * padding}}}'.encode()
            assert (await it.post("/produce", body)).status == 200
            for broken in (body[:-1], body.replace(b'"topic"', b'"tropic"'), body + b"x"):
                assert (await it.post("/produce", broken)).status == 422
        assert (await it.get("/stats")).json()["topics"] == {"t": 2}

    tell(story)
