"""How a client writes down what it does: an event when an operation is invoked, and one when it has returned.

Events are lines of JSON, so that what a client wrote before it was killed is kept. An operation is named by what is
known when it is invoked; `Pending.returned` adds the rest. `read` makes operations of events: one that has no second
event is one whose answer was lost, or, where it only looked, nothing.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.checker.history import (
    Acquire,
    Append,
    Assigned,
    Commit,
    Committed,
    Fetch,
    Held,
    Leave,
    Operation,
    Origin,
    Payload,
    Place,
    Seen,
    Settle,
    Settlement,
    Watermark,
)

Write = Callable[[str], None]


class Journal:
    """What one client writes down; `now_ns` is the clock that all clients share."""

    def __init__(self, client: str, now_ns: Callable[[], int], write: Write) -> None:
        self.client = client
        self._now_ns = now_ns
        self._write = write
        self._numbers = count()

    def invoke(self, kind: str, **facts: Any) -> "Pending":
        """Write down that an operation begins."""
        number = next(self._numbers)
        self._event(number, kind=kind, **facts)
        return Pending(self, number)

    def _event(self, number: int, **facts: Any) -> None:
        event = {"client": self.client, "number": number, "ns": self._now_ns(), **facts}
        self._write(json.dumps(event, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation that was invoked."""

    journal: Journal
    number: int

    def again(self) -> None:
        """Write down that the same request is sent once more."""
        self.journal._event(self.number, again=True)

    def returned(self, **facts: Any) -> None:
        """Write down what the answer said."""
        self.journal._event(self.number, answer=facts)


def read(lines: Iterable[str]) -> list[Operation]:
    """Make operations of the events of any number of clients; a last line that was cut off is passed over."""
    begun: dict[tuple[str, int], dict[str, Any]] = {}
    ended: dict[tuple[str, int], tuple[int, dict[str, Any]]] = {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            if line.endswith("}"):
                raise
            continue
        key = event.pop("client"), event.pop("number")
        if "answer" in event:
            ended[key] = event["ns"], event["answer"]
        elif "again" in event:
            begun[key]["sent"] = begun[key].get("sent", 1) + 1
        else:
            begun[key] = event
    operations = []
    for key, facts in begun.items():
        kind, invoked_ns = facts.pop("kind"), facts.pop("ns")
        returned_ns, answer = ended.get(key, (None, {}))
        if returned_ns is not None or kind not in _ONLY_LOOK:
            operations += _MAKE[kind](key[0], invoked_ns, returned_ns, **facts, **answer)
    return operations


def _append(
    client: str, invoked: int, returned: int | None, *,
    topic: str, payloads: list[Any], once: bool, sent: int = 1, places: list[Any] | None = None,
) -> list[Operation]:  # fmt: skip
    made = tuple(Payload(*payload) for payload in payloads)
    found = None if places is None else tuple(None if place is None else Place(*place) for place in places)
    return [Append(client, invoked, returned, topic, made, found, once, sent)]


def _fetch(client: str, invoked: int, returned: int, *, topic: str, partitions: list[Any]) -> list[Operation]:
    return [
        Fetch(client, invoked, returned, topic, number, start, following, tuple(map(_seen, records)), at_end)
        for number, start, following, records, at_end in partitions
    ]


def _seen(record: list[Any]) -> Seen:
    offset, payload, key, origin = record
    return Seen(offset, payload, key, None if origin is None else Origin(*origin))


def _watermark(client: str, invoked: int, returned: int, *, topic: str, offsets: list[int]) -> list[Operation]:
    return [Watermark(client, invoked, returned, topic, number, offset) for number, offset in enumerate(offsets)]


def _acquire(
    client: str, invoked: int, returned: int | None, *,
    group: str, member: str, lock_ms: int, records: list[Any] | None = None,
) -> list[Operation]:  # fmt: skip
    held = None if records is None else tuple(Held(*record) for record in records)
    return [Acquire(client, invoked, returned, group, member, lock_ms, held)]


def _settle(
    client: str, invoked: int, returned: int | None, *,
    group: str, settlements: list[Any], expired: list[str] | None = None,
) -> list[Operation]:  # fmt: skip
    said = tuple(Settlement(*settlement) for settlement in settlements)
    return [Settle(client, invoked, returned, group, said, None if expired is None else frozenset(expired))]


def _leave(client: str, invoked: int, returned: int | None, *, group: str, member: str) -> list[Operation]:
    return [Leave(client, invoked, returned, group, member)]


def _commit(
    client: str, invoked: int, returned: int | None, *,
    group: str, tenure: int, offsets: list[Any], refused: list[Any] | None = None,
) -> list[Operation]:  # fmt: skip
    wrong = {tuple(place) for place in refused or ()}
    return [
        Commit(client, invoked, None if (topic, number) in wrong else returned, group, tenure, topic, number, offset)
        for topic, number, offset in offsets
    ]


def _committed(client: str, invoked: int, returned: int, *, group: str, offsets: list[Any]) -> list[Operation]:
    return [Committed(client, invoked, returned, group, *place) for place in offsets]


def _assigned(
    client: str, invoked: int, _: int | None, *, group: str, tenure: int, partitions: list[Any]
) -> list[Operation]:
    return [Assigned(client, invoked, group, tenure, tuple((topic, number) for topic, number in partitions))]


_ONLY_LOOK = {"fetch", "watermark", "committed"}
_MAKE: dict[str, Callable[..., list[Operation]]] = {
    "append": _append,
    "fetch": _fetch,
    "watermark": _watermark,
    "acquire": _acquire,
    "settle": _settle,
    "leave": _leave,
    "commit": _commit,
    "committed": _committed,
    "assigned": _assigned,
}
