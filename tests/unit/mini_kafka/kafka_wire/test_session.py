"""The session: bytes in, requests out; answers in, bytes out; whatever is no request ends it with a reason."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.kafka_wire.bounds import WireLimits
from mini_kafka.kafka_wire.call import Api, Call
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.registry import APIS as REGISTERED
from mini_kafka.kafka_wire.session import Session

LIMIT = 1000
AHEAD = WireLimits().ahead_bytes


def never(_call: Call) -> bytes:
    raise AssertionError("a session calls no handler")


OLD, NEW = Api(3, "Old", 0, 8, 9, never), Api(60, "New", 0, 2, 0, never)
VERSIONS = Api(18, "ApiVersions", 0, 4, 3, never)
APIS = {api.key: api for api in (OLD, NEW, VERSIONS)}
FETCH = {1: Api(1, "Fetch", 4, 18, 12, never)}


def session() -> Session:
    return Session(APIS, WireLimits(request_bytes=LIMIT))


def request(api: int, version: int, body: bytes = b"", *, number: int = 7, client: bytes = b"\0\2me") -> bytes:
    content = struct.pack(">hhi", api, version, number) + client + body
    return struct.pack(">i", len(content)) + content


def flexible(version: int, body: bytes = b"", tags: bytes = b"\0", number: int = 7) -> bytes:
    return request(60, version, tags + body, number=number)


def sent(it: Session) -> bytes:
    return b"".join(it.take_outgoing())


@given(st.data())
def test_requests_are_the_same_however_their_bytes_arrive(data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.binary(max_size=200)), min_size=1, max_size=4))
    stream = b"".join(request(3, 8, body, number=number) for number, body in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    it, found = session(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        it.receive(stream[start:end])
        while (got := it.next_request()) is not None:
            found.append((got.correlation_id, got.body))
            it.respond(None)
    assert [(number, bytes(body)) for number, body in found] == wanted


@pytest.mark.parametrize("whole", [request(3, 1, b"body"), flexible(2, b"body"), request(18, 99)])
def test_a_part_of_a_request_is_no_request_and_no_error(whole: bytes) -> None:
    for end in range(len(whole)):
        it = session()
        it.receive(whole[:end])
        assert it.next_request() is None
        assert it.wants_data
        it.receive(whole[end:])
        assert it.next_request() is not None


def test_a_request_is_its_header_and_the_body_as_it_came() -> None:
    it = session()
    it.receive(flexible(2, b"body", tags=b"\1\5\2xx"))
    got = it.next_request()
    assert got is not None
    assert (got.api, got.version, got.correlation_id, got.client_id) == (NEW, 2, 7, "me")
    assert (bytes(got.body), got.is_flexible) == (b"body", True)


def test_a_client_may_have_no_name() -> None:
    it = session()
    it.receive(request(3, 0, client=b"\xff\xff"))
    got = it.next_request()
    assert got is not None
    assert got.client_id is None


def test_a_request_keeps_its_bytes_while_others_arrive() -> None:
    it = session()
    it.receive(request(3, 0, b"first")[:9])
    it.receive(request(3, 0, b"first")[9:] + request(3, 0, b"second")[:3])
    first = it.next_request()
    assert first is not None
    it.receive(request(3, 0, b"second")[3:] * 50)
    assert bytes(first.body) == b"first"


def test_one_request_is_in_work_at_a_time_and_answers_go_out_in_order() -> None:
    it = session()
    it.receive(request(3, 0, number=1) + request(3, 0, number=2))
    assert it.next_request() is not None
    assert it.next_request() is None
    it.respond(b"one")
    assert it.next_request() is not None
    it.respond([b"t", b"w", b"o"])
    assert it.outgoing_bytes == 22
    assert sent(it) == struct.pack(">ii", 7, 1) + b"one" + struct.pack(">ii", 7, 2) + b"two"
    assert it.outgoing_bytes == 0


def test_a_flexible_version_s_answer_has_tagged_fields_in_its_header_but_for_api_versions() -> None:
    it = session()
    for sends, header in ((flexible(0), b"\0"), (request(3, 8), b""), (request(18, 4, b"\0"), b"")):
        it.receive(sends)
        assert it.next_request() is not None
        it.respond(b"x")
        assert sent(it) == struct.pack(">ii", 5 + len(header), 7) + header + b"x"


@pytest.mark.parametrize("behind", [b"", request(3, 0)[:3]])
def test_a_request_is_let_go_of_with_its_answer_whatever_came_behind_it(behind: bytes) -> None:
    it = Session(APIS, WireLimits(request_bytes=2 * AHEAD))
    it.receive(request(3, 0, b"x" * (AHEAD + 100)) + behind)
    assert it.next_request() is not None
    assert it.held_bytes > AHEAD
    it.respond(b"")
    assert it.held_bytes == len(it._data) == len(behind)
    it.receive(request(3, 0)[len(behind) :])
    assert it.next_request() is not None


def test_where_nothing_is_answered_nothing_is_sent() -> None:
    it = session()
    it.receive(request(3, 0))
    assert it.next_request() is not None
    it.respond(None)
    assert sent(it) == b""


def test_nothing_can_be_answered_that_was_not_asked() -> None:
    with pytest.raises(RuntimeError):
        session().respond(b"x")


def test_no_more_is_read_while_a_request_waits_and_enough_waits_behind_it() -> None:
    it = Session(APIS | FETCH, WireLimits(request_bytes=2 * AHEAD))
    it.receive(request(1, 4))
    it.receive(b"\0" * (AHEAD + 1))
    assert it.wants_data  # nothing is in work yet
    assert it.next_request() is not None
    assert not it.wants_data
    it.respond(b"")
    assert it.wants_data


def test_a_large_request_is_read_whole_however_much_of_it_waits() -> None:
    it = Session(APIS, WireLimits(request_bytes=2 * AHEAD))
    whole = request(3, 0, b"x" * (AHEAD + 100))
    it.receive(whole[:-1])
    assert it.next_request() is None
    assert it.wants_data


@pytest.mark.parametrize(
    ("sends", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "this is an HTTP request"),
        (b"POST /v1/topics HTTP/1.1\r\n", "this is an HTTP request"),
        (b"PRI * HTTP/2.0\r\n", "this is an HTTP request"),
        (b"\x16\x03\x01\x02\x00", "this is a TLS handshake"),
        (b"\xff\xff\xff\xff", "a request cannot have -1 bytes"),
        (b"\x80\0\0\0", "a request cannot have -2147483648 bytes"),
        (b"\0\0\0\0", "a request cannot have 0 bytes"),
        (b"\0\0\0\7", "a request cannot have 7 bytes"),
        (struct.pack(">i", LIMIT + 1), "over socket.request.max.bytes (1000)"),
        (request(99, 0), "there is no API 99 here"),
        (request(-1, 0), "there is no API -1 here"),
        (request(3, 9), "Old is answered in versions 0 to 8, not in 9"),
        (request(3, -1), "Old is answered in versions 0 to 8, not in -1"),
        (request(3, 0, client=b""), "ends in the middle of a number"),
        (request(3, 0, client=b"\0\5me"), "a length of 5 is claimed"),
        (request(3, 0, client=b"\xff\xfe"), "a length of -2 is claimed"),
        (request(3, 0, client=b"\0\2\xff\xff"), "not UTF-8"),
        (flexible(0, tags=b""), "ends in the middle of a number"),
        (flexible(0, tags=b"\xff\xff\xff\xff\x0f"), "more than 100000 elements"),
        (flexible(0, tags=b"\1\0\xff\xff\xff\xff\x07"), "is claimed, and 0 bytes are left"),
        (flexible(0, tags=b"\xff\xff\xff\xff\xff\x01"), "longer than five bytes"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(sends: bytes, reason: str) -> None:
    it = session()
    it.receive(sends)
    with pytest.raises(WireError) as caught:
        it.next_request()
    assert reason in str(caught.value)


def test_the_largest_request_is_one() -> None:
    it = session()
    empty = request(3, 0)
    it.receive(request(3, 0, b"x" * (LIMIT - len(empty) + 4)))
    assert it.next_request() is not None


def test_a_version_of_api_versions_that_nobody_knows_is_a_request_all_the_same() -> None:
    it = session()
    it.receive(request(18, 999, b"\0"))
    got = it.next_request()
    assert got is not None
    assert got.version == 999


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_nothing_yet_or_refused(data: bytes) -> None:
    it = session()
    it.receive(data)
    with suppress(WireError):
        while it.next_request() is not None:
            it.respond(None)


@pytest.mark.parametrize("key", sorted(REGISTERED))
def test_only_behind_what_may_wait_is_read_on_so_that_who_hangs_up_is_not_heard_before_all_is_done(key: int) -> None:
    api = REGISTERED[key]
    it = Session(REGISTERED, WireLimits())
    it.receive(request(key, api.lowest, b"\0" if api.is_flexible(api.lowest) else b""))
    assert it.next_request() is not None
    assert it.wants_data is (api.name in {"Fetch", "JoinGroup", "SyncGroup"})
    it.respond(None)
    assert it.wants_data
