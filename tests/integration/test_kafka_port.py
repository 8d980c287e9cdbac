"""The Kafka port of a running broker: it answers before FastAPI is there, and what one client sends harms no other."""

import random
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.compat.differential.raw_client import RawClient
from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, FREE_PORTS, Program
from tests.support.client_batches import GZIP, client_batch, with_records
from tests.support.damaged_frames import frames
from tests.support.kafka_topics import new

MIB = 1024 * 1024
FRAMES = 100_000
FRAMES_A_CONNECTION = 20
MAY_GROW = 24 * MIB
"""What a broker may grow by in the second half of the damaged frames: the first half of them filled its caches."""
BOMB = client_batch(bytes(300 * MIB), codec=GZIP)
GARBAGE = with_records(client_batch(b"x" * 50), b"\xff")

# A broker whose import of FastAPI waits in the middle until its standard input says something.
HELD_IMPORT = """
import sys

class Hold:
    def find_spec(self, name, path=None, target=None):
        if name == "fastapi":
            sys.meta_path.remove(self)
            print("FastAPI is being imported", flush=True)
            sys.stdin.readline()
        return None

sys.meta_path.insert(0, Hold())
from mini_kafka.command import main
sys.exit(main())
"""


class LiveBroker:
    """A broker's process, and both of its ports."""

    def __init__(self, program: Program) -> None:
        self.program = program
        listening = program.line(r"listening http=(\S+) kafka=(\S+)$")
        self.url = f"http://{listening[1]}"
        host, _, port = listening[2].rpartition(":")
        self.kafka = host, int(port)

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.program.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.fixture
def broker() -> Iterator[LiveBroker]:
    limits = ("--max-partitions", "500", "--max-groups", "500", "--memory-limit", "64MiB")
    with Program(BIN / "mini-kafka", *FREE_PORTS, *limits) as program:
        yield LiveBroker(program)


def test_v1_says_where_kafka_clients_find_the_broker(broker: LiveBroker) -> None:
    host, port = broker.kafka
    assert requests.get(f"{broker.url}/v1", timeout=5).json()["kafka"] == f"{host}:{port}"


def create_topic(client: RawClient, topic: str) -> None:
    answer = client.ask("metadata", 4, topics=[{"name": topic}], allow_auto_topic_creation=True)
    assert [found["error_code"] for found in answer["topics"]] == ["none"]


def produce(client: RawClient, topic: str, batch: bytes) -> str:
    answer = client.ask(
        "produce", 7, transactional_id=None, acks=-1, timeout=1000,
        topic_data=[{"name": topic, "partition_data": [{"index": 0, "records": batch}]}],
    )  # fmt: skip
    return str(answer["responses"][0]["partition_responses"][0]["error_code"])


def fetch(client: RawClient, topic: str, *, max_wait_ms: int = 0) -> bytes:
    answer = client.ask("fetch", 4, **fetch_request(topic, max_wait_ms))
    return answer["responses"][0]["partitions"][0]["records"] or b""


def fetch_request(topic: str, max_wait_ms: int = 0) -> dict[str, Any]:
    place = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 64 * MIB}
    return {
        "replica_id": -1, "max_wait": max_wait_ms, "min_bytes": 1, "max_bytes": 64 * MIB, "isolation_level": 0,
        "topics": [{"topic": topic, "partitions": [place]}],
    }  # fmt: skip


def send_and_hang_up(address: tuple[str, int], data: bytes) -> None:
    """Send everything, say that it was all, and read until the broker closes: then it has seen all of it."""
    with socket.create_connection(address, timeout=30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass  # it closes the connection of a client that breaks the protocol


def test_the_kafka_port_answers_before_fastapi_is_imported_and_goes_on_while_it_is() -> None:
    with Program(sys.executable, "-c", HELD_IMPORT, *FREE_PORTS, stdin=subprocess.PIPE) as program:
        broker = LiveBroker(program)
        program.line("FastAPI is being imported")
        with RawClient(*broker.kafka) as client:
            create_topic(client, "early")
            assert produce(client, "early", client_batch(b"before")) == "none"
            assert not [line for line in program.err if "ready: " in line]
            assert program.process.stdin is not None
            with program.process.stdin as stdin:
                stdin.write(b"go on\n")
            program.line("ready: ")
            assert produce(client, "early", client_batch(b"after")) == "none"
        records = requests.get(f"{broker.url}/v1/topics/early/records", timeout=10).json()["records"]
        assert [record["value"] for record in records] == ["before", "after"]


def test_what_a_client_asks_for_is_done_although_it_hangs_up_at_once(broker: LiveBroker) -> None:
    def shown(path: str) -> Any:
        return requests.get(f"{broker.url}/v1/{path}", timeout=10).json()

    with RawClient(*broker.kafka) as client:
        topics = [new(f"t{number}") for number in range(100)]
        client.send("create_topics", 5, topics=topics, timeout=1000, validate_only=False)
    wait_until(lambda: len(shown("topics")["topics"]) == len(topics), "all topics")
    with RawClient(*broker.kafka) as client:
        place = {"partition_index": 0, "committed_offset": 0, "committed_metadata": ""}
        client.send(
            "offset_commit", 8, group_id="g", generation_id_or_member_epoch=-1, member_id="",
            topics=[{"name": "t0", "partitions": [place]}],
        )  # fmt: skip
    wait_until(lambda: [group["name"] for group in shown("groups")["groups"]] == ["g"], "the group")


def test_an_idle_connection_is_closed_and_one_whose_fetch_waits_is_not() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--config", "connections.max.idle.ms=1") as program:
        broker = LiveBroker(program)
        with socket.create_connection(broker.kafka, timeout=30) as idle, RawClient(*broker.kafka) as busy:
            create_topic(busy, "quiet")
            assert fetch(busy, "quiet", max_wait_ms=2_500) == b""  # more than two sweeps later
            assert idle.recv(1) == b""


def test_many_half_sent_requests_cost_little_memory_and_harm_no_other() -> None:
    limits = ("--config", f"queued.max.request.bytes={16 * MIB}", "--config", f"socket.request.max.bytes={16 * MIB}")
    half = struct.pack(">i", 16 * MIB) + bytes(15 * MIB)
    with Program(BIN / "mini-kafka", *FREE_PORTS, *limits) as program, ExitStack() as hung:
        broker = LiveBroker(program)
        with RawClient(*broker.kafka) as client:
            create_topic(client, "bystander")
            before = broker.resident_bytes
            for _ in range(20):
                sender = hung.enter_context(socket.create_connection(broker.kafka, timeout=0.2))
                with suppress(OSError):  # it is read no further, or closed
                    sender.sendall(half)
            assert produce(client, "bystander", client_batch(bytes(900_000))) == "none"
            assert broker.resident_bytes - before < 100 * MIB  # and not 300
    assert not [line for line in program.err if "Traceback" in line]


def test_a_client_that_reads_nothing_of_its_answers_is_cut_off_and_others_go_on_reading() -> None:
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--stall-timeout", "1") as program:
        broker = LiveBroker(program)
        with RawClient(*broker.kafka) as client, RawClient(*broker.kafka) as deaf:
            create_topic(client, "wide")
            for _ in range(40):
                assert produce(client, "wide", client_batch(bytes(900_000))) == "none"
            deaf.send("fetch", 4, **fetch_request("wide"))
            program.line("closed: it has read nothing of its answers for 1 s")
            assert len(fetch(client, "wide")) > 30 * MIB


def test_damaged_requests_harm_neither_the_broker_nor_other_connections(broker: LiveBroker) -> None:
    damaged = frames(random.Random(8))
    resident_halfway = 0
    with RawClient(*broker.kafka) as bystander:
        create_topic(bystander, "bystander")
        for sent in range(0, FRAMES, FRAMES_A_CONNECTION):
            send_and_hang_up(broker.kafka, b"".join(islice(damaged, FRAMES_A_CONNECTION)))
            assert produce(bystander, "bystander", client_batch(b"still here")) == "none"
            if sent == FRAMES // 2:
                resident_halfway = broker.resident_bytes
    assert broker.resident_bytes - resident_halfway < MAY_GROW
    assert not [line for line in broker.program.err if "Traceback" in line or "failed on its request" in line]


@pytest.mark.parametrize("batch", [BOMB, GARBAGE], ids=["300 MB in 300 KB", "a valid CRC over garbage"])
def test_a_batch_that_cannot_be_read_is_kept_as_it_came_and_http_says_what_is_wrong(
    broker: LiveBroker, batch: bytes
) -> None:
    with RawClient(*broker.kafka) as client:
        create_topic(client, "odd")
        assert produce(client, "odd", batch) == "none"
        assert produce(client, "odd", client_batch(b"good")) == "none"
        records = requests.get(f"{broker.url}/v1/topics/odd/records", timeout=30).json()["records"]
        assert "decode_error" in records[0]
        assert records[1]["value"] == "good"
        assert produce(client, "odd", client_batch(b"later")) == "none"
    assert broker.resident_bytes < 300 * MIB
