"""How far a broker process grows at most under three loads, over the memory limit that it was given.

Peak resident memory (Linux's VmHWM), less what the idle broker had. The promise is 1.3 times MINI_KAFKA_MEMORY_LIMIT
for the log, and beside it a fixed part for requests on their way.

    python -m bench.memory_live
"""

import json
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import requests

from bench.servers import Server, mini_kafka

MIB = 1024**2
LIMIT = 256 * MIB
RECORDS = "/v1/topics/bench/records"
NDJSON = {"content-type": "application/x-ndjson"}
PIECE = MIB


def _lines(size: int, count: int) -> Iterator[bytes]:
    """Give `count` lines with values of `size` bytes, about a mebibyte at a time."""
    line = json.dumps({"value": "x" * size}).encode() + b"\n"
    at_once = max(PIECE // len(line), 1)
    while count > 0:
        yield line * min(at_once, count)
        count -= at_once


def _put(server: Server, retention_bytes: int) -> None:
    body = {"configs": {"retention.bytes": str(retention_bytes)}}
    requests.put(f"{server.url}/v1/topics/bench", json=body, timeout=60).raise_for_status()


def _post(server: Server, lines: Iterator[bytes]) -> int:
    answer = requests.post(server.url + RECORDS, data=lines, headers=NDJSON, timeout=600)
    return int(answer.json()["appended"])


def one_chunked_body(server: Server) -> str:
    """Send 300 MiB as one chunked body of lines of 1,000 bytes, more than the limit; retention keeps 64 MiB."""
    _put(server, 64 * MIB)
    return f"{_post(server, _lines(1000, 310_000)):,} lines in one body of 300 MiB, 64 MiB of them kept"


def stalled_reader(server: Server) -> str:
    """Produce 300 MiB while somebody has opened a stream of them and does not read; retention keeps 64 MiB."""
    _put(server, 64 * MIB)
    target = urlsplit(server.url)
    with socket.create_connection((target.hostname, target.port or 80)) as deaf:
        deaf.sendall(b"GET %s HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n" % RECORDS.encode())
        deaf.recv(1)
        return f"{_post(server, _lines(1000, 310_000)):,} lines beside a stream that nobody reads, 64 MiB kept"


def a_million_small_records(server: Server) -> str:
    """Produce a million records of 100 bytes as lines, all of them kept."""
    _put(server, -1)
    return f"{_post(server, _lines(100, 1_000_000)):,} records of 100 bytes, all kept"


def a_full_log(server: Server) -> str:
    """Produce records of 100 bytes until the broker refuses more."""
    _put(server, -1)
    return f"{_post(server, _lines(100, 4_000_000)):,} records of 100 bytes, then 429"


CASES: tuple[Callable[[Server], str], ...] = (one_chunked_body, stalled_reader, a_million_small_records, a_full_log)


def main() -> None:
    """Run and print."""
    print(f"peak growth of the broker process; the limit is {LIMIT // MIB} MiB")
    for case in CASES:
        with mini_kafka("--memory-limit", str(LIMIT)) as server:
            server.post("/topics/register", {"topic": "warm-up"})
            idle = server.resident_mib()
            done = case(server)
            grown = server.peak_mib() - idle
        print(f"  {grown:5.0f} MiB, {grown * MIB / LIMIT:4.2f} of the limit: {done}")


if __name__ == "__main__":
    main()
