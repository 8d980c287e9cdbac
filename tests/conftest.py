"""What every test run shares: Hypothesis' profiles, and what happens to Docker tests without an engine.

It holds no fixture: what only some tests need lives with them.
"""

import gc
import os
import shutil
import subprocess
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

# The tests stop what they start, in fixtures. testcontainers' own cleaning container would do that too, but
# its image comes from a registry, which not every machine that can run the tests reaches.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

# A busy machine is no finding: no deadline for an example, and no limit for making it.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", _patient, max_examples=10)
settings.register_profile("full", _patient, max_examples=200)
settings.load_profile("full")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the thousands of tests, which stay: it took a sixth of the time."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a `docker` test where Docker is missing, with the reason; fail it where CI=true forbids a skip.

    It runs before the other hooks, so that no fixture starts to build an image in vain.
    """
    if item.get_closest_marker("docker") is None:
        return
    if missing := _what_docker_misses():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI=true and {missing}", pytrace=False)
        pytest.skip(missing)


@cache
def _what_docker_misses() -> str:
    """Say in a sentence why tests with containers cannot run here; an empty string where they can."""
    if shutil.which("docker") is None:
        return "the command docker is not installed"
    for command, lacks in (
        (["docker", "version"], "the Docker engine does not answer"),
        (["docker", "compose", "version"], "Docker has no Compose v2"),
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        except subprocess.TimeoutExpired:
            return f"{lacks}: {' '.join(command)} took more than 20 s"
        if done.returncode != 0:
            return f"{lacks}: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
    return ""
