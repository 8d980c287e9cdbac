"""/v1 over real sockets: what streams in and out while both sides go on, and what it costs."""

import json
import signal
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, FREE_PORTS, Program
from tests.integration.test_hardening import MIB, LiveBroker, read_to_end

FLAGS = [*FREE_PORTS, "--body-timeout", "1", "--idle-timeout", "5"]
RECORDS = "/v1/topics/orders/records"
LINES = (
    b"POST %s?ack=%s HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
)


@pytest.fixture
def broker() -> Iterator[LiveBroker]:
    with Program(BIN / "mini-kafka", *FLAGS) as program:
        yield LiveBroker(program)


def lines_head(ack: str) -> bytes:
    return LINES % (RECORDS.encode(), ack.encode())


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """Read until `end` has come."""
    came = b""
    while end not in came:
        piece = connection.recv(65536)
        assert piece, came
        came += piece
    return came


def read_all(broker: LiveBroker) -> list[str]:
    answer = requests.get(f"{broker.url}{RECORDS}", timeout=20)
    return [record["value"] for record in answer.json()["records"]]


def test_a_line_is_acknowledged_while_the_client_still_sends(broker: LiveBroker) -> None:
    with broker.connect(lines_head("each")) as connection:
        for number in range(3):
            connection.sendall(chunk(b'{"value": "%d"}\n{"value":' % number))
            assert b'{"line":%d,"partition":0,"offset":%d}\n' % (2 * number + 1, 2 * number) in read_until(
                connection, b"}\n"
            )
            connection.sendall(chunk(b' "rest"}\n'))
            read_until(connection, b'"offset":%d}\n' % (2 * number + 1))
        connection.sendall(b"0\r\n\r\n")
        read_until(connection, b"0\r\n\r\n")
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert read_until(connection, b'{"status":"ok"}').startswith(b"HTTP/1.1 200 ")


def test_a_client_of_lines_may_take_its_time_but_not_stop(broker: LiveBroker) -> None:
    head = lines_head("all")
    with broker.connect(head) as connection:
        for number in range(4):
            connection.sendall(chunk(b'{"value": "%d"}\n' % number))
            wait_until(lambda: len(read_all(broker)) > number, "the line is appended")  # noqa: B023 - called at once
        assert read_to_end(connection).startswith(b"HTTP/1.1 408 ")
    assert read_all(broker) == ["0", "1", "2", "3"]


def test_what_a_client_sent_before_it_died_is_kept(broker: LiveBroker) -> None:
    connection = broker.connect(lines_head("all") + chunk(b'{"value": "kept"}\n{"value": "lo'))
    wait_until(lambda: requests.get(f"{broker.url}{RECORDS}", timeout=20).ok, "the topic is there")
    connection.close()
    assert read_all(broker) == ["kept"]


def test_lines_without_an_end_need_no_memory(broker: LiveBroker) -> None:
    requests.put(f"{broker.url}/v1/topics/orders", json={"configs": {"retention.bytes": MIB}}, timeout=20)
    lines = b'{"value": "%s"}\n' % (b"x" * 235) * 4096
    before = broker.resident_bytes()
    headers = {"content-type": "application/x-ndjson"}
    answer = requests.post(f"{broker.url}{RECORDS}", data=(lines for _ in range(50)), headers=headers, timeout=60)
    assert answer.json()["appended"] == 50 * 4096
    assert broker.resident_bytes() - before < 32 * MIB


def test_a_line_without_an_end_needs_no_memory(broker: LiveBroker) -> None:
    before = broker.resident_bytes()
    headers = {"content-type": "application/x-ndjson"}
    answer = requests.post(f"{broker.url}{RECORDS}", data=(b"x" * MIB for _ in range(300)), headers=headers, timeout=60)
    assert answer.status_code == 422
    assert "MINI_KAFKA_MAX_BODY_BYTES" in answer.json()["errors"][0]["detail"]
    assert broker.resident_bytes() - before < 48 * MIB


def test_a_stream_ends_with_its_client_or_with_the_broker(broker: LiveBroker) -> None:
    requests.put(f"{broker.url}/v1/topics/orders", timeout=20)
    get = b"GET %s HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n" % RECORDS.encode()
    streams = [broker.connect(get) for _ in range(20)]
    for stream in streams:
        read_until(stream, b": hello\n\n")
    requests.post(f"{broker.url}{RECORDS}", data=b"x", timeout=20)
    for stream in streams:
        assert b'"value":"x"' in read_until(stream, b"}\n\n")
    broker.program.signal_group(signal.SIGTERM)
    assert broker.program.end(seconds=2) == 0
    assert all(read_to_end(stream).endswith(b"0\r\n\r\n") for stream in streams)
    assert not [line for line in broker.program.err if "Traceback" in line or "ERROR" in line]


def test_a_closed_stream_makes_room_for_another() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--max-streams", "1") as program:
        broker = LiveBroker(program)
        requests.put(f"{broker.url}/v1/topics/orders", timeout=20)
        url = f"{broker.url}{RECORDS}?follow=true"
        for _ in range(2):
            stream = wait_until(lambda: _opened(url), "there is room for a stream", seconds=5)
            assert stream
            with stream:
                refused = requests.get(url, timeout=20)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                assert "MINI_KAFKA_MAX_STREAMS" in refused.json()["detail"]


def _opened(url: str) -> requests.Response | None:
    stream = requests.get(url, stream=True, timeout=20)
    return stream if stream.status_code == 200 else None


def test_asking_for_the_head_of_a_stream_leaves_the_connection_usable(broker: LiveBroker) -> None:
    requests.put(f"{broker.url}/v1/topics/orders", timeout=20)
    head = b"HEAD %s?follow=true HTTP/1.1\r\nhost: localhost\r\n\r\n" % RECORDS.encode()
    with broker.connect(head + b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n") as connection:
        answers = read_until(connection, b'{"status":"ok"}')
    assert answers.count(b"HTTP/1.1 200 ") == 2


def test_a_stalled_reader_holds_up_nobody_and_costs_little(broker: LiveBroker) -> None:
    requests.put(f"{broker.url}/v1/topics/orders", json={"configs": {"retention.bytes": MIB}}, timeout=20)
    get = b"GET %s HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n" % RECORDS.encode()
    with broker.connect(get) as deaf:
        read_until(deaf, b": hello\n\n")
        before = broker.resident_bytes()
        lines = b'{"value": "%s"}\n' % (b"x" * 10_000) * 100
        headers = {"content-type": "application/x-ndjson"}
        answer = requests.post(f"{broker.url}{RECORDS}", data=(lines for _ in range(60)), headers=headers, timeout=60)
        assert answer.json()["appended"] == 6000
        assert broker.resident_bytes() - before < 32 * MIB
        came = read_until(deaf, b'"offset":5999,')
        assert b"event: missed\n" in came
        last = came.rpartition(b"event: missed\nid: ")[2]
        dropped = json.loads(last.partition(b"data: ")[2].partition(b"\n")[0])
        assert last.partition(b'"offset":')[2].startswith(b"%d," % dropped["end_offset"])


@pytest.mark.parametrize("ack", ["all", "each"])
def test_a_broker_that_stops_tells_a_client_of_lines_what_it_appended(ack: str) -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as program:
        broker = LiveBroker(program)
        connection = broker.connect(lines_head(ack) + chunk(b'{"value": "a"}\n{"value": "b"}\n{"value": "lo'))
        wait_until(lambda: requests.get(f"{broker.url}{RECORDS}", timeout=20).ok, "the topic is there")
        program.signal_group(signal.SIGTERM)
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
        assert program.end(seconds=2) == 0
        assert not [line for line in program.err if "Traceback" in line or "ERROR" in line]
        if ack == "each":
            assert b'{"line":3,"detail":"the broker is stopping' in body
        else:
            assert head.startswith(b"HTTP/1.1 503 ")
            problem = json.loads(body)
            assert (problem["code"], problem["appended"], problem["next_line"]) == ("BROKER_NOT_AVAILABLE", 2, 3)
            assert problem["partitions"] == [{"partition": 0, "first_offset": 0, "last_offset": 1, "count": 2}]


def test_a_token_of_as_many_partitions_as_there_may_be_goes_back_in_a_url(broker: LiveBroker) -> None:
    topic = "/v1/topics/wide"
    assert requests.put(broker.url + topic, json={"partitions": 10_000}, timeout=20).status_code == 201
    token = requests.get(f"{broker.url}{topic}/records", timeout=20).json()["next"]
    requests.post(f"{broker.url}{topic}/records", data=b"new", timeout=20)
    answer = requests.get(f"{broker.url}{topic}/records", params={"from": token}, timeout=20)
    assert [record["value"] for record in answer.json()["records"]] == ["new"]
    too_long = requests.get(f"{broker.url}{topic}/records", params={"from": "t." + "A" * 70_000}, timeout=20)
    assert too_long.status_code == 431
    assert "MINI_KAFKA_MAX_HEAD_BYTES" in too_long.json()["detail"]
