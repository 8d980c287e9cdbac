"""Long work is done on a thread, so that the loop goes on; short work is not, because a thread costs more."""

import asyncio
import json
import threading

import pytest

from mini_kafka.http_api import hot, ndjson
from mini_kafka.http_api.aside import INLINE_BODY_BYTES, INLINE_RECORDS, aside
from mini_kafka.http_api.routes import groups, produce, read
from tests.support.broker import Broker, broker, tell


@pytest.mark.parametrize("is_long", [False, True])
def test_work_that_is_long_is_done_on_a_thread(is_long: bool) -> None:
    async def run() -> None:
        loops = threading.get_ident()
        assert (await aside(is_long, threading.get_ident) != loops) is is_long

    asyncio.run(run())


def test_what_goes_wrong_aside_is_answered_as_ever() -> None:
    async def story(it: Broker) -> None:
        answer = await it.post("/produce", {"topic": "t", "value": 7, "more": "x" * INLINE_BODY_BYTES})
        assert answer.status == 422
        assert "value" in answer.json()["detail"]

    tell(story)


@pytest.mark.parametrize(
    ("place", "name", "path"),
    [
        (hot.HotRoute, "arguments", "/produce"),
        (produce, "from_json", "/v1/topics/t/records"),
        (groups, "_read_acknowledgement", "/v1/groups/g/acknowledge"),
    ],
)
def test_a_large_body_is_read_aside(place: object, name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = watched(place, name, monkeypatch)

    async def run() -> None:
        async with broker() as it:
            for size in (10, INLINE_BODY_BYTES):
                await it.post(path, json.dumps({"x": "y" * size}).encode())

    asyncio.run(run())
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_an_answer_of_many_records_is_written_aside(accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = watched(read, "json_lines" if "ndjson" in accept else "answer_json", monkeypatch)

    async def story(it: Broker) -> None:
        for count in (1, INLINE_RECORDS):
            await it.post("/v1/topics/t/records", [{"value": "v"}] * count)
            answer = await it.get("/v1/topics/t/records?max_records=10000", [("accept", accept)])
            assert answer.body.count(b'"value"') == (1 if count == 1 else INLINE_RECORDS + 1)

    tell(story)
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


def test_a_large_line_is_read_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = watched(ndjson, "from_line", monkeypatch)

    async def story(it: Broker) -> None:
        lines = b"\n".join(json.dumps({"value": "x" * size}).encode() for size in (1, INLINE_BODY_BYTES))
        answer = await it.post("/v1/topics/t/records", lines, [("content-type", "application/x-ndjson")])
        assert answer.json()["appended"] == 2

    tell(story)
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


@pytest.mark.parametrize(("place", "name"), [(produce, "_places"), (groups, "acquired_json")])
def test_an_answer_about_many_records_is_written_aside(
    place: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = watched(place, name, monkeypatch)

    async def story(it: Broker) -> None:
        for count in (1, INLINE_RECORDS + 1):
            await it.post("/v1/topics/t/records", [{"value": "v"}] * count)
            answer = await it.post("/v1/groups/g/acquire", {"topics": ["t"], "max_records": 10_000})
            assert len(answer.json()["records"]) == count

    tell(story)
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


def watched(place: object, name: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the thread of each call of a function."""
    function, threads = getattr(place, name), list[int]()

    def noted(*args: object) -> object:
        threads.append(threading.get_ident())
        return function(*args)

    monkeypatch.setattr(place, name, noted)
    return threads
