"""/v1: one record by its place, as JSON or as the bytes that it is; a place without one says whether it ever had."""

import pytest

from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Caller
from tests.support.asgi import JSON, Answer
from tests.support.batches import new_batch
from tests.support.broker import Broker, tell
from tests.support.clock import ManualClock

NOW = 1_700_000_000_000
TOPIC = "/v1/topics/orders"
BYTES = (("accept", "application/octet-stream"),)
CALLER = Caller("test")


async def at(it: Broker, offset: object, headers: tuple[tuple[str, str], ...] = (), partition: object = 0) -> Answer:
    return await it.get(f"{TOPIC}/partitions/{partition}/records/{offset}", headers)


def test_a_record_is_shown_as_json_as_it_is_asked_for() -> None:
    async def story(it: Broker) -> None:
        await it.post(f"{TOPIC}/records", b'{"value": {"n": 1.0}, "key": "k"}')
        shown = {"partition": 0, "offset": 0, "timestamp": NOW, "key": "k"}
        for query, value in (("", '{"n": 1.0}'), ("?as=json", {"n": 1.0})):
            assert (await at(it, f"0{query}")).json() == shown | {"value": value}
        for query in ("?as=xml", "?show=json", "?as=text&as=json"):
            assert (await at(it, f"0{query}")).status == 422

    tell(story, ManualClock(NOW))


def test_a_value_comes_as_its_bytes_and_a_tombstone_as_nothing() -> None:
    async def story(it: Broker) -> None:
        value = bytes(range(256))
        await it.engine.produce(CALLER, "orders", [NewRecord(value), NewRecord(b""), NewRecord(None)], create=True)
        for headers in (BYTES, (("accept", "text/plain"),)):
            raw = await at(it, 0, headers)
            assert (raw.status, raw.body, raw.headers["x-content-type-options"]) == (200, value, "nosniff")
            assert raw.headers["content-type"].startswith(headers[0][1])
            empty, tombstone = await at(it, 1, headers), await at(it, 2, headers)
            assert (empty.status, empty.body, tombstone.status, tombstone.body) == (200, b"", 204, b"")
        assert (await at(it, 2)).json()["value"] is None
        assert (await at(it, 0, (("accept", "image/png"),))).status == 406

    tell(story)


def test_a_place_that_has_no_record_yet_is_404_and_one_that_lost_it_410() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        wish = b'{"partitions": 2, "configs": {"retention.ms": 1000}}'
        await it.ask("PUT", TOPIC, [wish], JSON)
        await it.post(f"{TOPIC}/records?partition=0", b"a", ())
        clock.advance(600_000)
        await it.post(f"{TOPIC}/records?partition=0", b"b", ())
        for headers in ((), BYTES):
            assert (await at(it, 1, headers)).status == 200
            for offset in (2, 3, 2**62):
                answer = await at(it, offset, headers)
                assert answer.status == 404
                assert f"offset {offset} of partition 0 is not there yet" in answer.json()["detail"]
            gone = await at(it, 0, headers)
            assert (gone.status, gone.json()["code"]) == (410, "OFFSET_OUT_OF_RANGE")
            assert "which holds 1 to 2" in gone.json()["detail"]
        assert (await at(it, 0, partition=1)).status == 404

    tell(story, clock)


def test_a_record_that_compaction_took_is_410_and_names_the_next() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        wish = b'{"configs": {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": 0.01}}'
        await it.ask("PUT", TOPIC, [wish], JSON)
        for number in range(3):
            await it.post(f"{TOPIC}/records", {"key": "k", "value": number})
        for _ in range(10):
            clock.advance(60_000)
        assert [record["offset"] for record in (await it.get(f"{TOPIC}/records")).json()["records"]] == [2]
        gone = await at(it, 0)
        assert gone.status == 410
        assert "the next one is 2" in gone.json()["detail"]

    tell(story, clock)


@pytest.mark.parametrize("number", ["-1", "1_0", "1.0", "%201", "+1", "x", "9" * 20, "1" * 5000, "٣"])
def test_a_place_is_two_whole_numbers(number: str) -> None:
    async def story(it: Broker) -> None:
        await it.post(f"{TOPIC}/records", b"a", ())
        answer = await at(it, number)
        assert (answer.status, answer.json()["detail"][:5]) == (422, "an of" if number == "-1" else "the p")
        assert (await at(it, 0, partition=number)).status == (404 if number == "-1" else 422)

    tell(story)


def test_an_offset_that_held_a_transaction_marker_is_410_and_the_one_after_it_is_not_there_yet() -> None:
    async def story(it: Broker) -> None:
        await it.engine.put_topic(CALLER, "orders")
        marker = new_batch(b"marker")
        marker[22] |= 0x20
        it.engine._topics.get("orders").log(0).append(marker)
        for offset, status, says in ((0, 410, "holds no record"), (1, 404, "is not there yet")):
            answer = await at(it, offset)
            assert (answer.status, says in answer.json()["detail"]) == (status, True)

    tell(story)
