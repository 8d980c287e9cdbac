"""The cycle of a consumer group: a rebalance begins, members join, a generation begins, its leader assigns.

It follows `GroupMetadataManager` of Apache Kafka 4.3.1. Who may ask for what is `consumer_group`'s question; this room
knows the states, the answers that members wait for, and the deadlines. Time is a parameter: `next_deadline_ms` says
when `expire` is to be called.

    Empty ──► PreparingRebalance ──► CompletingRebalance ──► Stable
      ▲          │   ▲      ▲                 │                │
      └──────────┘   │      └─────────────────┘                │
                     └─────────────────────────────────────────┘
"""

from collections.abc import Mapping
from enum import StrEnum

from mini_kafka.core.errors import BrokerError, RebalanceInProgress, UnknownMember
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Joined, JoinedMember, Member, Synced
from mini_kafka.core.group_members import GroupMembers

LEAST_RETRY_MS = 1_000
"""How long a rebalance that nobody has joined waits at least, whatever its members ask for: no time would be a spin."""


class GroupState(StrEnum):
    """The states of a group, in Kafka's words."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


NEXT: Mapping[GroupState, frozenset[GroupState]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.PREPARING_REBALANCE: frozenset({GroupState.COMPLETING_REBALANCE, GroupState.EMPTY}),
    GroupState.COMPLETING_REBALANCE: frozenset({GroupState.PREPARING_REBALANCE, GroupState.STABLE}),
    GroupState.STABLE: frozenset({GroupState.PREPARING_REBALANCE}),
    GroupState.DEAD: frozenset(),
}
"""Where a group can go from each state; only an empty group can be taken away."""


class RebalanceCycle:
    """The state of a group, its generation, and who has joined and synced in it."""

    def __init__(self, group: str, members: GroupMembers, limits: GroupLimits) -> None:
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol: str | None = None
        """What the members of this generation have agreed on."""
        self.protocol_type: str | None = None
        """What the group is for, as its members say: `consumer`, `connect`, …; None while it never had one."""
        self.empty_since_ms = 0
        self.next_deadline_ms: int | None = None
        """When `expire` is to be called; perhaps too early, because a heartbeat only moves its own deadline."""
        self._group = group
        self._members = members
        self._delay_ms = limits.initial_rebalance_delay_ms
        self._initial = False
        self._newcomers = False
        self._initial_left_ms = 0
        self._phase_deadline_ms: int | None = None
        self._to_sync: set[str] = set()

    def enter(self, now_ms: int, state: GroupState) -> None:
        """Go from one state to the next."""
        if state not in NEXT[self.state]:
            raise AssertionError(f"a group cannot go from {self.state} to {state}")
        self.state = state
        if state is GroupState.EMPTY:
            self.empty_since_ms = now_ms

    def welcome(self) -> None:
        """Take note of a new member: a group's first rebalance waits a little longer for the next."""
        self._newcomers = self._initial

    def rebalance_or_complete(self, now_ms: int) -> None:
        """Begin a rebalance where none is under way, and end one that everybody has joined.

        The first one of an empty group waits for its delay, so that members who start together get one generation.
        """
        if self.state is GroupState.PREPARING_REBALANCE:
            if not self._initial and self._members.all_joined:
                self._complete(now_ms)
        elif self.state is not GroupState.EMPTY or self._members:
            self.prepare(now_ms)

    def prepare(self, now_ms: int) -> None:
        """Begin a rebalance: everybody has to join again, and who waits for an assignment is told so."""
        self._initial = self.state is GroupState.EMPTY
        if self.state is GroupState.COMPLETING_REBALANCE:
            for member in self._members:
                self._members.assign(member, b"")
            self._answer_syncs(now_ms, RebalanceInProgress(self._group))
        self._to_sync.clear()
        self._phase_deadline_ms = None
        self.enter(now_ms, GroupState.PREPARING_REBALANCE)
        if self._initial:
            self._newcomers = False
            self._initial_left_ms = max(self._members.rebalance_timeout_ms - self._delay_ms, 0)
            self._await_phase(now_ms + self._delay_ms)
        elif self._members.all_joined:
            self._complete(now_ms)
        else:
            self._await_phase(now_ms + self._members.rebalance_timeout_ms)

    def _complete(self, now_ms: int) -> None:
        """Begin the next generation with who has joined; a static member may be late until its session is over."""
        self._phase_deadline_ms = None
        for member in self._members:
            if member.join_answer is None and member.instance_id is None:
                self.drop(member.member_id)
        if self._members and not self._members.elect_joined_leader():
            self._await_phase(now_ms + max(self._members.rebalance_timeout_ms, LEAST_RETRY_MS))
            return
        self._initial = False
        self.generation += 1
        if not self._members:
            self.protocol = None
            self.enter(now_ms, GroupState.EMPTY)
            return
        self.protocol = self._members.elect_protocol()
        self.enter(now_ms, GroupState.COMPLETING_REBALANCE)
        for member in self._members:
            member.answer_join(self.joined(member))
            self.expect(member, now_ms + member.wish.session_timeout_ms)
            member.new = False
            self._to_sync.add(member.member_id)
        self._await_phase(now_ms + self._members.rebalance_timeout_ms)

    def has_synced(self, member_id: str) -> None:
        """Take note that a member wants its assignment: who does not is sent away in the end."""
        self._to_sync.discard(member_id)
        if not self._to_sync:
            self._phase_deadline_ms = None

    def assign(self, now_ms: int, assignments: Mapping[str, bytes]) -> None:
        """Take the leader's assignments, by member id, and hand them to whoever waits for them."""
        for member in self._members:
            self._members.assign(member, assignments.get(member.member_id, b""))
        self.enter(now_ms, GroupState.STABLE)
        self._answer_syncs(now_ms)

    def _answer_syncs(self, now_ms: int, refusal: BrokerError | None = None) -> None:
        for member in self._members:
            if member.sync_answer is not None:
                member.answer_sync(refusal or self.synced(member))
                self.expect(member, now_ms + member.wish.session_timeout_ms)

    def rename(self, old_id: str, new_id: str) -> None:
        """Let a static member's new id stand for its old one."""
        if old_id in self._to_sync:
            self._to_sync.remove(old_id)
            self._to_sync.add(new_id)

    def drop(self, member_id: str) -> None:
        """Let a member or a pending id go; whatever it waits for is refused."""
        if member_id in self._members:
            gone = UnknownMember(self._group, member_id)
            self._members[member_id].answer_join(gone)
            self._members[member_id].answer_sync(gone)
        self._to_sync.discard(member_id)
        self._members.remove(member_id)

    def expect(self, member: Member, deadline_ms: int) -> None:
        """Let a member be gone if nothing is heard of it until then."""
        member.deadline_ms = deadline_ms
        self.watch(deadline_ms)

    def watch(self, deadline_ms: int) -> None:
        """See to it that `expire` is called in time for a deadline."""
        if self.next_deadline_ms is None or deadline_ms < self.next_deadline_ms:
            self.next_deadline_ms = deadline_ms

    def _await_phase(self, deadline_ms: int) -> None:
        self._phase_deadline_ms = deadline_ms
        self.watch(deadline_ms)

    def expire(self, now_ms: int) -> None:
        """Draw the consequences of the deadlines that have come."""
        for member_id in [each for each, until_ms in self._members.pending.items() if until_ms <= now_ms]:
            self._lose(now_ms, member_id)
        for member in self._members:
            if member.deadline_ms is not None and member.deadline_ms <= now_ms and member.member_id in self._members:
                member.deadline_ms = None
                if not member.excused:
                    self._lose(now_ms, member.member_id)
        if self._phase_deadline_ms is not None and self._phase_deadline_ms <= now_ms:
            self._phase_deadline_ms = None
            self._expire_phase(now_ms)
        deadlines = [*self._members.pending.values(), self._phase_deadline_ms]
        deadlines += [member.deadline_ms for member in self._members]
        self.next_deadline_ms = min((each for each in deadlines if each is not None), default=None)

    def _lose(self, now_ms: int, member_id: str) -> None:
        """Let somebody go who was not heard of; if it was a member, the others share its work."""
        was_member = member_id in self._members
        self.drop(member_id)
        if self.state is GroupState.PREPARING_REBALANCE:
            if self._members.all_joined:
                self._complete(now_ms)
        elif was_member:
            self.prepare(now_ms)

    def _expire_phase(self, now_ms: int) -> None:
        """Go on without those who did not join or sync in time."""
        if self.state is not GroupState.PREPARING_REBALANCE:
            for member_id in list(self._to_sync):
                self.drop(member_id)
            self.prepare(now_ms)
        elif self._initial and self._newcomers and self._initial_left_ms:
            self._newcomers = False
            delay_ms = min(self._delay_ms, self._initial_left_ms)
            self._initial_left_ms -= delay_ms
            self._await_phase(now_ms + delay_ms)
        else:
            self._complete(now_ms)

    def joined(self, member: Member, *, skip_assignment: bool = False, leader: str | None = None) -> Joined:
        """Tell a member which generation it is in; `leader` is for a leader that is not to know that it is one."""
        leader = leader or self._members.leader or ""
        protocol = self.protocol or ""
        told: tuple[JoinedMember, ...] = ()
        if leader == member.member_id:
            told = tuple(JoinedMember(one.member_id, one.instance_id, one.metadata(protocol)) for one in self._members)
        return Joined(
            member.member_id, self.generation, self.protocol_type or "", protocol, leader, told, skip_assignment
        )

    def synced(self, member: Member) -> Synced:
        """Tell a member what is assigned to it."""
        return Synced(self.protocol_type or "", self.protocol or "", member.assignment)
