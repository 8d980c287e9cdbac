"""The members of a consumer group: who is in, who leads, which protocol all of them know.

Keeps no state of the group and no time; `consumer_group` says when a member comes and goes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from mini_kafka.core.errors import MemberFenced, UnknownMember
from mini_kafka.core.group_member import MEMBER_BYTES, JoinWish, Member, Protocol
from mini_kafka.core.memory_budget import MemoryBudget


class GroupMembers:
    """Members by id in the order in which they came, and the ids that were given out and have not joined (KIP-394)."""

    def __init__(self, group: str, memory: MemoryBudget) -> None:
        self._group = group
        self._memory = memory
        self._members: dict[str, Member] = {}
        self._static: dict[str, str] = {}
        self._knowing: Counter[str] = Counter()
        self.pending: dict[str, int] = {}
        """Ids that were given out, and until when in milliseconds they are good."""
        self.leader: str | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members.values()))

    def __contains__(self, member_id: str) -> bool:
        return member_id in self._members

    def __getitem__(self, member_id: str) -> Member:
        return self._members[member_id]

    def static_id(self, instance_id: str) -> str | None:
        """Give the id that a static member has now, or None where there is none of this name."""
        return self._static.get(instance_id)

    def check(self, member_id: str, instance_id: str | None) -> Member:
        """Give the member that somebody says to be.

        Raises:
            UnknownMember: there is no such member.
            MemberFenced: another one has taken the static member's place.
        """
        if instance_id is not None:
            known = self._static.get(instance_id)
            if known is None:
                raise UnknownMember(self._group, member_id, instance_id)
            if known != member_id:
                raise MemberFenced(self._group, member_id, instance_id)
        member = self._members.get(member_id)
        if member is None:
            raise UnknownMember(self._group, member_id)
        return member

    def check_memory(self, wish: JoinWish, known_id: str) -> None:
        """Refuse what somebody says who joins, or joins again as `known_id`, if there is no memory for it.

        Raises:
            GroupMemoryReached: there is none.
        """
        known = self._members.get(known_id)
        self._memory.check(wish.cost - (0 if known is None else known.wish.cost))

    def check_assignments(self, assignments: Mapping[str, bytes]) -> None:
        """Refuse a leader's assignments, by member id, if there is no memory for them.

        Raises:
            GroupMemoryReached: there is none.
        """
        new = sum(len(assignments.get(member_id, b"")) for member_id in self._members)
        self._memory.check(new - sum(len(member.assignment) for member in self._members.values()))

    def give_out(self, member_id: str, until_ms: int) -> None:
        """Keep an id that somebody is to join with."""
        self._memory.charge(MEMBER_BYTES + len(member_id))
        self.pending[member_id] = until_ms

    def _take_back(self, member_id: str) -> None:
        if self.pending.pop(member_id, None) is not None:
            self._memory.release(MEMBER_BYTES + len(member_id))

    def clear(self) -> None:
        """Let everybody go."""
        for member_id in [*self._members, *self.pending]:
            self.remove(member_id)

    def add(self, member_id: str, wish: JoinWish) -> Member:
        """Take a new member in; the first one leads."""
        self._take_back(member_id)
        self._memory.charge(wish.cost)
        member = self._members[member_id] = Member(member_id, wish, new=True)
        self._knowing.update(_names(wish.protocols))
        if wish.instance_id is not None:
            self._static[wish.instance_id] = member_id
        if self.leader is None:
            self.leader = member_id
        return member

    def update(self, member: Member, wish: JoinWish) -> None:
        """Let a member want something else than it did."""
        self._knowing.subtract(_names(member.wish.protocols))
        self._knowing.update(_names(wish.protocols))
        self._memory.charge(wish.cost - member.wish.cost)
        member.wish = wish

    def assign(self, member: Member, assignment: bytes) -> None:
        """Keep what the leader has assigned to a member."""
        self._memory.charge(len(assignment) - len(member.assignment))
        member.assignment = assignment

    def replace(self, member: Member, new_id: str) -> Member:
        """Let a static member go on under a new id, with its assignment, and as the leader if it was that."""
        del self._members[member.member_id]
        successor = self._members[new_id] = Member(new_id, member.wish, member.assignment)
        if member.instance_id is not None:
            self._static[member.instance_id] = new_id
        if self.leader == member.member_id:
            self.leader = new_id
        return successor

    def remove(self, member_id: str) -> None:
        """Let a member or a pending id go, if there is one; the oldest of the others leads then."""
        self._take_back(member_id)
        member = self._members.pop(member_id, None)
        if member is None:
            return
        self._memory.release(member.wish.cost + len(member.assignment))
        self._knowing.subtract(_names(member.wish.protocols))
        if member.instance_id is not None:
            del self._static[member.instance_id]
        if self.leader == member_id:
            self.leader = next(iter(self._members), None)

    def elect_joined_leader(self) -> bool:
        """Let somebody who has joined lead; say whether there is somebody."""
        if self.leader is None:
            return False
        if self._members[self.leader].join_answer is None:
            joined = next((member for member in self if member.join_answer is not None), None)
            if joined is None:
                return False
            self.leader = joined.member_id
        return True

    @property
    def waiting_to_join(self) -> int:
        """Count the members that wait for the answer to a join."""
        return sum(member.join_answer is not None for member in self._members.values())

    @property
    def all_joined(self) -> bool:
        """Whether every member has joined, and nobody else is about to."""
        return not self.pending and all(member.join_answer is not None for member in self._members.values())

    @property
    def rebalance_timeout_ms(self) -> int:
        """The longest time that a member wants for joining."""
        return max((member.wish.rebalance_timeout_ms for member in self._members.values()), default=0)

    def share_protocol(self, protocols: Iterable[Protocol]) -> bool:
        """Tell whether every member knows one of these protocols."""
        return any(self._knowing[name] == len(self._members) for name in _names(protocols))

    def elect_protocol(self) -> str:
        """Let each member vote for the first of its protocols that all know; of equals the one that was named first."""
        candidates = {name for name, knowing in self._knowing.items() if knowing == len(self._members)}
        votes = Counter(member.vote(candidates) for member in self._members.values())
        return votes.most_common(1)[0][0]


def _names(protocols: Iterable[Protocol]) -> set[str]:
    return {protocol.name for protocol in protocols}
