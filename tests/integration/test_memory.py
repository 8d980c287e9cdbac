"""The memory budget as a process keeps it: what the broker grows by, at most, when its log is full.

`bench/memory_live.py` shows the figures of larger loads; here is what must hold.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.programs import BIN, FREE_PORTS, Program

MIB = 1024 * 1024
LIMIT = 64 * MIB
FIXED = 32 * MIB
"""For the request that is on its way, and what the interpreter keeps of it."""


@pytest.mark.parametrize("size", [10, 1000])
def test_a_log_that_is_full_takes_no_more_than_the_promised_part_over_its_limit(size: int) -> None:
    line = json.dumps({"value": "x" * size}).encode() + b"\n"

    def lines() -> Iterator[bytes]:
        for _ in range(2 * LIMIT // MIB):
            yield line * (MIB // len(line))

    with Program(BIN / "mini-kafka", *FREE_PORTS, "--memory-limit", str(LIMIT)) as program:
        address = program.line(r"^listening http=(\S+)")[1]
        url = f"http://{address}/v1/topics/t/records"
        requests.post(url, data=b"first", timeout=60).raise_for_status()
        idle = peak_bytes(program)
        answer = requests.post(url, data=lines(), headers={"content-type": "application/x-ndjson"}, timeout=60)
        assert answer.status_code == 429
        assert answer.json()["appended"] * size > LIMIT / 4
        assert peak_bytes(program) - idle <= 1.3 * LIMIT + FIXED
        read = requests.get(f"{url}?from=-1", timeout=60).json()
        assert read["records"][0]["offset"] == answer.json()["appended"]


def peak_bytes(program: Program) -> int:
    """Give the most resident memory that the process ever had."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
