"""/v1: streams go on without a gap or a repeat, say that they live and what they missed, and leave nothing behind."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.errors import BrokerError, BrokerStopping, ClusterRefused, ClusterUnavailable
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Caller, Engine
from mini_kafka.http_api import streams
from mini_kafka.http_api.access import Head
from mini_kafka.http_api.bounds import Bounds, HttpLimits
from mini_kafka.http_api.call import Call
from mini_kafka.http_api.position import start_of
from mini_kafka.http_api.record_output import ShowAs
from mini_kafka.http_api.streams import as_events, as_lines
from tests.support.asgi import JSON, Answer, Client
from tests.support.broker import Broker, broker, tell
from tests.support.clock import ManualClock
from tests.support.tasks import outcome, settle

NOW = 1_700_000_000_000
TOPIC = "/v1/topics/orders"
PATH = f"{TOPIC}/records"
EVENTS = ("accept", "text/event-stream")
FORMS = [("", "text/event-stream"), ("follow=true", "application/x-ndjson"), ("follow=true", "text/plain")]
CALLER = Caller("test")


async def have(it: Broker, partitions: int = 1, **configs: str) -> None:
    wish = json.dumps({"partitions": partitions, "configs": configs}).encode()
    assert (await it.ask("PUT", TOPIC, [wish], JSON)).status == 201


async def add(it: Broker, *values: str | None, partition: int = 0) -> None:
    await it.engine.produce(
        CALLER,
        "orders",
        [NewRecord(None if value is None else value.encode(), partition=partition) for value in values],
    )


@dataclass
class Event:
    """A server-sent event, read as WHATWG HTML §9.2.6 says."""

    id: str = ""
    kind: str = "message"
    data: Any = None


def events_of(body: bytes) -> list[Event]:
    events = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            events.append(Event(fields["id"], fields.get("event", "message"), json.loads(fields["data"])))
    return events


@dataclass
class Listener:
    """A client of one stream, whose answer fills while it lasts."""

    client: Client
    answer: Answer = field(default_factory=Answer)

    def listen(self, path: str, *headers: tuple[str, str]) -> "asyncio.Task[Answer]":
        return asyncio.ensure_future(self.client.ask("GET", path, headers=headers, answer=self.answer))

    @property
    def events(self) -> list[Event]:
        return events_of(self.answer.body)


async def listening(it: Broker, query: str = "", *headers: tuple[str, str]) -> tuple[Listener, "asyncio.Task[Answer]"]:
    listener = Listener(Client(it.app))
    task = listener.listen(f"{PATH}?{query}", *(headers or (EVENTS,)))
    await settle()
    return listener, task


def streams_of(it: Broker) -> int:
    return it.bounds.streams.held


def test_events_come_as_records_are_appended_with_the_token_as_their_id() -> None:
    async def story(it: Broker) -> None:
        await add_first(it)
        listener, task = await listening(it)
        assert (listener.answer.status, listener.answer.headers["content-type"][:17]) == (200, "text/event-stream")
        assert listener.answer.headers["cache-control"] == "no-store"
        assert [event.data["value"] for event in listener.events] == ["a", "b"]
        await add(it, "c\nd")
        await settle()
        last = listener.events[-1]
        assert last.data == {"partition": 0, "offset": 2, "timestamp": NOW, "key": None, "value": "c\nd"}
        assert not task.done()
        rest = await it.get(f"{PATH}?from={listener.events[0].id}")
        assert [record["value"] for record in rest.json()["records"]] == ["b", "c\nd"]

    async def add_first(it: Broker) -> None:
        await have(it)
        await add(it, "a", "b")

    tell(story, ManualClock(NOW))


def test_a_tombstone_is_a_deletion() -> None:
    async def story(it: Broker) -> None:
        await it.post(PATH, [{"key": "k", "value": None}, {"key": "k", "value": "v"}])
        listener, _ = await listening(it)
        assert [(event.kind, event.data["key"]) for event in listener.events] == [("delete", "k"), ("message", "k")]

    tell(story)


def test_an_event_of_json_with_line_ends_is_whole() -> None:
    async def story(it: Broker) -> None:
        await have(it)
        await add(it, '{"a":\r\n\n[1]}')
        listener, _ = await listening(it, "as=json")
        [event] = listener.events
        assert event.data["value"] == {"a": [1]}

    tell(story)


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=10),
    st.lists(st.integers(0, 2), max_size=6),
    st.integers(0, 20),
    st.booleans(),
)
def test_last_event_id_goes_on_after_any_event_without_a_gap_or_a_repeat(
    before: list[int], after: list[int], seen: int, grows: bool
) -> None:
    async def run() -> None:
        clock = ManualClock(NOW)
        async with broker(clock) as it:
            await have(it, 3)
            for number, partition in enumerate(before):
                await add(it, str(number), partition=partition)
                clock.advance(1)
            first, _ = await listening(it)
            kept = first.events[: 1 + seen % len(before)]
            if grows:
                await it.ask("PATCH", TOPIC, [b'{"partitions": 4}'], JSON)
                await add(it, "new", partition=3)
            for number, partition in enumerate(after, len(before)):
                await add(it, str(number), partition=partition)
            second, _ = await listening(it, "from=latest", EVENTS, ("last-event-id", kept[-1].id))
            values = [event.data["value"] for event in (*kept, *second.events)]
            everything = [str(number) for number in range(len(before) + len(after))] + ["new"] * grows
            assert sorted(values) == sorted(everything)
            await settle()
            assert sorted(event.data["value"] for event in first.events) == sorted(everything)

    asyncio.run(run())


@pytest.mark.parametrize(("query", "accept"), FORMS)
def test_a_silent_stream_says_every_15_s_that_it_lives(query: str, accept: str) -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        await have(it)
        listener, _ = await listening(it, query, ("accept", accept))
        silence = len(listener.answer.body)
        for number in (1, 2):
            clock.advance(14_999)
            await settle()
            before = len(listener.answer.body)
            clock.advance(1)
            await settle()
            said = listener.answer.body[before:]
            if accept == "text/event-stream":
                assert said.startswith(b":")
                assert said.endswith(b"\n\n")
            else:
                assert said == (b"" if accept == "text/plain" else b"\n")
            assert len(listener.answer.body) >= silence, number
        await add(it, "x")
        await settle()
        assert b"x" in listener.answer.body

    tell(story, clock)


def test_follow_streams_lines_of_json_or_values_alone() -> None:
    async def story(it: Broker) -> None:
        await have(it)
        await add(it, "a", None)
        lines, _ = await listening(it, "follow=true", ("accept", "*/*"))
        values, _ = await listening(it, "follow=1&from=latest", ("accept", "text/plain"))
        await add(it, "b")
        await settle()
        assert lines.answer.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line)["value"] for line in lines.answer.body.splitlines()] == ["a", None, "b"]
        assert values.answer.body == b"b\n"

    tell(story)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [("application/json, text/event-stream;q=0.5", "text/event-stream"), ("application/json", None)],
)
def test_a_stream_takes_a_form_that_can_go_on(accept: str, media_type: str | None) -> None:
    async def story(it: Broker) -> None:
        await have(it)
        listener, task = await listening(it, "follow=true", ("accept", accept))
        if media_type is None:
            assert (await outcome(task)).status == 406
            assert "application/x-ndjson, text/plain, text/event-stream" in listener.answer.json()["detail"]
        else:
            assert listener.answer.headers["content-type"].startswith(media_type)

    tell(story)


@pytest.mark.parametrize(("query", "accept"), FORMS)
def test_streams_end_when_the_broker_stops_or_the_topic_goes_or_the_client(query: str, accept: str) -> None:
    async def story(it: Broker) -> None:
        for end in ("client", "topic", "broker"):
            await have(it)
            listener, task = await listening(it, query, ("accept", accept))
            await add(it, "a")
            await settle()
            assert (streams_of(it), it.engine.waiting, task.done()) == (1, 1, False)
            if end == "client":
                listener.client.gone.set()
            elif end == "broker":
                await it.engine.close()
            if end != "broker":
                await settle()
                await it.ask("DELETE", TOPIC)
            await outcome(task)
            assert (streams_of(it), it.engine.waiting) == (0, 0)

    tell(story, ManualClock(NOW))


def test_too_many_streams_are_503_with_the_settings_name_and_a_closed_one_makes_room() -> None:
    async def story(it: Broker) -> None:
        await have(it)
        first, task = await listening(it)
        refused, second = await listening(it, "follow=true", ("accept", "*/*"))
        assert (await outcome(second)).status == 503
        assert refused.answer.headers["retry-after"] == "1"
        assert "MINI_KAFKA_MAX_STREAMS (1)" in refused.answer.json()["detail"]
        first.client.gone.set()
        await outcome(task)
        assert (await listening(it))[0].answer.status == 200

    tell(story, max_streams=1)


@pytest.mark.parametrize(("query", "accept"), FORMS)
def test_asking_for_the_head_of_a_stream_opens_none(query: str, accept: str) -> None:
    async def story(it: Broker) -> None:
        await have(it)
        await add(it, "a")
        asked = asyncio.ensure_future(it.ask("HEAD", f"{PATH}?{query}", headers=[("accept", accept)]))
        answer = await outcome(asked)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(accept)
        assert "content-length" not in answer.headers
        assert answer.body == b""
        assert streams_of(it) == 0

    tell(story)


def call_of(engine: Engine) -> Call:
    async def receive() -> Any:
        raise AssertionError

    return Call(engine, CALLER, receive, Bounds(HttpLimits(1024, 1024)), Head())


def test_a_slow_reader_is_told_what_was_dropped_and_goes_on_behind_it() -> None:
    clock = ManualClock(NOW)

    async def story(it: Broker) -> None:
        await have(it, 2, **{"retention.ms": "1000"})
        await add(it, "a0", partition=0)
        topic = await it.engine.describe_topic(CALLER, "orders")
        start = await start_of(it.engine, CALLER, topic, "earliest", None)
        events = as_events(call_of(it.engine), topic, start, ShowAs.AUTO)
        lines = as_lines(call_of(it.engine), topic, start, ShowAs.AUTO)
        await anext(events)  # the first comment
        [read] = events_of(await anext(events))
        await anext(lines)
        await add(it, "a1", "a2", partition=0)
        await add(it, "b0", partition=1)
        clock.advance(600_000)
        await add(it, "a3", partition=0)
        missed = events_of(await anext(events))
        dropped = [
            {"partition": 0, "base_offset": 1, "end_offset": 3}, {"partition": 1, "base_offset": 0, "end_offset": 1},
        ]  # fmt: skip
        assert [(event.kind, event.data) for event in missed] == [("missed", each) for each in dropped]
        assert [json.loads(await anext(lines))["missed"] for _ in dropped] == dropped
        [following] = events_of(await anext(events))
        assert following.data["value"] == "a3"
        for resumed in (missed[-1].id, following.id):
            answer = await it.get(f"{PATH}?from={resumed}")
            assert [record["value"] for record in answer.json()["records"]] == ["a3"] * (resumed != following.id)
        stale, _ = await listening(it, "", EVENTS, ("last-event-id", read.id))
        assert [event.kind for event in stale.events] == ["missed", "missed", "message"]
        one, _ = await listening(it, "partition=0", EVENTS, ("last-event-id", read.id))
        assert [event.data for event in one.events][:1] == dropped[:1]
        assert [event.kind for event in one.events] == ["missed", "message"]

    tell(story, clock)


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_stream_ends_when_its_topic_was_made_again_while_its_reader_was_slow(partitions: int) -> None:
    async def story(it: Broker) -> None:
        await have(it, 3)
        await add(it, "a", "b", partition=2)
        topic = await it.engine.describe_topic(CALLER, "orders")
        start = await start_of(it.engine, CALLER, topic, "earliest", 2)
        lines = as_lines(call_of(it.engine), topic, start, ShowAs.AUTO)
        await anext(lines)
        await it.ask("DELETE", TOPIC)
        await have(it, partitions)
        assert [piece async for piece in lines] == []

    tell(story)


def fail_reads(it: Broker, monkeypatch: pytest.MonkeyPatch, *errors: BrokerError) -> None:
    """Let reads of an engine fail, one after the other, and then work again."""
    read, left = it.engine.read, list(errors)

    async def failing(*args: Any, **options: Any) -> Any:
        if left:
            raise left.pop(0)
        return await read(*args, **options)

    monkeypatch.setattr(it.engine, "read", failing)
    monkeypatch.setattr(streams, "TRY_AGAIN_S", 0)


@pytest.mark.parametrize(("query", "media_type"), FORMS)
def test_a_stream_outlasts_a_cluster_that_is_away(
    query: str, media_type: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(it: Broker) -> None:
        await have(it)
        await add(it, "a")
        fail_reads(it, monkeypatch, ClusterUnavailable("no leader"), ClusterUnavailable("no leader"))
        listener, task = await listening(it, query, ("accept", media_type))
        await settle()
        assert b"a" in listener.answer.body
        assert (b": the Kafka cluster is not available: no leader\n\n" in listener.answer.body) is (
            media_type == "text/event-stream"
        )
        assert not task.done()
        assert caplog.text == ""

    tell(story)


@pytest.mark.parametrize(("query", "media_type"), FORMS)
def test_a_stream_whose_read_is_cut_by_the_end_of_the_broker_ends(
    query: str, media_type: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(it: Broker) -> None:
        await have(it)
        fail_reads(it, monkeypatch, BrokerStopping())
        _, task = await listening(it, query, ("accept", media_type))
        await outcome(task)
        assert caplog.text == ""

    tell(story)


def test_a_stream_that_is_refused_on_its_way_ends_with_a_line_in_the_log_and_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(it: Broker) -> None:
        await have(it)
        fail_reads(it, monkeypatch, ClusterRefused("not authorized"))
        _, task = await listening(it)
        await outcome(task)
        assert streams_of(it) == 0

    tell(story)
    [line] = caplog.records
    assert "not authorized" in line.getMessage()
    assert line.exc_info is None
