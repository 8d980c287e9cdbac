"""What tests of a consumer group share: members that join and sync without ceremony, and the answers they got."""

from typing import Any

import pytest

from mini_kafka.core.consumer_group import ConsumerGroup
from mini_kafka.core.errors import BrokerError, MemberIdRequired
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Joined, JoinWish, Place, Protocol, Synced
from mini_kafka.core.memory_budget import MemoryBudget

SESSION_MS = 10_000
REBALANCE_MS = 60_000
RANGE = (Protocol("range", b"r"),)


class Inbox(list[Any]):
    """The answers to one call: none while it waits, and one afterwards."""

    @property
    def waits(self) -> bool:
        return not self

    def value(self) -> Any:
        """Give the one answer; a second one is a bug."""
        (answer,) = self
        return answer

    def joined(self) -> Joined:
        answer = self.value()
        assert isinstance(answer, Joined), answer
        return answer

    def synced(self) -> Synced:
        answer = self.value()
        assert isinstance(answer, Synced), answer
        return answer

    def refusal(self) -> type[BrokerError]:
        answer = self.value()
        assert isinstance(answer, BrokerError), answer
        return type(answer)


def wish(
    member_id: str = "",
    *,
    protocols: tuple[Protocol, ...] = RANGE,
    protocol_type: str = "consumer",
    instance_id: str | None = None,
    session_ms: int = SESSION_MS,
    rebalance_ms: int = REBALANCE_MS,
    takes_id_first: bool = False,
    skips_assignment: bool = True,
) -> JoinWish:
    return JoinWish(
        member_id, "client", "127.0.0.1", session_ms, rebalance_ms, protocol_type, protocols, instance_id,
        takes_id_first, skips_assignment,
    )  # fmt: skip


class GroupOnTrial:
    """A group under a clock that is moved by hand; each new member gets the id that the test gives it."""

    def __init__(self, limits: GroupLimits | None = None) -> None:
        self.now_ms = 1_000_000
        self.memory = MemoryBudget(2**40)
        self.group = ConsumerGroup("g", limits or GroupLimits(), self.memory)

    @property
    def state(self) -> str:
        return self.group.cycle.state

    @property
    def generation(self) -> int:
        return self.group.cycle.generation

    def join(self, new_id: str, wanted: JoinWish | None = None) -> Inbox:
        inbox = Inbox()
        self.group.join(self.now_ms, wanted or wish(), new_id, inbox.append)
        return inbox

    def again(self, member_id: str, **changes: Any) -> Inbox:
        return self.join("unused", wish(member_id, **changes))

    def pending(self, new_id: str) -> None:
        """Ask for an id, as clients since KIP-394 do."""
        with pytest.raises(MemberIdRequired) as required:
            self.join(new_id, wish(takes_id_first=True))
        assert required.value.member_id == new_id

    def sync(self, member_id: str, assignments: dict[str, bytes] | None = None, **changes: Any) -> Inbox:
        inbox = Inbox()
        self.group.sync(self.now_ms, self.place(member_id, **changes), (None, None), assignments or {}, inbox.append)
        return inbox

    def place(self, member_id: str, *, generation: int | None = None, instance_id: str | None = None) -> Place:
        return Place(member_id, self.generation if generation is None else generation, instance_id)

    def heartbeat(self, member_id: str, **changes: Any) -> None:
        self.group.heartbeat(self.now_ms, self.place(member_id, **changes))

    def advance(self, delay_ms: int) -> None:
        """Let time pass, and the group's deadlines come each at its time."""
        until_ms = self.now_ms + delay_ms
        while (deadline_ms := self.group.cycle.next_deadline_ms) is not None and deadline_ms <= until_ms:
            self.now_ms = max(self.now_ms, deadline_ms)
            self.group.cycle.expire(self.now_ms)
        self.now_ms = until_ms

    def stabilize(self, *member_ids: str) -> "GroupOnTrial":
        """Form a generation of these new members, the first of which leads."""
        inboxes = [self.join(member_id) for member_id in member_ids]
        self.advance(0)
        assert not any(inbox.waits for inbox in inboxes)
        for member_id in member_ids:
            self.sync(member_id, {each: each.encode() for each in member_ids})
        assert self.state == "Stable"
        return self
