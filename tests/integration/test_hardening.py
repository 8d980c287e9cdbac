"""A live broker against clients that are slow, greedy or many: over real sockets, without Docker."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from mini_kafka.connection_limit import RESERVE
from mini_kafka.listening import KEEPALIVE, bind
from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, FREE_PORTS, Program

MIB = 1024 * 1024
FLAGS = [*FREE_PORTS, "--header-timeout", "1", "--body-timeout", "1", "--idle-timeout", "1"]


class LiveBroker:
    """A broker process with short time-outs, and raw connections to it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.address = program.line(r"^listening http=(\S+)")[1]
        self.url = f"http://{self.address}"

    def connect(self, sent: bytes) -> socket.socket:
        """Open a connection and send the beginning of something."""
        host, _, port = self.address.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        connection.sendall(sent)
        return connection

    def resident_bytes(self) -> int:
        """Give the process's resident memory."""
        status = Path(f"/proc/{self.program.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def post(self, path: str, body: dict[str, object]) -> requests.Response:
        """Send a JSON body."""
        return requests.post(self.url + path, json=body, timeout=20)


@pytest.fixture
def broker() -> Iterator[LiveBroker]:
    with Program(BIN / "mini-kafka", *FLAGS) as program:
        yield LiveBroker(program)


def read_to_end(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


HEAD = b"POST /produce HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"", b""), (HEAD[:40], b"HTTP/1.1 408"), (HEAD, b"HTTP/1.1 408"), (HEAD + b'{"topic":', b"HTTP/1.1 408")],
    ids=["idle", "head", "body", "half a body"],
)
def test_a_client_that_stops_sending_is_cut_off(broker: LiveBroker, sent: bytes, status: bytes) -> None:
    assert read_to_end(broker.connect(sent))[:12] == status


def test_a_client_that_trickles_is_cut_off_although_it_never_stops(broker: LiveBroker) -> None:
    connection = broker.connect(HEAD)
    stopped = threading.Event()

    def trickle() -> None:
        while not stopped.wait(0.1):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        connection.settimeout(10)
        assert connection.recv(12) == b"HTTP/1.1 408"
    finally:
        stopped.set()
        thread.join()
        connection.close()


def test_a_long_poll_outlives_every_time_out(broker: LiveBroker) -> None:
    broker.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
    assert broker.post("/consume", {"consumer_id": "c", "wait_ms": 3000}).status_code == 204


def test_a_body_in_chunks_that_is_too_large_costs_no_memory_and_the_connection_goes_on(broker: LiveBroker) -> None:
    before = broker.resident_bytes()
    with requests.Session() as session:
        chunks = (b" " * MIB for _ in range(100))
        headers = {"content-type": "application/json"}
        refused = session.post(f"{broker.url}/produce", data=chunks, headers=headers, timeout=20)
        assert refused.status_code == 413
        assert "MINI_KAFKA_MAX_BODY_BYTES" in refused.json()["detail"]
        assert session.get(f"{broker.url}/health", timeout=20).status_code == 200
    assert broker.resident_bytes() - before < 32 * MIB


def test_garbage_on_one_connection_disturbs_no_other(broker: LiveBroker) -> None:
    with requests.Session() as session:
        assert session.get(f"{broker.url}/health", timeout=20).ok
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            answer = read_to_end(broker.connect(garbage))
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        assert session.get(f"{broker.url}/health", timeout=20).ok


def test_a_head_without_an_end_costs_no_memory_and_disturbs_nobody(broker: LiveBroker) -> None:
    before = broker.resident_bytes()

    def send_fields() -> None:
        with broker.connect(b"GET / HTTP/1.1\r\nhost: localhost\r\n") as connection:
            for _ in range(200):
                connection.sendall(b"a:b\r\n" * 50_000)

    with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
        send_fields()
    assert broker.resident_bytes() - before < 16 * MIB
    assert requests.get(f"{broker.url}/health", timeout=20).ok


def test_a_message_is_not_handed_to_a_client_that_hung_up_behind_a_pipelined_request(broker: LiveBroker) -> None:
    broker.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
    body = json.dumps({"consumer_id": "c", "wait_ms": 20_000}).encode()
    poll = HEAD.replace(b"/produce", b"/consume").replace(b": 100", b": %d" % len(body)) + body
    broker.connect(poll + b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").close()
    broker.post("/consume", {"consumer_id": "c"})  # the poll and its end have been read by now
    broker.post("/produce", {"topic": "t", "value": "kept"})
    assert broker.post("/consume", {"consumer_id": "c"}).json()["value"] == "kept"


def test_sigterm_waits_for_no_half_request_and_for_nobody_who_does_not_read() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as program, ExitStack() as open_connections:
        broker = LiveBroker(program)
        wait = broker.connect(HEAD + b"{")
        deaf = open_connections.enter_context(broker.connect(b""))
        deaf.sendall(b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n\r\n" * 20)
        assert requests.get(f"{broker.url}/docs", timeout=20).ok  # all of it has been read by now
        program.signal_group(signal.SIGTERM)
        assert program.end(seconds=2) == 0
        assert read_to_end(wait).startswith(b"HTTP/1.1 503 ")
        assert not [line for line in program.err if "Traceback" in line or "ERROR" in line]


def test_sigterm_answers_50_long_polls_and_ends_with_0_within_2_s() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS) as program, ExitStack() as open_connections:
        broker = LiveBroker(program)
        broker.post("/consumers/register", {"topic": "t", "consumer_id": "c"})
        body = json.dumps({"consumer_id": "c", "wait_ms": 30_000}).encode()
        poll = HEAD.replace(b"/produce", b"/consume").replace(b": 100", b": %d" % len(body)) + body
        polls = [open_connections.enter_context(broker.connect(poll)) for _ in range(50)]
        assert broker.post("/consume", {"consumer_id": "c"}).status_code == 204  # the polls have been read by now
        program.signal_group(signal.SIGTERM)
        assert program.end(seconds=2) == 0
        answers = [read_to_end(connection) for connection in polls]
        assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 204 No Content"}
        assert not [line for line in program.err if "Traceback" in line or "ERROR" in line]


def test_past_the_limit_of_connections_health_is_answered_and_a_connection_that_ends_makes_room() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--max-connections", "3") as program, ExitStack() as kept:
        broker = LiveBroker(program)
        first, *_ = [kept.enter_context(broker.connect(b"")) for _ in range(3)]
        get = b"GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n"
        assert read_to_end(broker.connect(get % b"/v1")).startswith(b"HTTP/1.1 503 ")
        assert read_to_end(broker.connect(get % b"/livez")).startswith(b"HTTP/1.1 200 ")
        for _ in range(RESERVE):
            kept.enter_context(broker.connect(b""))
        with broker.connect(b"") as past_the_reserve, suppress(ConnectionResetError):
            assert past_the_reserve.recv(1) == b""
        first.close()
        wait_until(lambda: requests.get(f"{broker.url}/v1", timeout=20).ok, "the place is free again")


def test_the_kernel_asks_silent_clients_whether_they_are_there() -> None:
    with bind("127.0.0.1", 0, flags="") as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE["TCP_KEEPIDLE"]
