"""`make up`, `make logs`, `make ps` and `make down`: from a build by compose to an empty table."""

import os
import re
import uuid
from collections.abc import Iterator

import pytest
import requests

from tests.integration.programs import Program, make
from tests.integration.stack import IMAGE_TAG, free_port

pytestmark = pytest.mark.docker


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the stack that make starts in the repository a name and a port of its own, and take it down."""
    name = f"mini-kafka-test-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", name)
    monkeypatch.setenv("IMAGE_TAG", IMAGE_TAG)
    monkeypatch.setenv("PUBLISHED_HTTP", "127.0.0.1:0")
    monkeypatch.setenv("PUBLISHED_KAFKA", f"127.0.0.1:{free_port()}")
    yield name
    make("down")


def test_make_up_builds_and_starts_what_make_down_removes(project: str) -> None:
    url = re.search(r"answers on (http://\S+);", make("up"))
    assert url
    assert requests.get(f"{url[1]}/health", timeout=5).json() == {"status": "ok"}
    table = make("ps")
    assert all(f"{project}-{service}-1" in table for service in ("broker", "producer", "consumer"))
    with Program("make", "logs", env=dict(os.environ)) as logs:
        logs.line(r"consumer-1 .* got  demo@\d+")

    make("down")

    assert project not in make("ps")
