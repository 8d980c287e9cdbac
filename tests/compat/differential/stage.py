"""Where a script is played: names of its own, connections by name, and a note of every answer.

What differs from run to run is replaced: ids by the order in which they appear, the stage's own names by words.
"""

import re
import time
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from tests.compat.differential.raw_client import RawClient
from tests.compat.differential.script import Broker

_ID = re.compile(r"(?P<before>[\w.]*-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PATIENCE_S = 10


class Later:
    """An answer that is still to come."""

    def __init__(self, stage: "Stage", client: RawClient, api: str, version: int, correlation_id: int) -> None:
        self._stage = stage
        self._client = client
        self._what = api, version, correlation_id

    def answer(self, label: str) -> dict[str, Any]:
        return self._stage.note(label, self._client.receive(*self._what))


class Stage:
    """One run of one script against one broker."""

    def __init__(self, broker: Broker) -> None:
        self.notes: dict[str, Any] = {}
        self.group = f"group.{uuid4().hex[:12]}"
        self.topic = broker.topic("topic", 2)
        self.topic_id = broker.id_of(self.topic)
        self._broker = broker
        self._open = ExitStack()
        self._clients: dict[str, RawClient] = {}
        self._ids: dict[str, str] = {}

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _client(self, who: str) -> RawClient:
        if who not in self._clients:
            self._clients[who] = self._open.enter_context(self._broker.connect())
        return self._clients[who]

    def ask(
        self, label: str, api: str, version: int, *, who: str = "one", only: str | None = None, **values: Any
    ) -> dict[str, Any]:
        """Ask and note the answer; with `only`, of a list of groups only that one, because others are at work too."""
        answer = self._client(who).ask(api, version, **values)
        if only is not None:
            answer["groups"] = [group for group in answer["groups"] if group["group_id"] == only]
        return self.note(label, answer)

    def later(self, who: str, api: str, version: int, **values: Any) -> Later:
        """Ask, and let the answer come when it comes."""
        client = self._client(who)
        return Later(self, client, api, version, client.send(api, version, **values))

    def wait_for_state(self, state: str) -> None:
        """Wait until the group is in a state; whoever has to join waits on another connection."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            (group,) = self._client("watcher").ask(
                "describe_groups", 5, groups=[self.group], include_authorized_operations=False
            )["groups"]
            if group["group_state"] == state:
                return
        raise AssertionError(f"the group is still {group['group_state']}")

    def note(self, label: str, answer: dict[str, Any]) -> dict[str, Any]:
        assert label not in self.notes, label
        self.notes[label] = self._settle(answer)
        return answer

    def _settle(self, value: Any) -> Any:
        """Give a value as it is in every run."""
        if isinstance(value, dict):
            return {key: self._settle(item) for key, item in value.items() if key != "throttle_time"}
        if isinstance(value, list):
            return [self._settle(item) for item in value]
        if isinstance(value, bytes):
            return value.hex()
        if not isinstance(value, str):
            return value
        value = value.replace(self.group, "<group>").replace(self.topic, "<topic>")
        value = value.replace(str(self.topic_id), "<topic id>")
        if len(value) > 200:
            return f"{value[:10]}… ({len(value)} characters)"
        return _ID.sub(self._known_id, value)

    def _known_id(self, found: "re.Match[str]") -> str:
        known = self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>")
        return f"{found['before'] or ''}{known}"
