"""Fetch by hand and by kio: what the one writes the other reads, in every version."""

import struct
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.core.errors import OffsetOutOfRange
from mini_kafka.core.fetch_session import FetchPartition
from mini_kafka.engine.raw_log_port import FetchedPartition, TopicKey
from mini_kafka.kafka_wire.error_codes import ErrorCode
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.messages import fetch
from mini_kafka.kafka_wire.messages.fetch import FetchRequest, read_request, write_response
from mini_kafka.kafka_wire.primitives import MAX_ELEMENTS
from tests.support.wire_messages import kio_request, kio_response

VERSIONS = range(4, 19)
BY_ID_FROM = 13

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
naturals = st.integers(0, 2**31 - 1)
text = st.text(max_size=20)
topic_ids = st.uuids().filter(lambda it: it.int != 0)


def key_name(version: int) -> str:
    return "topic_id" if version >= BY_ID_FROM else "topic"


@st.composite
def requests(draw: st.DrawFn, version: int) -> tuple[dict[str, Any], FetchRequest]:
    """Draw a request, as kio's fields and as ours."""
    keys: st.SearchStrategy[TopicKey] = topic_ids if version >= BY_ID_FROM else text
    parts = st.lists(st.tuples(int32, int32, int64, int32, int64, int32), max_size=3)
    topics = draw(st.lists(st.tuples(keys, parts), max_size=3))
    forgotten = draw(st.lists(st.tuples(keys, st.lists(int32, max_size=3)), max_size=2)) if version >= 7 else []
    replica_id, session_id, session_epoch = draw(int32), draw(int32), draw(int32)
    max_wait, min_bytes, max_bytes, isolation = draw(naturals), draw(int32), draw(int32), draw(st.integers(0, 1))
    fields: dict[str, Any] = {
        "max_wait": max_wait, "min_bytes": min_bytes, "max_bytes": max_bytes, "isolation_level": isolation,
        "topics": [
            {
                key_name(version): topic,
                "partitions": [
                    dict(zip(_PARTITION_FIELDS, numbers, strict=True)) for numbers in parts
                ],
            }
            for topic, parts in topics
        ],
    }  # fmt: skip
    if version >= 15:
        fields["replica_state"] = {"replica_id": replica_id, "replica_epoch": draw(int64)}
    else:
        fields["replica_id"] = replica_id
    if version >= 7:
        fields |= {"session_id": session_id, "session_epoch": session_epoch, "forgotten_topics_data": [
            {key_name(version): topic, "partitions": numbers} for topic, numbers in forgotten
        ]}  # fmt: skip
    if version >= 11:
        fields["rack_id"] = draw(text)
    if version >= 12:
        fields["cluster_id"] = draw(st.none() | text)
    expected = FetchRequest(
        replica_id, max_wait, min_bytes, max_bytes, isolation == 1,
        *((session_id, session_epoch) if version >= 7 else (0, -1)),
        [
            FetchPartition(
                topic, partition, offset, limit, epoch if version >= 9 else -1, fetched if version >= 12 else -1
            )
            for topic, parts in topics
            for partition, epoch, offset, fetched, _, limit in parts
        ],
        [(topic, number) for topic, numbers in forgotten for number in numbers],
    )  # fmt: skip
    return fields, expected


_PARTITION_FIELDS = (
    "partition", "current_leader_epoch", "fetch_offset", "last_fetched_epoch", "log_start_offset",
    "partition_max_bytes",
)  # fmt: skip


def values_of(part: FetchPartition) -> list[object]:
    return [getattr(part, name) for name in FetchPartition.__slots__]


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_a_request_says_what_kio_wrote(version: int, data: st.DataObject) -> None:
    fields, expected = data.draw(requests(version))
    read = read_request(memoryview(kio_request("Fetch", version, fields) + b"left over"), version)
    assert read._replace(partitions=()) == expected._replace(partitions=())
    assert list(map(values_of, read.partitions)) == list(map(values_of, expected.partitions))


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_a_request_that_is_cut_is_refused(version: int, data: st.DataObject) -> None:
    fields, _ = data.draw(requests(version))
    body = kio_request("Fetch", version, fields)
    for cut in range(len(body)):
        with pytest.raises(WireError):
            read_request(memoryview(body)[:cut], version)


@st.composite
def results(draw: st.DrawFn) -> FetchedPartition | ErrorCode:
    """Draw what became of one partition."""
    kind = draw(st.sampled_from(["found", "refused", "replica", "ended"]))
    if kind == "refused":
        return FetchedPartition(OffsetOutOfRange(1, 2, 3))
    if kind == "replica":
        return ErrorCode.NOT_LEADER_OR_FOLLOWER
    bounds = draw(st.integers(0, 2**62)), draw(st.integers(0, 2**62))
    if kind == "ended":
        return FetchedPartition(None, *bounds, end_of_epoch=draw(st.integers(0, 2**62)))
    batches = draw(st.lists(st.binary(min_size=1, max_size=50), max_size=3))
    return FetchedPartition(None, *bounds, batches, sum(map(len, batches)))


@pytest.mark.parametrize("joined_below_bytes", [0, 1000])
@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_kio_reads_the_response_that_was_written(version: int, joined_below_bytes: int, data: st.DataObject) -> None:
    keys: st.SearchStrategy[TopicKey] = topic_ids if version >= BY_ID_FROM else text
    drawn = data.draw(
        st.lists(st.tuples(keys, st.lists(st.tuples(int32, results()), min_size=1, max_size=3)), max_size=3)
    )
    told = [(FetchPartition(topic, number, 0, 0), result) for topic, parts in drawn for number, result in parts]
    is_committed, session_id = data.draw(st.booleans()), data.draw(int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "JOINED_BELOW_BYTES", joined_below_bytes)
        pieces = write_response(version, ErrorCode.NONE, session_id, told, is_committed=is_committed)
    answer = kio_response("Fetch", version, b"".join(pieces))
    if version >= 7:
        assert (answer.error_code, answer.session_id) == (0, session_id)
    topics = [(topic, [it[1] for it in parts]) for topic, parts in groupby(
        ((part.topic, (part.partition, result)) for part, result in told), key=lambda it: it[0]
    )]  # fmt: skip
    assert [getattr(it, key_name(version)) for it in answer.responses] == [topic for topic, _ in topics]
    for read, (_, parts) in zip(answer.responses, topics, strict=True):
        assert [it.partition_index for it in read.partitions] == [number for number, _ in parts]
        for part, (_, result) in zip(read.partitions, parts, strict=True):
            _same(version, part, result, is_committed=is_committed)


def _same(version: int, part: Any, result: FetchedPartition | ErrorCode, *, is_committed: bool) -> None:
    assert part.aborted_transactions == (() if is_committed else None)
    if isinstance(result, ErrorCode) or result.refusal is not None:
        code = result if isinstance(result, ErrorCode) else ErrorCode.OFFSET_OUT_OF_RANGE
        assert (part.error_code, part.high_watermark, part.records) == (code, -1, b"")
        return
    assert (part.error_code, part.high_watermark, part.last_stable_offset) == (0, *[result.high_watermark] * 2)
    assert part.records == b"".join(result.batches)
    assert version < 5 or part.log_start_offset == result.log_start_offset
    if version >= 12:
        ended = result.end_of_epoch is not None
        assert (part.diverging_epoch.epoch, part.diverging_epoch.end_offset) == (
            (0, result.end_of_epoch) if ended else (-1, -1)
        )


def test_a_request_that_names_more_partitions_than_any_broker_has_is_refused() -> None:
    head = struct.pack(">iiiibih", -1, 0, 1, 1, 0, 1, 1) + b"t"
    parts = struct.pack(">i", MAX_ELEMENTS + 1) + struct.pack(">iqi", 0, 0, 1) * (MAX_ELEMENTS + 1)
    with pytest.raises(WireError, match="more than 100000 elements"):
        read_request(memoryview(head + parts), 4)
