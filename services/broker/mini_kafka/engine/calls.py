"""Who is in a call for a group at this moment: over HTTP that is what makes a member, besides the locks it holds.

Nobody signs off over HTTP, so having called once is no sign of being there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Member = str | None


class Calls:
    """Calls under way, by group and by member; None stands for callers without a member id."""

    def __init__(self) -> None:
        self._by_group: dict[str, Counter[Member]] = {}

    @contextmanager
    def inside(self, group: str, member: Member = None) -> Iterator[None]:
        """Count a call for as long as it lasts."""
        calls = self._by_group.setdefault(group, Counter())
        calls[member] += 1
        try:
            yield
        finally:
            calls[member] -= 1
            if not calls[member]:
                del calls[member]
                if not calls:
                    del self._by_group[group]

    def of(self, group: str) -> Mapping[Member, int]:
        """Count a group's calls by member; empty when nobody is in one."""
        return self._by_group.get(group, {})
