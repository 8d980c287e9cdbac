"""How members agree on a protocol, and who leads."""

import pytest

from mini_kafka.core.group_member import Protocol
from mini_kafka.core.group_members import GroupMembers
from mini_kafka.core.memory_budget import MemoryBudget
from tests.support.consumer_group import wish


def members(*orders: str) -> GroupMembers:
    """Make members that each know these protocols, a letter each, in their order."""
    group = GroupMembers("g", MemoryBudget(2**40))
    for number, order in enumerate(orders):
        group.add(str(number), wish(protocols=tuple(Protocol(name, b"") for name in order)))
    return group


@pytest.mark.parametrize(
    ("orders", "elected"),
    [
        (["ab"], "a"),
        (["ab", "ba", "ba"], "b"),  # two votes to one
        (["ab", "ba"], "a"),  # of equals, the one that was named first
        (["abc", "cb", "bc"], "b"),  # a is not known to all: its vote goes to b
        (["abc", "c"], "c"),
    ],
)
def test_the_protocol_with_the_most_votes_of_those_that_all_know_is_elected(orders: list[str], elected: str) -> None:
    assert members(*orders).elect_protocol() == elected


def test_who_shares_no_protocol_with_all_does_not_fit() -> None:
    group = members("ab", "bc")
    assert group.share_protocol([Protocol("b", b"")])
    assert not group.share_protocol([Protocol("a", b""), Protocol("c", b"")])
    group.remove("1")
    assert group.share_protocol([Protocol("a", b"")])


def test_what_a_member_knows_is_forgotten_with_it_and_when_it_changes() -> None:
    group = members("ab", "ab")
    group.update(group["1"], wish("1", protocols=(Protocol("a", b""),)))
    assert not group.share_protocol([Protocol("b", b"")])
    group.remove("1")
    assert group.share_protocol([Protocol("b", b"")])


def test_a_protocol_that_is_named_twice_counts_once() -> None:
    group = members("aa", "b")
    assert not group.share_protocol([Protocol("a", b"")])


def test_only_who_has_joined_can_be_elected_to_lead() -> None:
    group = members("a", "a", "a")
    assert not group.elect_joined_leader()
    group["2"].join_answer = lambda answer: None
    assert group.elect_joined_leader()
    assert group.leader == "2"
    group["0"].join_answer = lambda answer: None
    assert group.elect_joined_leader()
    assert group.leader == "2"


def test_the_last_member_takes_the_lead_with_it() -> None:
    group = members("a")
    group.remove("0")
    assert group.leader is None
    assert not group.elect_joined_leader()
