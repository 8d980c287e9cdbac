"""/v1 groups: what is acquired is acknowledged by its lock, and groups are shown, moved and deleted."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.asgi import JSON
from tests.support.broker import Broker, broker
from tests.support.clock import ManualClock
from tests.support.tasks import settle

Story = Callable[[Broker, ManualClock], Awaitable[None]]


def tell(story: Story, **settings: Any) -> None:
    async def run() -> None:
        clock = ManualClock()
        async with broker(clock, **settings) as it:
            await story(it, clock)

    asyncio.run(run())


async def produce(it: Broker, *values: str, topic: str = "orders") -> None:
    answer = await it.post(f"/v1/topics/{topic}/records", [{"value": value, "key": "k"} for value in values])
    assert answer.status == 200


async def acquire(it: Broker, group: str = "kitchen", **wish: Any) -> list[dict[str, Any]]:
    return list((await acquire_runs(it, group, **wish))["records"])


async def acquire_runs(it: Broker, group: str = "kitchen", **wish: Any) -> dict[str, Any]:
    answer = await it.post(f"/v1/groups/{group}/acquire", {"topics": ["orders"], **wish})
    assert answer.status == 200, answer.body
    return dict(answer.json())


async def acknowledge(it: Broker, group: str = "kitchen", **wish: Any) -> dict[str, Any]:
    answer = await it.post(f"/v1/groups/{group}/acknowledge", wish)
    assert answer.status == 200, answer.body
    return dict(answer.json())


async def partition(it: Broker, group: str = "kitchen") -> dict[str, Any]:
    [found] = (await it.get(f"/v1/groups/{group}")).json()["partitions"]
    return dict(found)


def json_of(body: object) -> bytes:
    return json.dumps(body).encode()


def values(records: list[dict[str, Any]]) -> list[str]:
    return [record["value"] for record in records]


def locks(records: list[dict[str, Any]]) -> list[str]:
    return [record["lock"] for record in records]


def test_records_are_locked_for_one_until_they_are_acknowledged() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b", "c")
        mine, others = await acquire(it, max_records=2), await acquire(it)
        assert (values(mine), values(others)) == (["a", "b"], ["c"])
        record = mine[0]
        assert (record["topic"], record["partition"], record["offset"], record["key"]) == ("orders", 0, 0, "k")
        assert record["delivery_count"] == 1
        assert await acquire(it) == []
        assert (await partition(it))["lag"] == 3
        assert await acknowledge(it, accept=locks(mine + others)) == {
            "accepted": 3, "released": 0, "rejected": 0, "renewed": 0, "expired": [],
        }  # fmt: skip
        assert (await partition(it))["lag"] == 0

    tell(story)


def test_what_is_released_comes_again_at_once_or_after_its_delay() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b")
        first, second = await acquire(it)
        done = await acknowledge(it, release=[first["lock"], {"lock": second["lock"], "delay_ms": 5000}])
        assert done["released"] == 2
        again = await acquire(it)
        assert [(record["value"], record["delivery_count"]) for record in again] == [("a", 2)]
        clock.advance(5000)
        assert values(await acquire(it)) == ["b"]

    tell(story)


def test_one_word_acknowledges_a_whole_run_in_every_way_that_a_records_lock_does() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, *"abcdefgh")
        runs = [(await acquire_runs(it, max_records=2))["locks"] for _ in range(4)]
        assert [len(words) for words in runs] == [1, 1, 1, 1]
        [[done], [back], [bad], [longer]] = runs
        assert await acknowledge(
            it, accept=[done], release=[{"lock": back, "delay_ms": 5000}], reject=[bad], renew=[longer], lock_ms=60_000
        ) == {"accepted": 2, "released": 2, "rejected": 2, "renewed": 2, "expired": []}
        clock.advance(5000)
        assert values(await acquire(it, lock_ms=1)) == ["c", "d"]
        clock.advance(54_999)
        assert (await acknowledge(it, accept=[longer]))["accepted"] == 2

    tell(story)


def test_the_records_of_a_run_that_are_no_longer_held_are_listed_one_by_one() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b", "c")
        held = await acquire_runs(it)
        own = locks(held["records"])
        assert (await acknowledge(it, release=[own[1]]))["released"] == 1
        done = await acknowledge(it, accept=held["locks"])
        assert (done["accepted"], done["expired"]) == (2, [own[1]])

    tell(story)


def test_records_with_a_hole_between_them_have_a_word_for_each_run_and_no_record_in_two() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, *"abcd")
        held = locks(await acquire(it))
        await acknowledge(it, accept=[held[1]], release=[held[0], *held[2:]])
        again = await acquire_runs(it)
        assert (values(again["records"]), len(again["locks"])) == (["a", "c", "d"], 2)
        assert (await acknowledge(it, accept=again["locks"]))["accepted"] == 3
        assert (await partition(it))["lag"] == 0

    tell(story)


def test_runs_of_more_records_than_a_call_may_have_are_refused_and_settle_nothing() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b")
        await produce(it, "c", "d")
        [first] = (await acquire_runs(it, max_records=2))["locks"]
        [second] = (await acquire_runs(it, max_records=2))["locks"]
        answer = await it.post("/v1/groups/kitchen/acknowledge", {"accept": [first], "release": [second]})
        assert answer.status == 422
        assert "release comes to more than 3 records by runs (MINI_KAFKA_MAX_REC" in answer.json()["detail"]
        assert (await partition(it))["acquired"] == 4
        for words in ([first], [second]):
            assert (await acknowledge(it, accept=words))["accepted"] == 2

    tell(story, max_records_per_request=3)


def test_a_lock_that_runs_out_gives_the_record_to_somebody_else_and_is_listed_as_expired() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a")
        slow = await acquire(it, lock_ms=1000)
        clock.advance(999)
        assert (await acknowledge(it, renew=locks(slow), lock_ms=1000))["renewed"] == 1
        clock.advance(999)
        assert await acquire(it) == []
        clock.advance(1)
        await settle()
        [quick] = await acquire(it)
        assert (quick["value"], quick["delivery_count"]) == ("a", 2)
        late = await acknowledge(it, accept=locks(slow))
        assert (late["accepted"], late["expired"]) == (0, locks(slow))

    tell(story)


def test_what_is_rejected_is_in_the_dead_letter_topic_with_its_reason() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "poison")
        assert (await acknowledge(it, reject=locks(await acquire(it))))["rejected"] == 1
        await settle()
        [letter] = (await it.get("/v1/topics/orders.dlq/records")).json()["records"]
        assert (letter["value"], letter["key"]) == ("poison", "k")
        assert letter["headers"]["__dlq.errors.group"] == "kitchen"
        assert (await partition(it))["lag"] == 0

    tell(story)


def test_a_waiting_acquire_is_answered_by_the_first_record() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        waiting = asyncio.create_task(acquire(it, wait_ms=30_000))
        await settle()
        assert not waiting.done()
        await produce(it, "a")
        assert values(await waiting) == ["a"]

    tell(story)


def test_a_client_that_hangs_up_while_it_waits_locks_nothing() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        body = {"topics": ["orders"], "wait_ms": 30_000}
        waiting = asyncio.create_task(it.post("/v1/groups/kitchen/acquire", body))
        await settle()
        it.gone.set()
        assert (await waiting).status == 0
        await produce(it, "a")
        assert values(await acquire(it)) == ["a"]

    tell(story)


def test_a_member_that_is_gone_is_shown_and_released_as_a_whole() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b")
        await acquire(it, member="ada")
        group = (await it.get("/v1/groups/kitchen")).json()
        assert (group["kind"], group["state"]) == ("shared", "Stable")
        assert [(member["member"], member["in_flight"]) for member in group["members"]] == [("ada", 2)]
        assert (await it.ask("DELETE", "/v1/groups/kitchen/members/ada")).json() == {"released": 2}
        assert values(await acquire(it)) == ["a", "b"]

    tell(story)


@pytest.mark.parametrize(
    ("target", "after"),
    [
        ({"to": "earliest"}, 0),
        ({"to": "latest"}, 4),
        ({"to": "1m"}, 2),
        ({"offset": 3}, 3),
        ({"offset": 99}, 4),
        ({"shift_by": -1}, 0),
        ({"shift_by": 1}, 2),
        ({"group": "other"}, 4),
    ],
)
def test_a_group_is_moved_and_a_dry_run_only_says_where_to(target: dict[str, Any], after: int) -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b")
        clock.advance(120_000)
        await produce(it, "c", "d")
        await acknowledge(it, accept=locks(await acquire(it, max_records=1)))
        await acknowledge(it, "other", accept=locks(await acquire(it, "other")))
        body = {"offsets": [{"topic": "orders", **target}]}
        moved = {"topic": "orders", "partition": 0, "before": 1, "after": after}
        for query, dry_run, now in (("?dry_run=true", True, 1), ("", False, after)):
            answer = await it.ask("PUT", f"/v1/groups/kitchen/offsets{query}", [json_of(body)], JSON)
            assert answer.json() == {"dry_run": dry_run, "offsets": [moved]}
            assert (await partition(it))["committed_offset"] == now

    tell(story)


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ({}, 422, "give one of offset, to, shift_by and group, not none"),
        ({"offset": 1, "to": "latest"}, 422, "not offset and to"),
        ({"to": "yesterday"}, 422, "'yesterday' is no place in a topic"),
        ({"offset": "1"}, 422, "offset"),
        ({"offset": 1, "partition": 7}, 404, "has no partition 7"),
        ({"group": "nobody"}, 404, "group 'nobody' does not exist"),
        ({"offest": 1, "to": "latest"}, 422, "offest"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused_and_moves_nothing(
    target: dict[str, Any], status: int, says: str
) -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a", "b")
        await acknowledge(it, accept=locks(await acquire(it, max_records=1)))
        body = {"offsets": [{"topic": "orders", "to": "latest"}, {"topic": "orders", **target}]}
        answer = await it.ask("PUT", "/v1/groups/kitchen/offsets", [json_of(body)], JSON)
        assert (answer.status, says in answer.json()["detail"]) == (status, True)
        assert "Value error" not in answer.json()["detail"]
        assert (await partition(it))["committed_offset"] == 1

    tell(story)


def test_a_group_is_deleted_when_nobody_is_at_work_in_it() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a")
        held = await acquire(it)
        assert (await it.ask("DELETE", "/v1/groups/kitchen")).status == 409
        await acknowledge(it, accept=locks(held))
        assert (await it.ask("DELETE", "/v1/groups/kitchen")).status == 204
        assert (await it.get("/v1/groups")).json() == {"groups": []}
        for method in ("GET", "DELETE"):
            assert (await it.ask(method, "/v1/groups/kitchen")).status == 404

    tell(story)


def test_a_topics_offsets_are_forgotten_alone() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        for topic in ("orders", "teas"):
            await produce(it, "a", topic=topic)
        await acknowledge(it, accept=locks(await acquire(it, topics=["orders", "teas"])))
        assert (await it.ask("DELETE", "/v1/groups/kitchen/offsets?topic=teas")).status == 204
        assert (await partition(it))["topic"] == "orders"
        assert (await it.ask("DELETE", "/v1/groups/kitchen/offsets")).status == 422

    tell(story)


@pytest.mark.parametrize(
    "group",
    ["a/b", "a%2Fb", "%", "ü", "acquire", "a b", "a?b", "offsets/offsets", "..", "x/acquire", "a\0b", "\0", "a/\0"],
)
def test_any_text_is_a_groups_name(group: str) -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a")
        path = quote(group, safe="")
        await acknowledge(it, path, accept=locks(await acquire(it, path)))
        assert [found["name"] for found in (await it.get("/v1/groups")).json()["groups"]] == [group]
        assert (await it.get(f"/v1/groups/{path}")).json()["name"] == group
        assert (await it.ask("DELETE", f"/v1/groups/{path}")).status == 204

    tell(story)


@pytest.mark.parametrize(
    ("call", "body", "says"),
    [
        ("acquire", {}, "topics"),
        ("acquire", {"topics": []}, "topics"),
        ("acquire", {"topics": [".."]}, "topics"),
        ("acquire", {"topics": ["t"], "max_records": 0}, "max_records"),
        ("acquire", {"topics": ["t"], "max_records": 10_001}, "MINI_KAFKA_MAX_RECORDS_PER_REQUEST"),
        ("acquire", {"topics": ["t"], "lock_ms": "5"}, "lock_ms"),
        ("acquire", {"topics": ["t"], "wait": 5}, "wait"),
        ("acknowledge", {"accept": ["nonsense"]}, "accept has 'nonsense', which is no lock"),
        ("acknowledge", {"release": [{"lock": "x" * 500}]}, "release"),
        ("acknowledge", {"reject": ["é"]}, "reject"),
        ("acknowledge", {"acept": []}, "acept"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_in_words(call: str, body: dict[str, Any], says: str) -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        answer = await it.post(f"/v1/groups/kitchen/{call}", body)
        assert (answer.status, says in answer.json()["detail"]) == (422, True), answer.body
        assert (await it.get("/v1/groups")).json() == {"groups": []}

    tell(story)


def test_a_guide_consumer_that_waits_and_a_shared_group_keep_out_of_each_others_way() -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await it.post("/consumers/register", {"topic": "orders", "consumer_id": "kitchen"})
        poll = asyncio.create_task(it.post("/consume", {"consumer_id": "kitchen", "wait_ms": 1000}))
        await settle()
        answer = await it.post("/v1/groups/kitchen/acquire", {"topics": ["orders"]})
        assert (answer.status, answer.json()["code"]) == (409, "INCONSISTENT_GROUP_PROTOCOL")
        clock.advance(1000)
        assert (await poll).status == 204
        await produce(it, "a")
        held = await acquire(it)
        assert (await it.post("/consume", {"consumer_id": "kitchen"})).status == 409
        await acknowledge(it, accept=locks(held))
        await produce(it, "b")
        assert (await it.post("/consume", {"consumer_id": "kitchen"})).json()["value"] == "b"

    tell(story)


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /v1/groups//acquire", "POST /v1/groups//acknowledge", "PUT /v1/groups//offsets", "GET /v1/groups/",
        "DELETE /v1/groups/", "DELETE /v1/groups//members/ada",
    ],
)  # fmt: skip
def test_a_group_without_a_name_is_none(request_line: str) -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        await produce(it, "a")
        method, path = request_line.split()
        answer = await it.ask(method, path, [json_of({"topics": ["orders"]})], JSON)
        assert answer.status in {404, 422}
        assert (await it.get("/v1/groups")).json() == {"groups": []}

    tell(story)


@pytest.mark.parametrize("call", ["acquire", "acknowledge", "offsets"])
def test_an_endless_name_is_refused_by_every_call(call: str) -> None:
    async def story(it: Broker, clock: ManualClock) -> None:
        method, body = ("PUT", {"offsets": []}) if call == "offsets" else ("POST", {"topics": ["orders"]})
        content = json_of({} if call == "acknowledge" else body)
        for length, status in ((1000, 200), (1001, 422)):
            answer = await it.ask(method, f"/v1/groups/{'x' * length}/{call}", [content], JSON)
            assert answer.status == status

    tell(story)
