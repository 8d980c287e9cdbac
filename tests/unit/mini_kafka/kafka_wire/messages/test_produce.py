"""Produce by hand and by kio: what the one writes the other reads, in every version."""

import struct
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.errors import InvalidBatch, MemoryLimitReached, UnknownTopic
from mini_kafka.engine.raw_log_port import AppendedBatch, TopicKey
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.messages.produce import Outcome, ProduceRequest, read_request, write_response
from mini_kafka.kafka_wire.primitives import MAX_ELEMENTS
from tests.support.wire_messages import kio_request, kio_response

VERSIONS = range(3, 14)
BY_ID_FROM = 13

int16 = st.integers(-(2**15), 2**15 - 1)
int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-1, 2**62)
times = st.just(-1) | st.integers(0, 250_000_000_000_000)  # what kio can show: until the year 9892
text = st.text(max_size=20)
topic_ids = st.uuids().filter(lambda it: it.int != 0)


@st.composite
def requests(draw: st.DrawFn, version: int) -> tuple[dict[str, Any], ProduceRequest]:
    """Draw a request, as kio's fields and as ours."""
    parts = st.lists(st.tuples(int32, st.none() | st.binary(max_size=30)), max_size=3)
    keys: st.SearchStrategy[TopicKey] = topic_ids if version >= BY_ID_FROM else text
    topics = draw(st.lists(st.tuples(keys, parts), max_size=3))
    acks = draw(int16)
    fields = {
        "transactional_id": draw(st.none() | text), "acks": acks, "timeout": draw(st.integers(0, 2**31 - 1)),
        "topic_data": [
            {
                "topic_id" if version >= BY_ID_FROM else "name": topic,
                "partition_data": [{"index": index, "records": records} for index, records in parts],
            }
            for topic, parts in topics
        ],
    }  # fmt: skip
    read = [(topic, [(index, memoryview(records or b"")) for index, records in parts]) for topic, parts in topics]
    return fields, ProduceRequest(acks, read)


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_a_request_says_what_kio_wrote(version: int, data: st.DataObject) -> None:
    fields, expected = data.draw(requests(version))
    body = kio_request("Produce", version, fields)
    assert read_request(memoryview(body + b"left over"), version) == expected


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_a_request_that_is_cut_is_refused(version: int, data: st.DataObject) -> None:
    fields, _ = data.draw(requests(version))
    body = kio_request("Produce", version, fields)
    for cut in range(len(body)):
        with pytest.raises(WireError):
            read_request(memoryview(body)[:cut], version)


outcomes = st.one_of(
    st.builds(AppendedBatch, int64, times, int64),
    st.sampled_from(ErrorCode),
    st.builds(UnknownTopic, text),
    st.builds(InvalidBatch, text, st.lists(st.integers(0, 2**31 - 1), max_size=3)),
    st.just(MemoryLimitReached(1, 2, 3)),
)


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_kio_reads_the_response_that_was_written(version: int, data: st.DataObject) -> None:
    key: st.SearchStrategy[TopicKey] = topic_ids if version >= BY_ID_FROM else text
    drawn = data.draw(st.lists(st.tuples(key, st.lists(st.tuples(int32, outcomes), max_size=3)), max_size=3))
    throttle_ms = data.draw(st.integers(0, 2**31 - 1))
    request = ProduceRequest(-1, [(topic, [(index, memoryview(b"")) for index, _ in parts]) for topic, parts in drawn])
    results: list[list[Outcome]] = [[outcome for _, outcome in parts] for _, parts in drawn]
    answer = kio_response("Produce", version, write_response(version, request, results, throttle_ms))
    assert answer.throttle_time == timedelta(milliseconds=throttle_ms)
    assert [_topic(it, version) for it in answer.responses] == [topic for topic, _ in drawn]
    for read, (_, parts) in zip(answer.responses, drawn, strict=True):
        assert [it.index for it in read.partition_responses] == [index for index, _ in parts]
        for part, (_, outcome) in zip(read.partition_responses, parts, strict=True):
            _same(version, part, outcome)


def _topic(response: Any, version: int) -> str | UUID:
    topic: str | UUID = response.topic_id if version >= BY_ID_FROM else response.name
    return topic


def _same(version: int, part: Any, outcome: Outcome) -> None:
    if isinstance(outcome, AppendedBatch):
        assert (part.error_code, part.base_offset) == (0, outcome.base_offset)
        time_ms = -1 if part.log_append_time is None else round(part.log_append_time.timestamp() * 1000)
        assert time_ms == outcome.log_append_time_ms
        assert version < 5 or part.log_start_offset == outcome.log_start_offset
        return
    assert part.base_offset == -1
    if isinstance(outcome, ErrorCode):
        assert part.error_code == outcome
    elif version >= 8:
        assert part.error_message == str(outcome)
        named = outcome.records if isinstance(outcome, InvalidBatch) else ()
        assert [it.batch_index for it in part.record_errors] == list(named)


def test_a_request_that_names_more_partitions_than_any_broker_has_is_refused() -> None:
    head = struct.pack(">hhiih", -1, -1, 1000, 1, 1) + b"t"
    parts = struct.pack(">i", MAX_ELEMENTS + 1) + struct.pack(">ii", 0, -1) * (MAX_ELEMENTS + 1)
    with pytest.raises(WireError, match="more than 100000 elements"):
        read_request(memoryview(head + parts), 3)
