"""The Docker engine by its command line: what a container prints, what it is, and how it ends."""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a container ended after `docker stop`."""

    exit_code: int
    seconds: float


def docker(*arguments: str) -> str:
    """Run `docker ARGUMENTS` and return what it printed on both streams, in their order.

    Raises:
        AssertionError: with everything that it said, where it did not end with 0.
    """
    command = ["docker", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def inspect(container: str) -> dict[str, Any]:
    """Read what the engine knows about a container or an image now."""
    (found,) = json.loads(docker("inspect", container))
    return dict(found)


def assert_locked_up(container: str) -> None:
    """Check what a container of any image may not do: gain privileges, or take all memory and processes."""
    host = inspect(container)["HostConfig"]
    assert host["CapDrop"] == ["ALL"], container
    assert not host["CapAdd"], container
    assert host["SecurityOpt"] == ["no-new-privileges:true"], container
    assert not host["Privileged"], container
    assert not host["Binds"], container
    assert host["Init"], container
    assert host["Memory"] > 0, container
    assert host["PidsLimit"] > 0, container


def assert_locked_up_as_ours(container: str) -> None:
    """Check that besides, as in our own images, its user is a number above 0 and its root is read-only."""
    assert_locked_up(container)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", inspect(container)["Config"]["User"]), container
    assert inspect(container)["HostConfig"]["ReadonlyRootfs"], container


def log_lines(container: str) -> list[str]:
    """Read what a container has printed on both streams."""
    return docker("logs", container).splitlines()


def stop(container: str) -> Stopped:
    """Stop a container as `docker stop` does, SIGTERM first, and tell how it ended."""
    started = time.monotonic()
    docker("stop", container)
    seconds = time.monotonic() - started
    return Stopped(inspect(container)["State"]["ExitCode"], seconds)
