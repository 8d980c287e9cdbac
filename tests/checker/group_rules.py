"""The rules of Kafka's consumer groups: one owner of a partition at a time, and a committed offset stays.

What the broker calls a generation clients do not show. But a member that commits twice between two assignments was in
the group all the time between, so that nobody else can have committed for its partitions there.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from math import inf

from tests.checker.history import Commit, Committed, History, Partition
from tests.checker.share_commit_rules import share_groups
from tests.checker.violations import Rule, Violation


class _Tenure:
    """The commits of one member between two assignments that were acknowledged, in one partition."""

    def __init__(self, commits: list[Commit]) -> None:
        self.commits = commits
        self.since_ns = min(one.returned_ns for one in commits if one.returned_ns is not None)
        self.until_ns = max(one.invoked_ns for one in commits)

    def spans(self, commit: Commit) -> bool:
        """Tell whether a commit was taken between two of these."""
        assert commit.returned_ns is not None
        return self.since_ns < commit.invoked_ns and commit.returned_ns < self.until_ns


def one_owner(history: History) -> Iterator[Violation]:
    """Find commits that were taken for a partition while somebody else owned it."""
    by_partition: defaultdict[tuple[str, Partition], defaultdict[tuple[str, int], list[Commit]]]
    by_partition = defaultdict(lambda: defaultdict(list))
    for one in history.operations:
        if isinstance(one, Commit) and one.returned_ns is not None:
            by_partition[one.group, (one.topic, one.partition)][one.client, one.tenure].append(one)
    for (group, where), tenures in by_partition.items():
        last = None
        for owner, tenure in sorted(
            ((owner, _Tenure(commits)) for owner, commits in tenures.items()), key=lambda item: item[1].since_ns
        ):
            if last is not None and any(map(last[1].spans, tenure.commits)):
                yield Violation(Rule.ONE_OWNER, f"{owner} committed for {where} of {group} while {last[0]} owned it")
            if last is None or tenure.until_ns > last[1].until_ns:
                last = owner, tenure


def committed(history: History) -> Iterator[Violation]:
    """Find committed offsets that nobody committed, or after which another commit was acknowledged."""
    commits: defaultdict[tuple[str, Partition], list[Commit]] = defaultdict(list)
    reads: list[Committed] = []
    shared = share_groups(history)  # their members say what is done, and the broker commits
    for one in history.operations:
        if isinstance(one, Commit):
            commits[one.group, (one.topic, one.partition)].append(one)
        elif isinstance(one, Committed) and one.group not in shared:
            reads.append(one)
    registers = {place: _Register(of_place) for place, of_place in commits.items()}
    for read in reads:
        register = registers.get((read.group, (read.topic, read.partition)), _Register([]))
        if not register.may_show(read):
            where = (read.topic, read.partition)
            yield Violation(
                Rule.COMMITTED, f"{read.client} was told that {read.group} has committed {read.offset} in {where}"
            )


class _Register:
    """All commits of a group in one partition: which of them may be the last one at a time."""

    def __init__(self, commits: list[Commit]) -> None:
        sure = sorted((one.returned_ns, one.invoked_ns) for one in commits if one.returned_ns is not None)
        self._returned = [returned for returned, _ in sure]
        self._latest = list(accumulate((invoked for _, invoked in sure), max))
        self._of_offset: defaultdict[int, list[Commit]] = defaultdict(list)
        for one in commits:
            self._of_offset[one.offset].append(one)

    def may_show(self, read: Committed) -> bool:
        """Tell whether a read may have found what it did."""
        before = bisect_right(self._returned, read.invoked_ns)
        if read.offset < 0:
            return before == 0
        # a commit that ended before another began, which was acknowledged before the read, is not the last one
        replaced_ns = self._latest[before - 1] if before else -1
        return any(
            one.invoked_ns < read.returned_ns and (inf if one.returned_ns is None else one.returned_ns) >= replaced_ns
            for one in self._of_offset.get(read.offset, ())
        )
