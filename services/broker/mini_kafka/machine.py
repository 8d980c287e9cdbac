"""What the machine or the container allows, and the defaults that follow from it. It changes nothing there."""

import resource
from pathlib import Path

from pydantic import ByteSize

GIB = 1024**3
WITHOUT_CONTAINER_LIMIT = 1 * GIB
FILES_WITHOUT_HARD_LIMIT = 10_240
"""macOS names no hard limit, and takes this one."""
OTHER_FILES = 128
"""Open files that are no connections: the 64 in reserve, what listens, the loop's own, standard input and output."""
CGROUP_LIMIT_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def container_memory_limit() -> int | None:
    """Give the memory limit of the container that the broker runs in, in bytes, or None without one."""
    for path in CGROUP_LIMIT_FILES:
        try:
            limit = int(path.read_text())
        except (OSError, ValueError):
            continue  # not this version of cgroups, or "max"
        if limit < 2**60:  # version 1 writes "no limit" as almost 2**63
            return limit
    return None


def most_open_files() -> int:
    """Give the number of files that this process may ever have open: `bootstrap` raises its limit as far as it can."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return FILES_WITHOUT_HARD_LIMIT if hard == resource.RLIM_INFINITY else hard


def connections_that_fit(open_files: int) -> int:
    """Give the number of connections that leave enough open files for all else."""
    return max(1, open_files - OTHER_FILES)


def default_max_connections() -> int:
    """Take 10,000 connections, or as many as the limit of open files lets there be."""
    return min(10_000, connections_that_fit(most_open_files()))


def default_memory_limit() -> ByteSize:
    """Take half of the container's limit for the log; the other half is for Python, requests and answers."""
    limit = container_memory_limit()
    return ByteSize(WITHOUT_CONTAINER_LIMIT if limit is None else limit // 2)
