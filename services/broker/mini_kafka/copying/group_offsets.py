"""Committed offsets: where a group stands at the source, it stands at the target, before the same record.

A group never moves back: it may be at work at the target already, after an earlier run. What a shared group has done
behind its committed offset is not known by that offset, and comes again.
"""

from collections.abc import Callable, Mapping, Sequence

from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.sides import Side
from mini_kafka_shared.client import NotRegistered, Refused
from mini_kafka_shared.schemas_v1 import GroupDetails, OffsetMove, OffsetWish, OffsetWishes

CONFLICT = 409


class GroupCopy:
    """Brings groups to the target.

    Args:
        source: the side to read groups from.
        target: the side to move them at.
        maps: for each copied topic the offsets of its partitions.
        moved: hears of each move.
        refused: hears of each group that cannot be moved, in a sentence.
    """

    def __init__(
        self,
        source: Side,
        target: Side,
        maps: Mapping[str, Sequence[OffsetMap]],
        *,
        moved: Callable[[str, OffsetMove], None],
        refused: Callable[[str], None],
    ) -> None:
        self._source, self._target, self._maps = source, target, maps
        self._moved, self._refused = moved, refused

    def copy_all(self) -> None:
        """Bring every group of the source that has committed offsets in the topics."""
        try:
            groups = self._source.patiently(self._source.client.groups)
        except Refused as refused:
            self._refused(f"the groups of {self._source.url} cannot be listed: {refused}")
            return
        for group in groups:
            self.copy(group.name, must_exist=False)

    def copy(self, name: str, *, must_exist: bool = True) -> None:
        """Bring one group."""
        try:
            self._copy(name, must_exist=must_exist)
        except CopyFailed as failed:
            self._refused(str(failed))

    def _copy(self, name: str, *, must_exist: bool) -> None:
        group = _find(self._source, name)
        if group is None:
            if must_exist:  # one that was listed a moment ago may be gone
                raise CopyFailed(f"there is no group {name!r} at {self._source.url}")
            return
        wishes = self._wishes(group)
        if not wishes:
            return
        try:
            moves = self._target.patiently(lambda: self._target.client.move_offsets(name, OffsetWishes(offsets=wishes)))
        except Refused as refused:
            advice = ": stop its members there, and run this again" if refused.status == CONFLICT else ""
            raise CopyFailed(f"group {name!r} was not moved at {self._target.url}: {refused}{advice}") from refused
        for move in moves:
            self._moved(name, move)

    def _wishes(self, group: GroupDetails) -> list[OffsetWish]:
        there = _find(self._target, group.name)
        stands = {(place.topic, place.partition): place.committed_offset for place in there.partitions} if there else {}
        wishes = []
        for place in group.partitions:
            maps = self._maps.get(place.topic, ())
            if place.partition < len(maps):
                offset = maps[place.partition].translate(place.committed_offset)
                if offset > stands.get((place.topic, place.partition), -1):
                    wishes.append(OffsetWish(topic=place.topic, partition=place.partition, offset=offset))
        return wishes


def _find(side: Side, name: str) -> GroupDetails | None:
    try:
        return side.patiently(lambda: side.client.group(name))
    except NotRegistered:
        return None
    except Refused as refused:
        raise CopyFailed(f"group {name!r} cannot be read at {side.url}: {refused}") from refused
