"""Kafka's group coordinator: members join, sync, send heartbeats and leave, and are gone when nothing is heard of them.

The rules are the core's, in `consumer_group` and `rebalance`. This room makes futures of the answers that members wait
for, draws their ids, and has one timer for all groups. What groups commit is `group_offsets`' affair.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from mini_kafka.core.consumer_group import ConsumerGroup
from mini_kafka.core.consumer_groups import ConsumerGroups
from mini_kafka.core.errors import BrokerError, BrokerStopping, InvalidGroupName, UnknownMember
from mini_kafka.core.group_member import Answer, Joined, JoinWish, Leaver, Place, Synced
from mini_kafka.core.rebalance import GroupState
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.deadlines import Deadlines
from mini_kafka.engine.group_values import ConsumerGroupDescription, ConsumerGroupMember
from mini_kafka.engine.port import Caller
from mini_kafka.engine.shared_groups import SharedGroups

SWEEP_MS = 600_000
"""How often a group is looked at for offsets that are too old (Kafka's offsets.retention.check.interval.ms)."""

T = TypeVar("T")


class GroupCoordinator:
    """The groups of Kafka clients at work."""

    def __init__(self, clock: Clock, groups: ConsumerGroups, shared: SharedGroups) -> None:
        self._clock = clock
        self._groups = groups
        self._shared = shared
        self._deadlines: Deadlines[ConsumerGroup] = Deadlines(clock, self._expire)
        self._sweeps: Deadlines[str] = Deadlines(clock, self._sweep)
        self._waiting: set[asyncio.Future[Any]] = set()
        self._closed = False

    async def join(self, caller: Caller, name: str, wish: JoinWish) -> Joined:
        """Let a member join a group, and wait until all have joined.

        Raises:
            InvalidGroupName, InvalidSessionTimeout, GroupFull, InconsistentGroupProtocol, UnknownMember, MemberFenced,
            GroupKindConflict, GroupLimitReached, GroupMemoryReached, BrokerStopping: it is not in.
            MemberIdRequired: it has to join again with the id that this names.
            RebalanceInProgress: it has joined once more meanwhile, and that call is answered.
        """
        if not name:
            raise InvalidGroupName
        self._groups.check_session(wish.session_timeout_ms)
        known = self._groups.find(name)
        if known is None and wish.member_id:
            raise UnknownMember(name, wish.member_id)
        if known is None or not len(known.members):
            self._shared.make_way_for_members(name)
        group = self.open(name)
        new_id = f"{wish.client_id if wish.instance_id is None else wish.instance_id}-{uuid4()}"
        now_ms = self._clock.now_ms()
        return await self._answered(group, lambda answer: group.join(now_ms, wish, new_id, answer))

    def open(self, name: str) -> ConsumerGroup:
        """Give a group, and make it if it is not there; its offsets are looked at now and then.

        Raises:
            GroupLimitReached, GroupMemoryReached: it would be one group too many.
        """
        known = self._groups.find(name)
        if known is not None:
            return known
        dropped = self._groups.make_room()
        if dropped is not None:
            self._deadlines.set(dropped, None)
            self._sweeps.set(dropped.name, None)
        group = self._groups.open(name)
        self._sweeps.set(name, self._clock.now_ms() + SWEEP_MS)
        return group

    async def sync(
        self,
        caller: Caller,
        name: str,
        place: Place,
        protocol: tuple[str | None, str | None],
        assignments: Mapping[str, bytes],
    ) -> Synced:
        """Take a leader's assignments, by member id, and give a member its own when they are there.

        `protocol` is the protocol type and the protocol that the member believes in, where it says so.

        Raises:
            InvalidGroupName, UnknownMember, MemberFenced, IllegalGeneration, InconsistentGroupProtocol, BrokerStopping:
                it is not in this generation.
            RebalanceInProgress: it has to join again, or it has synced once more meanwhile and that call is answered.
        """
        group = self._group(name, place.member_id)
        now_ms = self._clock.now_ms()
        return await self._answered(group, lambda answer: group.sync(now_ms, place, protocol, assignments, answer))

    def heartbeat(self, caller: Caller, name: str, place: Place) -> None:
        """Take note that a member is there.

        Raises:
            InvalidGroupName, UnknownMember, MemberFenced, IllegalGeneration: it is not in this generation.
            RebalanceInProgress: it is noted, and has to join again.
        """
        self._group(name, place.member_id).heartbeat(self._clock.now_ms(), place)

    def leave(self, caller: Caller, name: str, leavers: Sequence[Leaver]) -> Sequence[BrokerError | None]:
        """Let members go, and say for each whether it went or why not.

        Raises:
            InvalidGroupName, UnknownMember: there is no such group.
        """
        group = self._group(name, leavers[0].member_id if leavers else "")
        results = group.leave(self._clock.now_ms(), leavers)
        self._changed(group)
        return results

    def describe(self, caller: Caller, name: str) -> ConsumerGroupDescription | None:
        """Show a group as its clients know it, or None where no Kafka client has made one."""
        group = self._groups.find(name)
        if group is None:
            return None
        cycle = group.cycle
        stable = cycle.state is GroupState.STABLE
        protocol = (cycle.protocol or "") if stable else ""
        members = tuple(
            ConsumerGroupMember(
                member.member_id,
                member.instance_id,
                member.wish.client_id,
                member.wish.client_host,
                member.metadata(protocol) if stable else b"",
                member.assignment,
            )
            for member in group.members
        )
        return ConsumerGroupDescription(cycle.state, cycle.protocol_type or "", protocol, members)

    def close(self) -> None:
        """End all waiting, and let nobody time out any more."""
        self._closed = True
        self._deadlines.close()
        self._sweeps.close()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(BrokerStopping())

    def _group(self, name: str, member_id: str) -> ConsumerGroup:
        if not name:
            raise InvalidGroupName
        group = self._groups.find(name)
        if group is None:
            raise UnknownMember(name, member_id)
        return group

    async def _answered(self, group: ConsumerGroup, ask: Callable[[Answer[T]], None]) -> T:
        """Ask a group, and wait for its answer; a caller that hangs up stays a member until its session is over."""
        if self._closed:
            raise BrokerStopping
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            ask(lambda answer: _settle(waiting, answer))
        finally:
            self._changed(group)
        self._waiting.add(waiting)
        try:
            return await waiting
        finally:
            self._waiting.discard(waiting)

    def _changed(self, group: ConsumerGroup) -> None:
        self._deadlines.set(group, group.cycle.next_deadline_ms)
        self.forget_unused(group.name)

    def forget_unused(self, name: str) -> None:
        """Let go of a group that a refused call has made, or that gave an id out with which nobody came."""
        if self._groups.forget_unused(name):
            self._sweeps.set(name, None)

    def _expire(self, group: ConsumerGroup) -> None:
        group.cycle.expire(self._clock.now_ms())
        self._changed(group)

    def _sweep(self, name: str) -> None:
        now_ms = self._clock.now_ms()
        if self._groups.expire(now_ms, name):
            self._sweeps.set(name, now_ms + SWEEP_MS)


def _settle(waiting: "asyncio.Future[T]", answer: T | BrokerError) -> None:
    if waiting.done():  # its client has hung up
        return
    if isinstance(answer, BrokerError):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
