"""The defaults that follow from what the machine or the container allows."""

import resource
from pathlib import Path

import pytest

from mini_kafka import machine
from mini_kafka.connection_limit import RESERVE
from mini_kafka.settings import BrokerSettings

GIB = 1024**3


@pytest.mark.parametrize(
    ("version_2", "version_1", "expected"),
    [
        (None, None, 1 * GIB),
        ("max\n", None, 1 * GIB),
        (f"{4 * GIB}\n", None, 2 * GIB),
        (None, f"{512 * 1024**2}\n", 256 * 1024**2),
        (None, "9223372036854771712\n", 1 * GIB),
    ],
)
def test_the_memory_limit_is_half_of_the_containers_or_one_gib(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version_2: str | None, version_1: str | None, expected: int
) -> None:
    files = (tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes")
    for file, text in zip(files, (version_2, version_1), strict=True):
        if text is not None:
            file.write_text(text)
    monkeypatch.setattr(machine, "CGROUP_LIMIT_FILES", files)
    assert BrokerSettings().memory_limit == expected


@pytest.mark.parametrize(
    ("hard", "expected"),
    [(1_048_576, 10_000), (resource.RLIM_INFINITY, 10_000), (4096, 3968), (256, 128), (64, 1)],
)
def test_the_limit_of_connections_is_what_the_open_files_leave(
    monkeypatch: pytest.MonkeyPatch, hard: int, expected: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (64, hard))
    assert BrokerSettings().max_connections == expected
    assert BrokerSettings(max_connections=7).max_connections == 7


def test_the_reserve_fits_into_the_files_that_are_kept_for_all_else() -> None:
    assert machine.OTHER_FILES >= RESERVE + 32
