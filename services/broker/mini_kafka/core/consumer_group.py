"""A consumer group of the classic protocol: who may join, sync, send heartbeats, commit and leave.

It follows `ClassicGroup` and `GroupMetadataManager` of Apache Kafka 4.3.1: whoever joins waits until all members have
joined, whoever syncs waits for the leader's assignment (`rebalance`). Waiting is a callback here, and time a parameter.
Offsets are not here, only who may commit them.
"""

from collections.abc import Iterable, Mapping, Sequence

from mini_kafka.core.errors import (
    BrokerError,
    GroupFull,
    IllegalGeneration,
    InconsistentGroupProtocol,
    MemberFenced,
    MemberIdRequired,
    RebalanceInProgress,
    UnknownMember,
)
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Answer, Joined, JoinWish, Leaver, Member, Place, Synced
from mini_kafka.core.group_members import GroupMembers
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.rebalance import GroupState, RebalanceCycle

NEW_MEMBER_MS = 300_000
"""How long somebody who has no id yet may wait for a join: it cannot send heartbeats (Kafka's five minutes)."""


class ConsumerGroup:
    """A group, from its first member to its end."""

    def __init__(self, name: str, limits: GroupLimits, memory: MemoryBudget) -> None:
        self.name = name
        self.members = GroupMembers(name, memory)
        self.cycle = RebalanceCycle(name, self.members, limits)
        self._max_size = limits.max_size

    def join(self, now_ms: int, wish: JoinWish, new_id: str, answer: Answer[Joined]) -> None:
        """Let somebody join, as `new_id` if it is new; the answer comes when everybody has joined.

        Raises:
            GroupFull, InconsistentGroupProtocol, GroupMemoryReached, UnknownMember, MemberFenced: it is not in.
            MemberIdRequired: it has to join again with the id that this names.
        """
        if not self._has_room(wish.member_id):
            self.cycle.drop(wish.member_id)
            raise GroupFull(self.name, self._max_size)
        if not self._fits(wish):
            kinds = ", ".join(protocol.name for protocol in wish.protocols)
            raise InconsistentGroupProtocol(self.name, f"{wish.protocol_type} ({kinds})", self._agreed())
        old_id = None if wish.instance_id is None else self.members.static_id(wish.instance_id)
        self.members.check_memory(wish, wish.member_id or old_id or "")
        if wish.member_id:
            self._join_again(now_ms, wish, answer)
        elif old_id is not None:
            self._replace(now_ms, self.members[old_id], new_id, wish, answer)
        elif wish.instance_id is None and wish.takes_id_first:
            if len(self.members.pending) >= self._max_size:  # Kafka gives out ids without end
                raise GroupFull(self.name, self._max_size)
            deadline_ms = now_ms + wish.session_timeout_ms
            self.members.give_out(new_id, deadline_ms)
            self.cycle.watch(deadline_ms)
            raise MemberIdRequired(self.name, new_id)
        else:
            self._add(now_ms, new_id, wish, answer)

    def _has_room(self, member_id: str) -> bool:
        """Tell whether somebody may join; while all join again, those who come first stay."""
        if self.cycle.state is GroupState.EMPTY:
            return True
        if self.cycle.state is GroupState.PREPARING_REBALANCE:
            waits = member_id in self.members and self.members[member_id].join_answer is not None
            return waits or len(self.members) < self._max_size or self.members.waiting_to_join < self._max_size
        return member_id in self.members or len(self.members) < self._max_size

    def _fits(self, wish: JoinWish) -> bool:
        if self.cycle.state is GroupState.EMPTY:
            return bool(wish.protocol_type and wish.protocols)
        return wish.protocol_type == self.cycle.protocol_type and self.members.share_protocol(wish.protocols)

    def _agreed(self) -> str:
        return f"{self.cycle.protocol_type or 'no protocol type'} ({self.cycle.protocol or 'no protocol yet'})"

    def _join_again(self, now_ms: int, wish: JoinWish, answer: Answer[Joined]) -> None:
        if wish.member_id in self.members.pending and wish.instance_id is None:
            self._add(now_ms, wish.member_id, wish, answer)
            return
        member = self.members.check(wish.member_id, wish.instance_id)
        same = member.wish.protocols == wish.protocols
        follows = self.members.leader != wish.member_id
        state = self.cycle.state
        if same and (state is GroupState.COMPLETING_REBALANCE or (state is GroupState.STABLE and follows)):
            answer(self.cycle.joined(member))  # perhaps it never got its answer
        else:  # a leader joins again to have partitions that are new assigned, too
            self._update(member, wish, answer)
            self.cycle.rebalance_or_complete(now_ms)

    def _add(self, now_ms: int, member_id: str, wish: JoinWish, answer: Answer[Joined]) -> None:
        if not self.members:
            self.cycle.protocol_type = wish.protocol_type
        self.cycle.welcome()
        member = self.members.add(member_id, wish)
        member.join_answer = answer
        self.cycle.expect(member, now_ms + NEW_MEMBER_MS)
        self.cycle.rebalance_or_complete(now_ms)

    def _update(self, member: Member, wish: JoinWish, answer: Answer[Joined]) -> None:
        member.answer_join(RebalanceInProgress(self.name))  # an earlier join of its own, which it gave up
        self.members.update(member, wish)
        member.join_answer = answer

    def _replace(self, now_ms: int, old: Member, new_id: str, wish: JoinWish, answer: Answer[Joined]) -> None:
        """Let a static member that started anew take its own place; a stable group stays as it is (KIP-345)."""
        leader = self.members.leader
        fenced = MemberFenced(self.name, old.member_id, wish.instance_id or "")
        old.answer_join(fenced)
        old.answer_sync(fenced)
        member = self.members.replace(old, new_id)
        self.cycle.rename(old.member_id, new_id)
        self._update(member, wish, answer)
        self.cycle.expect(member, now_ms + wish.session_timeout_ms)
        if self.cycle.state is not GroupState.STABLE or self.members.elect_protocol() != self.cycle.protocol:
            self.cycle.rebalance_or_complete(now_ms)
        elif wish.skips_assignment:
            member.answer_join(self.cycle.joined(member, skip_assignment=self.members.leader == new_id))
        else:  # an old client that leads is told of its earlier self, or it would assign anew for nothing
            member.answer_join(self.cycle.joined(member, leader=leader))

    def sync(
        self,
        now_ms: int,
        place: Place,
        protocol: tuple[str | None, str | None],
        assignments: Mapping[str, bytes],
        answer: Answer[Synced],
    ) -> None:
        """Take a leader's assignments, by member id, and answer with the member's own when they are there.

        `protocol` is the protocol type and the protocol that the member believes in, where it says so.

        Raises:
            UnknownMember, MemberFenced, IllegalGeneration, InconsistentGroupProtocol: it is not in this generation.
            GroupMemoryReached: there is no memory for the assignments.
            RebalanceInProgress: it has to join again.
        """
        member = self._check(place)
        for said, known in zip(protocol, (self.cycle.protocol_type, self.cycle.protocol), strict=True):
            if said is not None and known is not None and said != known:
                raise InconsistentGroupProtocol(self.name, said, self._agreed())
        if self.cycle.state is GroupState.PREPARING_REBALANCE:
            raise RebalanceInProgress(self.name)
        leads = self.cycle.state is GroupState.COMPLETING_REBALANCE and self.members.leader == place.member_id
        if leads:
            self.members.check_assignments(assignments)
        self.cycle.has_synced(place.member_id)
        if self.cycle.state is GroupState.STABLE:
            answer(self.cycle.synced(member))
            return
        member.answer_sync(RebalanceInProgress(self.name))  # an earlier sync of its own, which it gave up
        member.sync_answer = answer
        if leads:
            self.cycle.assign(now_ms, assignments)

    def heartbeat(self, now_ms: int, place: Place) -> None:
        """Take note that a member is there.

        Raises:
            UnknownMember, MemberFenced, IllegalGeneration: it is not in this generation.
            RebalanceInProgress: it is noted, and has to join again.
        """
        self._hear(now_ms, self._check(place))
        if self.cycle.state is GroupState.PREPARING_REBALANCE:
            raise RebalanceInProgress(self.name)

    def leave(self, now_ms: int, leavers: Iterable[Leaver]) -> Sequence[BrokerError | None]:
        """Let members go, and say for each whether it went or why not."""
        results = [self._leave(leaver) for leaver in leavers]
        if None in results:
            self.cycle.rebalance_or_complete(now_ms)
        return results

    def _leave(self, leaver: Leaver) -> BrokerError | None:
        member_id, instance_id = leaver
        if not member_id and instance_id is not None:
            member_id = self.members.static_id(instance_id) or ""
        if member_id not in self.members.pending:
            try:
                self.members.check(member_id, instance_id)
            except (UnknownMember, MemberFenced) as error:
                return error
        self.cycle.drop(member_id)
        return None

    def check_commit(self, now_ms: int, place: Place) -> None:
        """Refuse a commit of somebody who is not in this generation; that of a member is a sign of life.

        Without a generation it is the commit of an admin or of a consumer that assigns itself: nobody else may be in.

        Raises:
            UnknownMember, MemberFenced, IllegalGeneration, RebalanceInProgress: it must not commit.
        """
        if place.generation < 0 and self.cycle.state is GroupState.EMPTY:
            return
        member = self._check(place)
        if self.cycle.state is GroupState.COMPLETING_REBALANCE:
            raise RebalanceInProgress(self.name)
        self._hear(now_ms, member)

    @property
    def never_had_members(self) -> bool:
        """Whether nobody has joined yet; ids may have been given out."""
        return self.cycle.protocol_type is None

    def end(self) -> None:
        """Mark a group that is taken away; it has to be empty."""
        self.cycle.enter(0, GroupState.DEAD)
        self.members.clear()

    def _check(self, place: Place) -> Member:
        member = self.members.check(place.member_id, place.instance_id)
        if place.generation != self.cycle.generation:
            raise IllegalGeneration(self.name, place.generation, self.cycle.generation)
        return member

    def _hear(self, now_ms: int, member: Member) -> None:
        self.cycle.expect(member, now_ms + member.wish.session_timeout_ms)
