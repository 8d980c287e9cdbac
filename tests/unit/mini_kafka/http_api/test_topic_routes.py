"""/v1: a topic is had, changed and dropped by its name, and a wish that cannot be is told what could."""

import pytest

from mini_kafka.core.topic_defaults import Scope
from mini_kafka.settings import LIMITS_OF_A_LOG, LIMITS_OF_BOTH
from mini_kafka_shared import __version__
from tests.support.asgi import JSON, Answer
from tests.support.broker import Broker, tell
from tests.support.clock import ManualClock


async def put(it: Broker, topic: str, wish: bytes = b"", headers: tuple[tuple[str, str], ...] = JSON) -> Answer:
    return await it.ask("PUT", f"/v1/topics/{topic}", [wish], (*headers, ("content-length", str(len(wish)))))


async def patch(it: Broker, topic: str, change: bytes) -> Answer:
    return await it.ask("PATCH", f"/v1/topics/{topic}", [change], (*JSON, ("content-length", str(len(change)))))


def test_the_broker_says_what_it_is_and_what_it_takes() -> None:
    async def story(it: Broker) -> None:
        shown = (await it.get("/v1")).json()
        assert (shown["engine"], shown["epoch"]) == ("memory", it.engine.epoch)
        assert shown["version"] == __version__
        assert (shown["kafka"], shown["gateway"]) == (None, None)
        assert shown["limits"].keys() == {*LIMITS_OF_A_LOG, *LIMITS_OF_BOTH}
        assert [shown["limits"][name] for name in ("max_body_bytes", "max_groups", "body_timeout")] == [2048, 7, 1.5]
        it.bounds.kafka_address = "127.0.0.1:9092"
        assert (await it.get("/v1")).json()["kafka"] == "127.0.0.1:9092"

    tell(story, max_body_bytes=2048, max_groups=7, body_timeout=1.5)


def test_a_limit_is_shown_as_it_is_now() -> None:
    async def story(it: Broker) -> None:
        before = (await it.get("/v1")).json()["limits"]
        await it.engine.topic_admin.replace_configs(Scope.THIS_BROKER, {"max.message.bytes": "2000"})
        assert before["message_max_bytes"] == 3000
        assert (await it.get("/v1")).json()["limits"] == before | {"message_max_bytes": 2000}

    tell(story, message_max_bytes=3000)


@pytest.mark.parametrize("wish", [b"", b"null", b"{}"])
def test_a_topic_is_had_by_its_name_alone(wish: bytes) -> None:
    async def story(it: Broker) -> None:
        first, again = await put(it, "orders", wish, JSON if wish else ()), await put(it, "orders", wish)
        assert (first.status, again.status) == (201, 200)
        assert first.json() == again.json() == (await it.get("/v1/topics/orders")).json()
        assert [bounds["partition"] for bounds in first.json()["partitions"]] == [0, 1, 2]

    tell(story, num_partitions=3)


def test_a_topic_that_is_there_has_to_be_as_the_wish_says_and_no_more() -> None:
    async def story(it: Broker) -> None:
        wish = b'{"partitions": 2, "configs": {"retention.ms": "5", "cleanup.policy": "compact,delete"}}'
        assert (await put(it, "orders", wish)).status == 201
        for same in (wish, b"{}", b'{"partitions": 2}', b'{"configs": {"retention.ms": 5}}'):
            assert (await put(it, "orders", same)).status == 200
        other = await put(it, "orders", b'{"partitions": 3}')
        assert (other.status, other.json()["code"]) == (409, "TOPIC_ALREADY_EXISTS")
        assert other.json()["detail"] == "topic 'orders' exists with 2 partitions, not 3"
        other = await put(it, "orders", b'{"configs": {"retention.ms": 6}}')
        assert (other.status, other.json()["detail"]) == (409, "topic 'orders' exists with retention.ms=5, not 6")
        assert len((await it.get("/v1/topics/orders")).json()["partitions"]) == 2

    tell(story)


def test_configs_may_be_text_or_jsons_own_numbers_and_truths() -> None:
    async def story(it: Broker) -> None:
        configs = b'{"retention.ms": 60000, "min.cleanable.dirty.ratio": 0.25, "cleanup.policy": "compact"}'
        shown = (await put(it, "orders", b'{"configs": %s}' % configs)).json()["configs"]
        assert shown["retention.ms"] == "60000"
        assert shown["min.cleanable.dirty.ratio"] == "0.25"
        assert shown["cleanup.policy"] == "compact"

    tell(story)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (b'{"configs": {"retention.ms": true}}', "retention.ms cannot be 'true': it takes an integer from -1 to"),
        (b'{"configs": {"retention.ms": 1.5}}', "retention.ms cannot be '1.5': it takes an integer"),
        (b'{"configs": {"cleanup.policy": "tidy"}}', "it takes delete, compact, both"),
        (b'{"configs": {"retention": 1}}', "unknown topic config 'retention': known are retention.ms"),
        (b'{"configs": {"retention.ms": null}}', "configs.retention.ms: "),
        (b'{"configs": []}', "configs: "),
        (b'{"partition": 3}', "partition: "),
        (b'{"partitions": 0}', "partitions: "),
        (b'{"partitions": "3"}', "partitions: "),
        (b'{"partitions": 2.0}', "partitions: "),
        (b"[]", "the body: "),
        (b"{", "JSON"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_and_changes_nothing(wish: bytes, words: str) -> None:
    async def story(it: Broker) -> None:
        await put(it, "there")
        before = (await it.get("/v1/topics/there")).json()
        for answer in (await put(it, "orders", wish), await put(it, "there", wish), await patch(it, "there", wish)):
            assert answer.status == 422
            assert words in answer.json()["detail"]
        assert (await it.get("/v1/topics/there")).json() == before
        assert [topic["name"] for topic in (await it.get("/v1/topics")).json()["topics"]] == ["there"]

    tell(story)


@pytest.mark.parametrize("media_type", [(), (("content-type", "application/x-www-form-urlencoded"),)])
def test_a_wish_that_does_not_say_it_is_json_is_told_to(media_type: tuple[tuple[str, str], ...]) -> None:
    async def story(it: Broker) -> None:
        answer = await put(it, "orders", b'{"partitions": 3}', media_type)
        assert answer.status == 415
        assert "content-type: application/json" in answer.json()["detail"]
        assert (await it.get("/v1/topics/orders")).status == 404

    tell(story)


@pytest.mark.parametrize("name", ["..", "%20", "a" * 250, "é"])
def test_a_name_that_kafka_does_not_take_is_refused(name: str) -> None:
    async def story(it: Broker) -> None:
        answer = await put(it, name)
        assert (answer.status, answer.json()["code"]) == (422, "INVALID_TOPIC_EXCEPTION")
        assert "letters, digits" in answer.json()["detail"]

    tell(story)


def test_a_number_of_partitions_that_no_broker_has_is_refused_for_good() -> None:
    async def story(it: Broker) -> None:
        answer = await put(it, "orders", b'{"partitions": %d}' % 10**30)
        assert (answer.status, "partitions" in answer.json()["detail"]) == (422, True)

    tell(story)


@pytest.mark.parametrize("wanted", [4, 900_000])
def test_over_the_partitions_of_all_topics_is_429_with_the_limits_name(wanted: int) -> None:
    async def story(it: Broker) -> None:
        await put(it, "orders", b'{"partitions": 2}')
        for answer in (
            await put(it, "more", b'{"partitions": %d}' % wanted),
            await patch(it, "orders", b'{"partitions": %d}' % (2 + wanted)),
        ):
            assert (answer.status, answer.headers["retry-after"]) == (429, "1")
            assert "MINI_KAFKA_MAX_PARTITIONS (5)" in answer.json()["detail"]
        assert len((await it.get("/v1/topics/orders")).json()["partitions"]) == 2

    tell(story, max_partitions=5)


def test_a_topic_gets_more_partitions_and_other_configs_but_never_fewer_partitions() -> None:
    async def story(it: Broker) -> None:
        await put(it, "orders", b'{"partitions": 2}')
        changed = await patch(it, "orders", b'{"partitions": 4, "configs": {"retention.ms": "9"}}')
        assert changed.status == 200
        assert len(changed.json()["partitions"]) == 4
        assert changed.json()["configs"]["retention.ms"] == "9"
        assert (await patch(it, "orders", b"{}")).json() == changed.json()
        fewer = await patch(it, "orders", b'{"partitions": 3, "configs": {"retention.ms": "1"}}')
        assert (fewer.status, fewer.json()["code"]) == (422, "INVALID_PARTITIONS")
        assert (await it.get("/v1/topics/orders")).json() == changed.json()
        assert (await patch(it, "nowhere", b"{}")).status == 404

    tell(story)


def test_topics_are_listed_by_name_with_what_they_hold() -> None:
    async def story(it: Broker) -> None:
        await put(it, "b", b'{"partitions": 2}')
        await it.post("/v1/topics/a/records", b"x", ())
        assert (await it.get("/v1/topics")).json() == {
            "topics": [{"name": "a", "partitions": 1, "records": 1}, {"name": "b", "partitions": 2, "records": 0}]
        }

    tell(story)


def test_a_topic_that_is_deleted_is_gone_and_deleting_it_again_is_404() -> None:
    async def story(it: Broker) -> None:
        await put(it, "orders")
        gone = await it.ask("DELETE", "/v1/topics/orders")
        assert (gone.status, gone.body) == (204, b"")
        for answer in (
            await it.ask("DELETE", "/v1/topics/orders"),
            await it.get("/v1/topics/orders"),
            await it.get("/v1/topics/orders/offsets"),
        ):
            assert answer.status == 404
            assert "'orders' does not exist" in answer.json()["detail"]
        assert (await it.get("/v1/topics")).json() == {"topics": []}

    tell(story)


def test_offsets_are_looked_up_at_words_times_and_durations() -> None:
    clock = ManualClock(1_700_000_000_000)  # 2023-11-14T22:13:20Z

    async def story(it: Broker) -> None:
        await put(it, "orders", b'{"partitions": 2}')
        for value in (b"a", b"b"):
            await it.post("/v1/topics/orders/records?partition=1", value, ())
            clock.advance(60_000)
        for at, offset in (
            ("earliest", 0),
            ("latest", 2),
            ("2m", 0),
            ("90s", 1),
            ("1m", 1),
            ("59999ms", 2),
            ("1700000000000", 0),
            ("1700000000001", 1),
            ("2023-11-14T22:13:20Z", 0),
            ("2023-11-14T22:13:20.001Z", 1),
            ("2023-11-14T22:13:21", 1),
            ("2023-11-15T00:13:20+02:00", 0),
            ("2023-11-15T00:13:20%2B02:00", 0),
            ("2023-11-14 22:14:21", 2),
            ("1970-01-01", 0),
            ("0001-01-01T00:00:00+23:59", 0),
            ("9223372036854775807", 2),
        ):
            answer = await it.get(f"/v1/topics/orders/offsets?at={at}")
            assert (at, answer.json()) == (
                at,
                {
                    "topic": "orders",
                    "offsets": [{"partition": 0, "offset": 0}, {"partition": 1, "offset": offset}],
                },
            )
        assert (await it.get("/v1/topics/orders/offsets")).json()["offsets"][1]["offset"] == 2

    tell(story, clock)


@pytest.mark.parametrize("milliseconds", range(0, 999, 37))
def test_a_time_of_day_is_taken_to_the_millisecond(milliseconds: int) -> None:
    clock = ManualClock(1_700_000_000_000 + milliseconds)

    async def story(it: Broker) -> None:
        await it.post("/v1/topics/orders/records", b"x", ())
        clock.advance(1)
        await it.post("/v1/topics/orders/records", b"y", ())
        answer = await it.get(f"/v1/topics/orders/offsets?at=2023-11-14T22:13:20.{milliseconds:03}Z")
        assert answer.json()["offsets"][0]["offset"] == 0
        clock.advance(1)
        at = f"2023-11-14T22:13:20.{milliseconds + 1:03}Z"
        assert (await it.get(f"/v1/topics/orders/offsets?at={at}")).json()["offsets"][0]["offset"] == 1

    tell(story, clock)


@pytest.mark.parametrize(
    "query",
    ["at=", "at=-1", "at=yesterday", "at=٣", "at=1_0", "at=10w", "at=" + "9" * 30, "at=" + "0" * 20 + "9" * 5000,
     "at=2023-13-01", "att=latest", "at=latest&at=earliest"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_what_is(query: str) -> None:
    async def story(it: Broker) -> None:
        await put(it, "orders")
        answer = await it.get(f"/v1/topics/orders/offsets?{query}")
        assert answer.status == 422
        assert answer.json()["detail"].startswith("the query ") or "give earliest, latest" in answer.json()["detail"]

    tell(story)
