"""What the tests of a group's member share."""

import logging
from collections.abc import Callable

import pytest

from mini_kafka_consumer import runner
from tests.support.group_broker import Run


@pytest.fixture
def make_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[..., Run]:
    """Give a function that prepares a run whose handler is the test's."""
    caplog.set_level(logging.INFO)

    def make(*values: str, **settings: object) -> Run:
        run = Run(*values, **settings)
        monkeypatch.setattr(runner, "handle", run.handle)
        return run

    return make
