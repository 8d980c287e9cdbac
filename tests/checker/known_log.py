"""What lies where, put together from all acknowledgements and all reads of a history.

Building it finds what contradicts: two payloads at one place, and what was read though nobody had sent it.
"""

from collections import defaultdict
from dataclasses import dataclass

from tests.checker.history import Acquire, Append, Fetch, History, Origin, Partition, Payload
from tests.checker.violations import Rule, Violation


@dataclass(slots=True)
class Known:
    """A record at a place: when its append was invoked, and when somebody first knew that it lies there."""

    payload: str
    key: str | None
    invoked_ns: int
    known_ns: int


@dataclass(slots=True)
class Sent:
    """A payload, and the request that it was sent in."""

    append: Append
    payload: Payload
    refused: bool

    @property
    def copies(self) -> int:
        """Count how often it may lie in the log."""
        return 0 if self.refused else 1 if self.append.once else self.append.sent


class KnownLog:
    """All records that anybody knows of, by partition and offset, and `violations` that were found on the way."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.violations: list[Violation] = []
        self.sent: dict[str, Sent] = {}
        self.partitions: defaultdict[Partition, dict[int, Known]] = defaultdict(dict)
        self.dead: defaultdict[Origin, set[tuple[str, int, int]]] = defaultdict(set)
        """By origin, the places in dead-letter topics."""
        self._collect_sent()
        self._collect_read()

    def _collect_sent(self) -> None:
        for append in self.history.operations:
            if not isinstance(append, Append):
                continue
            for index, payload in enumerate(append.payloads):
                place = append.places[index] if append.places is not None else None
                if payload.id in self.sent:
                    raise ValueError(f"payload {payload.id!r} was sent by two requests: the clients are wrong")
                self.sent[payload.id] = Sent(append, payload, refused=append.places is not None and place is None)
                if place is not None and append.returned_ns is not None:
                    where = (append.topic, place.partition)
                    if payload.partition not in {None, place.partition}:
                        self._report(Rule.ONE_OFFSET, f"{payload} was put into partition {place.partition}")
                    self._learn(where, place.offset, payload.id, payload.key, append.invoked_ns, append.returned_ns)

    def _collect_read(self) -> None:
        for operation in self.history.operations:
            if isinstance(operation, Fetch):
                where = (operation.topic, operation.partition)
                for seen in operation.records:
                    if seen.origin is not None:
                        self._bury(where, seen.offset, seen.origin)
                        source = (seen.origin.topic, seen.origin.partition)
                        self._read(source, seen.origin.offset, seen.payload, seen.key, operation.returned_ns)
                    else:
                        self._read(where, seen.offset, seen.payload, seen.key, operation.returned_ns)
            elif isinstance(operation, Acquire) and operation.returned_ns is not None:
                for held in operation.records or ():
                    where = (held.topic, held.partition)
                    self._read(where, held.offset, held.payload, held.key, operation.returned_ns)

    def _bury(self, where: Partition, offset: int, origin: Origin) -> None:
        self.dead[origin].add((*where, offset))

    def _read(self, where: Partition, offset: int, payload: str, key: str | None, returned_ns: int) -> None:
        sent = self.sent.get(payload)
        wrong = (
            "nobody sent it" if sent is None
            else "it was refused" if sent.refused
            else f"it was sent to {sent.append.topic}" if sent.append.topic != where[0]
            else f"it was sent to {sent.payload}" if sent.payload.partition not in {None, where[1]}
            else f"it was sent with the key {sent.payload.key!r}" if sent.payload.key != key
            else "it was sent only later" if sent.append.invoked_ns > returned_ns
            else None
        )  # fmt: skip
        if sent is None or wrong:
            self._report(Rule.SENT, f"{payload!r} with the key {key!r} was read at {where}@{offset}, and {wrong}")
        else:
            self._learn(where, offset, payload, key, sent.append.invoked_ns, returned_ns)

    def _learn(
        self, where: Partition, offset: int, payload: str, key: str | None, invoked_ns: int, known_ns: int
    ) -> None:
        known = self.partitions[where].get(offset)
        if known is None:
            self.partitions[where][offset] = Known(payload, key, invoked_ns, known_ns)
        elif known.payload != payload:
            self._report(Rule.ONE_OFFSET, f"{where}@{offset} is {known.payload!r}, and then {payload!r}")
        else:
            known.known_ns = min(known.known_ns, known_ns)

    def _report(self, rule: Rule, text: str) -> None:
        self.violations.append(Violation(rule, text))
