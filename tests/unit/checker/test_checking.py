"""Each rule on histories by hand: what a correct broker can have shown passes, and what it cannot is a breach."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.checker.checking import check
from tests.checker.history import History, Operation
from tests.checker.violations import Rule
from tests.unit.checker.histories import (
    GROUP,
    TOPIC,
    acquire,
    append,
    bury,
    commit,
    committed,
    compacted,
    fetch,
    finished,
    leave,
    moved,
    of,
    refused,
    settle,
    watermark,
)

TraceFunction = Callable[[FrameType, str, Any], Any]
X = append((0, 1), "x", at=0)
GOOD = {
    "nothing": of(),
    "a record that is read": of(X, fetch((2, 3), 0, "x", at_end=True)),
    "a lost append that is there": of(append((0, None), "x"), fetch((2, 3), 0, "x")),
    "a lost append that is not there": of(append((0, None), "x"), fetch((2, 3), 0, at_end=True)),
    "a lost append that comes late": of(append((0, None), "x"), append((5, 6), "y", at=0), fetch((9, 9), 0, "y", "x")),
    "a record sent twice that is there twice": of(append((0, 9), "x", at=1, sent=2), fetch((9, 10), 0, "x", "x")),
    "appends at once in any order": of(append((0, 5), "x", at=1), append((4, 9), "y", at=0)),
    "an append that ends as another begins": of(append((0, 4), "x", at=1), append((4, 9), "y", at=0)),
    "a fetch that began before the acknowledgement": of(append((0, 5), "x", at=0), fetch((4, 9), 0, at_end=True)),
    "a page that is not the end": of(append((0, 1), "x", "y", at=0), fetch((2, 3), 0, "x")),
    "a record read before it is acknowledged": of(append((0, 9), "x", at=0), fetch((1, 2), 0, "x")),
    "a watermark that stands and rises": of(
        watermark((0, 1), 0), append((2, 5), "x", at=0), watermark((3, 4), 0), watermark((6, 7), 1)
    ),
    "watermarks at once": of(append((0, 9), "x", at=0), watermark((1, 5), 1), watermark((4, 8), 0)),
    "a compacted record with a later one of its key": compacted(
        append((0, 1), "x", at=0, key="k"), append((2, 3), "y", at=1, key="k"),
        fetch((4, 5), 0, "y", offsets=[1], key="k"),
    ),
    "a hole where a lost append may have been": compacted(
        append((0, None), "x", key="k"), append((2, 3), "y", at=1, key="k"), fetch((4, 5), 0, "y", offsets=[1], key="k")
    ),
    "a record that is given to another when its time is over": of(
        X, acquire((1, 2), "l1"), acquire((1001, 1002), "l2", count=2, member="b")
    ),
    "a record that is given to another after a release": of(
        X, acquire((1, 2), "l1"), settle((3, 4), "l1", "release"), acquire((3, 4), "l2", count=2, member="b")
    ),
    "a record that a lost release may have freed": of(
        X, acquire((1, 2), "l1"), settle((3, None), "l1", "release"), acquire((5, 6), "l2", count=2, member="b")
    ),
    "a record whose holder left": of(
        X, acquire((1, 2), "l1"), leave((3, None)), acquire((5, 6), "l2", count=2, member="b")
    ),
    "a record that a lost answer had": of(
        X, acquire((1, None), None), acquire((1500, 1501), "l2", count=2, member="b")
    ),
    "a lock that was renewed": of(
        X, acquire((1, 2), "l1"), settle((900, 901), "l1", "renew", 1000), acquire((1900, 1901), "l2", count=2)
    ),
    "a lock whose time was over": of(X, acquire((1, 2), "l1"), settle((999, 1003), "l1", "accept", expired=True)),
    "a record that is accepted": finished(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "accept")),
    "a record that may have been accepted": finished(X, acquire((1, 2), "l1"), settle((3, None), "l1", "accept")),
    "a record that was rejected and buried": finished(
        X, acquire((1, 2), "l1"), settle((3, 4), "l1", "reject"), bury((9, 9), 0)
    ),
    "a record that may have been accepted, and is dead": finished(
        X, *[acquire((1 + 2000 * n, 2 + 2000 * n), f"l{n}", count=n + 1) for n in range(5)],
        settle((8003, None), "l4", "accept"), bury((20_000, 20_001), 0),
    ),
    "a partition that changes hands": of(
        commit((0, 1), 1), commit((2, 3), 2), commit((4, 5), 2, "b"), commit((6, 7), 3, "b"),
        commit((8, 9), 3, tenure=2),
    ),
    "two members with a partition each": of(commit((0, 1), 1), commit((2, 3), 1, "b", partition=1), commit((4, 5), 2)),
    "another's commit while the last one is under way": of(
        commit((0, 1), 1), commit((2, 9), 2), commit((3, 4), 1, "b")
    ),
    "a late commit that nobody took": of(commit((0, 1), 1), commit((2, 3), 1, "b"), commit((4, None), 2)),
    "a share group that commits what is done": of(
        X, committed((0, 1), 0), acquire((1, 2), "l1"), settle((3, 9), "l1", "accept"), committed((4, 5), 1),
        committed((6, 7), 1),
    ),
    "a record that was given before it was committed": of(
        X, acquire((1, 9), "l1"), settle((3, None), "l1", "reject"), committed((4, 5), 1)
    ),
    "a record of a share that moved": moved(
        (2, 9), X, acquire((1, 2), "l1"), settle((3, 4), "l1", "accept", expired=True), acquire((3, 4), "l2"),
        settle((5, 6), "l2", "accept"), acquire((10, 11), "l3", count=2), settle((12, 13), "l3", "reject"),
        bury((20, 21), 0),
    ),
    "a lock that a move ended": moved(
        (3, 9), X, acquire((1, 2), "l1"), settle((3, 4), "l1", "accept", expired=True),
        acquire((10, 11), "l2"), settle((12, 13), "l2", "accept"),
    ),
    "nothing is committed yet": of(committed((0, 2), -1), commit((1, 3), 4), committed((2, 4), -1)),
    "the last commit, or one that may be": of(
        commit((0, 1), 4), commit((2, None), 5), committed((3, 4), 4), committed((5, 6), 5), commit((7, 9), 6),
        committed((8, 10), 6),
    ),
    "either of two commits at once": of(commit((0, 5), 4), commit((1, 6), 5), committed((7, 8), 4)),
}  # fmt: skip

BAD = {
    "two payloads at an offset": (Rule.ONE_OFFSET, of(X, append((2, 3), "y", at=0))),
    "another record where one was acknowledged": (
        Rule.ONE_OFFSET, of(X, append((0, None), "y"), fetch((2, 3), 0, "y")),
    ),
    "a record sent once that is there twice": (Rule.ONE_OFFSET, of(X, fetch((2, 3), 0, "x", "x"))),
    "a safe retry that is there twice": (
        Rule.ONE_OFFSET, of(append((0, 9), "x", at=1, sent=2, once=True), fetch((9, 10), 0, "x", "x")),
    ),
    "a record in another place than its request's order": (Rule.ORDER, of(append((0, 1), "x", "y", at=-1))),
    "an append below what was acknowledged before": (
        Rule.ORDER, of(append((0, 1), "x", at=1), append((2, 3), "y", at=0)),
    ),
    "an append below what was read before": (
        Rule.ORDER, of(append((0, 9), "x", at=1), fetch((1, 2), 1, "x"), append((3, 4), "y", at=0)),
    ),
    "a lost append below what was acknowledged before it": (
        Rule.ORDER, of(append((0, 1), "x", at=1), append((2, None), "y"), fetch((5, 6), 0, "y", "x")),
    ),
    "an end below an acknowledgement": (Rule.VISIBLE, of(X, fetch((2, 3), 0, at_end=True))),
    "nothing where something is": (Rule.VISIBLE, of(X, fetch((2, 3), 0))),
    "an end below what another has read": (
        Rule.VISIBLE, of(append((0, None), "x"), fetch((1, 2), 0, "x"), fetch((3, 4), 0, at_end=True)),
    ),
    "a record that nobody sent": (Rule.SENT, of(fetch((2, 3), 0, "x"))),
    "a record that was refused": (Rule.SENT, of(refused((0, 1), "x"), fetch((2, 3), 0, "x"))),
    "a record with another key": (Rule.SENT, of(append((0, 1), "x", at=0), fetch((2, 3), 0, "x", key="k"))),
    "a record that was sent later": (Rule.SENT, of(append((5, 6), "x", at=0), fetch((2, 3), 0, "x"))),
    "a dead letter that nobody sent": (Rule.SENT, of(bury((2, 3), 0))),
    "a record that nobody sent, acquired": (Rule.SENT, of(acquire((1, 2), "l1"))),
    "a hole": (Rule.DENSE, of(append((0, 1), "x", "y", "z", at=0), fetch((2, 3), 0, "x", "z", offsets=[0, 2]))),
    "a hole at the end of a page": (Rule.DENSE, of(append((0, 1), "x", "y", at=0), fetch((2, 3), 0, "x", to=2))),
    "a record that comes again": (
        Rule.DENSE, of(append((0, 1), "x", "y", at=0), fetch((2, 3), 0, "y", "x", offsets=[1, 0], to=2)),
    ),
    "a record below the start": (Rule.DENSE, of(append((0, 1), "x", "y", at=0), fetch((2, 3), 1, "x", offsets=[0]))),
    "the last record of a key, compacted": (
        Rule.DENSE,
        compacted(
            append((0, 1), "x", at=0, key="k"), append((0, 1), "y", at=1, key="j"),
            fetch((4, 5), 0, "y", offsets=[1], key="j"),
        ),
    ),
    "a record that was compacted before the later one was sent": (
        Rule.DENSE,
        compacted(
            append((0, 1), "x", at=0, key="k"), append((0, 1), "z", at=1, key="j"),
            fetch((2, 3), 0, "z", offsets=[1], key="j"), append((5, 6), "y", at=2, key="k"),
        ),
    ),
    "the last record of a key, compacted among others": (
        Rule.DENSE,
        compacted(
            append((0, 1), "w", "x", at=0, key="k"), append((0, 1), "y", at=2, key="j"),
            append((0, 1), "z", at=3, key="i"),
            fetch((4, 5), 0, "z", offsets=[3], key="i"),
        ),
    ),
    "more holes than lost appends": (
        Rule.DENSE,
        compacted(
            append((0, None), "x", key="k"), append((2, 3), "y", at=3, key="k"),
            fetch((4, 5), 0, "y", offsets=[3], key="k"),
        ),
    ),
    "a hole that no append can have filled": (
        Rule.DENSE, compacted(append((2, 3), "y", at=1, key="k"), fetch((4, 5), 0, "y", offsets=[1], key="k")),
    ),
    "a watermark that falls": (Rule.WATERMARK, of(watermark((0, 1), 2), watermark((2, 3), 1))),
    "a watermark below an acknowledgement": (Rule.WATERMARK, of(X, watermark((2, 3), 0))),
    "a record with two holders": (
        Rule.ONE_HOLDER, of(X, acquire((1, 2), "l1"), acquire((3, 4), "l2", count=2, member="b")),
    ),
    "two deliveries by the same count": (
        Rule.ONE_HOLDER, of(X, acquire((1, 2), "l1"), acquire((2001, 2002), "l2", member="b")),
    ),
    "a delivery that is missing": (Rule.ONE_HOLDER, of(X, acquire((1, 2), "l1", count=2))),
    "a renewed lock with another holder": (
        Rule.ONE_HOLDER,
        of(X, acquire((1, 2), "l1"), settle((900, 901), "l1", "renew", 1000), acquire((1500, 1501), "l2", count=2)),
    ),
    "a record that was delayed, and given at once": (
        Rule.ONE_HOLDER,
        of(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "release", 100), acquire((50, 60), "l2", count=2)),
    ),
    "an accepted record that is given to another": (
        Rule.ONE_HOLDER,
        of(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "accept"), acquire((9000, 9001), "l2", count=2)),
    ),
    "a claim that is accepted after another's": (
        Rule.ONE_HOLDER,
        of(X, acquire((1, 2), "l1"), acquire((2000, 2001), "l2", count=2), settle((2002, 2003), "l1", "accept")),
    ),
    "a lock that ends too soon": (
        Rule.ONE_HOLDER, of(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "accept", expired=True)),
    ),
    "a renewed lock that ends too soon": (
        Rule.ONE_HOLDER,
        of(X, acquire((1, 2), "l1"), settle((900, 901), "l1", "renew", 1000),
           settle((1800, 1801), "l1", "accept", expired=True)),
    ),
    "a record that nobody was given": (Rule.FINISHED, finished(X)),
    "a record that was only released": (
        Rule.FINISHED, finished(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "release")),
    ),
    "a rejected record that is nowhere": (
        Rule.FINISHED, finished(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "reject")),
    ),
    "a record that is accepted and dead": (
        Rule.FINISHED, finished(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "accept"), bury((9, 9), 0)),
    ),
    "a record that is dead twice": (
        Rule.FINISHED, finished(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "reject"), bury((9, 9), 0, 0)),
    ),
    "a record that is given up too early": (
        Rule.FINISHED, finished(X, acquire((1, 2), "l1"), settle((3, 4), "l1", "release"), bury((9, 9), 0)),
    ),
    "a committed record that is not done": (Rule.DONE, of(X, acquire((1, 2), "l1"), committed((3, 4), 1))),
    "a committed record that was done later": (
        Rule.DONE, of(X, acquire((1, 2), "l1"), committed((3, 4), 1), settle((5, 6), "l1", "accept")),
    ),
    "a committed record that was only released": (
        Rule.DONE, of(X, acquire((1, 2), "l1"), settle((2, 3), "l1", "release"), committed((4, 5), 1)),
    ),
    "a committed offset that falls": (
        Rule.DONE,
        of(X, acquire((1, 2), "l1"), settle((2, 3), "l1", "accept"), committed((4, 5), 1), committed((6, 7), 0)),
    ),
    "a committed record that comes back after a move": (
        Rule.DONE,
        moved(
            (3, 99), X, acquire((1, 2), "l1"), settle((2, 3), "l1", "accept"), committed((4, 5), 1),
            acquire((6, 7), "l2"),
        ),
    ),
    "a record with two holders, long after a move": (
        Rule.ONE_HOLDER,
        moved((0, 1), X, acquire((2, 3), "l1", count=4), acquire((4, 5), "l2", count=5, member="b")),
    ),
    "a record that is dead twice after one delivery in a move": (
        Rule.FINISHED,
        moved((3, 9), X, acquire((1, 2), "l1"), settle((3, 4), "l1", "reject"), bury((9, 9), 0, 0)),
    ),
    "a record that comes to no end in a move": (Rule.FINISHED, moved((2, 9), X, acquire((1, 2), "l1"))),
    "a partition with two owners": (
        Rule.ONE_OWNER, of(commit((0, 1), 1), commit((2, 3), 1, "b"), commit((4, 5), 2)),
    ),
    "a commit of a member that is out": (
        Rule.ONE_OWNER, of(commit((0, 1), 1), commit((9, 10), 2), commit((2, 3), 1, "b"), commit((4, 5), 2, "b")),
    ),
    "a member between two of its own assignments": (
        Rule.ONE_OWNER, of(commit((0, 1), 1), commit((2, 3), 1, tenure=2), commit((4, 5), 2)),
    ),
    "a commit that is lost": (Rule.COMMITTED, of(commit((0, 1), 4), committed((2, 3), -1))),
    "a commit that was replaced": (
        Rule.COMMITTED, of(commit((0, 1), 4), commit((2, 3), 5), committed((4, 5), 4)),
    ),
    "a commit of nobody": (Rule.COMMITTED, of(commit((0, 1), 4), committed((2, 3), 5))),
    "a commit of later": (Rule.COMMITTED, of(committed((0, 1), 5), commit((2, 3), 5))),
}  # fmt: skip


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD)
def test_what_a_correct_broker_can_have_shown_is_no_breach(history: History) -> None:
    assert check(history) == []


@pytest.mark.parametrize(("rule", "history"), BAD.values(), ids=BAD)
def test_a_breach_of_a_rule_is_found(rule: Rule, history: History) -> None:
    assert rule in {violation.rule for violation in check(history)}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_has_a_history_that_breaks_it(rule: Rule) -> None:
    assert rule in {broken for broken, _ in BAD.values()}


def work(records: int) -> History:
    """Make a history in which every rule has something to do for every record."""
    operations: list[Operation] = [append((0, None), "lost", key="k")]
    for n in range(records):
        operations += [
            append((4 * n, 4 * n + 1), f"p{n}", at=n, key="k"),
            fetch((4 * n + 2, 4 * n + 3), n, f"p{n}", at_end=True, key="k"),
            fetch((4 * n + 2, 4 * n + 3), 0, f"p{n}", offsets=[n], key="k"),
            watermark((4 * n + 2, 4 * n + 3), n + 1),
            *(acquire((4 * n, None), None), leave((4 * n, 4 * n + 1))),
        ]
    operations += (one for n in range(5) for one in (acquire((n, n + 9000), f"l{n}", count=n + 1), leave((n, None))))
    return History(tuple(operations), frozenset({TOPIC}), {GROUP: (TOPIC,)})


def lines_run(history: History) -> int:
    """Count the lines that a check runs."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> "TraceFunction":
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        check(history)
    finally:
        sys.settrace(before)
    return lines


def test_a_check_takes_time_in_proportion_to_the_history() -> None:
    assert lines_run(work(400)) < 4.5 * lines_run(work(100))
