"""The demo's processes: each ends when it is asked, or is made to, and none is held up by lines that nobody reads."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.children import QUEUED_LINES, Children
from tests.integration.deadlines import wait_until

LONG_S = 30.0
STUBBORN = """
import os, signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
threading.Event().wait()
"""
TALKATIVE = f"""
import os, signal

def end(*_):
    os.write(1, b"last words\\n" * {20 * QUEUED_LINES})
    os._exit(7)

signal.signal(signal.SIGTERM, end)
print(os.getpid(), flush=True)
while True:
    print("x" * 100, flush=True)
"""


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    """Give children whose modules are the test's own."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Children()
    yield made
    made.kill()


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def start(children: Children, folder: Path, name: str, code: str) -> int:
    """Start a process that says its number first."""
    (folder / f"{name}.py").write_text(code)
    children.start(name, name)
    said = children.next_said(LONG_S)
    assert said
    assert said.line
    return int(said.line)


def test_a_process_that_does_not_end_when_it_is_asked_is_made_to(children: Children, tmp_path: Path) -> None:
    process_id = start(children, tmp_path, "stubborn", STUBBORN)

    children.stop(grace_s=0.1)

    assert not is_running(process_id)
    assert children.exit_code("stubborn") == -signal.SIGKILL


def test_kill_ends_every_process_at_once(children: Children, tmp_path: Path) -> None:
    numbers = [start(children, tmp_path, name, STUBBORN) for name in ("one", "two")]

    children.kill()

    codes = [children.exit_code(name) for name in ("one", "two")]
    assert codes == [-signal.SIGKILL] * 2
    assert not any(map(is_running, numbers))


def test_a_process_with_more_to_say_than_is_read_is_asked_and_ends_in_order(children: Children, tmp_path: Path) -> None:
    """Its output is read on while it ends: a full pipe would keep it from its last words."""
    start(children, tmp_path, "talkative", TALKATIVE)
    wait_until(lambda: children._said.full(), "nobody reads, and lines wait")

    children.stop(grace_s=5)

    assert children.exit_code("talkative") == 7
