"""Groups come with their first client, and their offsets go when nobody has used them for long (KIP-211)."""

import struct

import pytest

from mini_kafka.core.consumer_group import ConsumerGroup
from mini_kafka.core.consumer_groups import ConsumerGroups, read_topics
from mini_kafka.core.errors import GroupKindConflict, GroupLimitReached, InvalidSessionTimeout
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Leaver, Place, Protocol
from mini_kafka.core.offsets import CommitDetails, CommittedOffsets, TopicPartition
from tests.support.consumer_group import Inbox, wish

DAY_MS = 24 * 3_600_000
KEEP_MS = 7 * DAY_MS
ORDERS, PAYMENTS = TopicPartition("orders", 0), TopicPartition("payments", 0)


def reads(*topics: str) -> tuple[Protocol, ...]:
    body = b"".join(struct.pack(">h", len(topic)) + topic.encode() for topic in topics)
    return (Protocol("range", struct.pack(">hi", 0, len(topics)) + body),)


class Groups(ConsumerGroups):
    """All groups, with one to try things on and commits at a time."""

    def __init__(self, limits: GroupLimits | None = None, max_groups: int = 10) -> None:
        self.committed = CommittedOffsets(max_groups)
        super().__init__(self.committed, limits, max_groups)

    def commit(self, partition: TopicPartition, at_ms: int, group: str = "g") -> None:
        self.committed.commit(group, partition, 5, CommitDetails(-1, "", at_ms))

    def stable(self, *topics: str, protocol_type: str = "consumer", name: str = "g") -> ConsumerGroup:
        group = self.open(name)
        group.join(0, wish(protocols=reads(*topics), protocol_type=protocol_type), "m", Inbox().append)
        group.cycle.expire(0)
        group.sync(0, Place("m", group.cycle.generation), (None, None), {}, Inbox().append)
        return group


def test_a_group_that_only_commits_keeps_each_offset_for_its_time_after_the_commit() -> None:
    groups = Groups()
    groups.open("g")
    groups.commit(ORDERS, 0)
    groups.commit(PAYMENTS, DAY_MS)
    assert groups.expire(KEEP_MS - 1, "g")
    assert len(groups.committed.of_group("g")) == 2
    assert groups.expire(KEEP_MS, "g")
    assert list(groups.committed.of_group("g")) == [PAYMENTS]
    assert not groups.expire(KEEP_MS + DAY_MS, "g")
    assert groups.find("g") is None


def test_an_empty_group_keeps_all_offsets_for_their_time_after_its_last_member_went() -> None:
    groups = Groups()
    group = groups.stable("orders")
    groups.commit(ORDERS, 0)
    group.leave(DAY_MS, [Leaver("m")])
    assert groups.expire(KEEP_MS + DAY_MS - 1, "g")
    assert groups.committed.committed("g", ORDERS) == 5
    assert not groups.expire(KEEP_MS + DAY_MS, "g")
    assert not groups.committed.has_group("g")


def test_what_members_read_is_never_too_old_and_what_they_do_not_read_any_more_is() -> None:
    groups = Groups()
    groups.stable("orders")
    groups.commit(ORDERS, 0)
    groups.commit(PAYMENTS, 0)
    assert groups.expire(KEEP_MS, "g")
    assert list(groups.committed.of_group("g")) == [ORDERS]


@pytest.mark.parametrize("protocol_type", ["connect", "consumer"])
def test_where_nobody_can_tell_what_members_read_nothing_is_too_old(protocol_type: str) -> None:
    groups = Groups()
    group = groups.open("g")
    group.join(0, wish(protocols=(Protocol("x", b"?"),), protocol_type=protocol_type), "m", Inbox().append)
    group.cycle.expire(0)
    groups.commit(ORDERS, 0)
    assert read_topics(group) is None
    assert groups.expire(100 * KEEP_MS, "g")
    assert groups.committed.committed("g", ORDERS) == 5


def test_what_was_committed_over_http_is_never_too_old() -> None:
    groups = Groups()
    groups.open("g")
    groups.committed.commit("g", ORDERS, 5)
    assert groups.expire(100 * KEEP_MS, "g")


def test_a_group_of_which_nothing_is_left_is_forgotten_but_not_under_somebody_who_is_about_to_join() -> None:
    groups = Groups()
    group = groups.open("g")
    group.members.pending["p"] = 10
    assert groups.expire(0, "g")
    group.cycle.expire(10)
    assert not groups.expire(10, "g")
    assert not groups.expire(10, "g")


def test_a_group_with_members_makes_no_way_and_one_without_does() -> None:
    groups = Groups()
    group = groups.stable("orders")
    with pytest.raises(GroupKindConflict, match="1 members"):
        groups.make_way("g")
    group.leave(0, [Leaver("m")])
    groups.make_way("g")
    groups.make_way("nobody's")
    assert groups.find("g") is None


def test_no_more_groups_are_made_than_there_may_be() -> None:
    groups = Groups(max_groups=2)
    groups.open("a")
    groups.commit(ORDERS, 0, "b")
    groups.open("b")
    groups.open("a")
    with pytest.raises(GroupLimitReached):
        groups.open("c")


@pytest.mark.parametrize(
    ("timeout_ms", "allowed"), [(5_999, False), (6_000, True), (1_800_000, True), (1_800_001, False)]
)
def test_a_session_is_neither_too_short_nor_too_long(timeout_ms: int, allowed: bool) -> None:
    if allowed:
        Groups().check_session(timeout_ms)
    else:
        with pytest.raises(InvalidSessionTimeout, match=str(timeout_ms)):
            Groups().check_session(timeout_ms)
