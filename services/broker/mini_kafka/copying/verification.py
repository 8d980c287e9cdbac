"""Whether the target holds what the source holds: both are read back and compared, record by record.

Either side may have lost records since they were copied, by retention or compaction. Those cannot be compared, and are
counted; whatever else one side lacks or has differently is named by its offsets.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mini_kafka.copying.errors import CopyDiffers
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.records import Checksum, CopiedRecord, content

MayLack = Callable[[int], bool]
"""Tells whether a side may have lost the record at an offset."""


@dataclass(frozen=True, slots=True)
class Alike:
    """What was the same on both sides of a partition, and how many records only one of them still has."""

    partition: int
    records: int
    checksum: str
    gone: int


class Verification:
    """Compares one partition.

    Args:
        place: the partition's name, for the sentence that says where it differs.
        offsets: which record is which.
        source_may_lack: asked by the source's offset.
        target_may_lack: asked by the target's offset.
        with_timestamps: whether the target keeps the times of the source.
    """

    def __init__(
        self,
        place: str,
        offsets: OffsetMap,
        *,
        source_may_lack: MayLack,
        target_may_lack: MayLack,
        with_timestamps: bool,
    ) -> None:
        self._place, self._offsets, self._with_timestamps = place, offsets, with_timestamps
        self._source_may_lack, self._target_may_lack = source_may_lack, target_may_lack
        self._checksum = Checksum()
        self._gone = 0

    def compare(
        self,
        partition: int,
        source: Iterable[CopiedRecord],
        target: Iterable[CopiedRecord],
        took: Callable[[int], None],
    ) -> Alike:
        """Read both sides to their ends, and give what is alike; `took` hears of each record.

        Raises:
            CopyDiffers: it names the first offsets at which they differ.
        """
        there = iter(target)
        found = next(there, None)
        for record in source:
            took(1)
            place = self._offsets.target_of(record.offset)
            if place is None:
                raise CopyDiffers(f"{self._place}: the source's record at offset {record.offset} was not copied")
            while found is not None and found.offset < place:
                self._without_source(found)
                found = next(there, None)
            if found is None or found.offset > place:
                self._without_target(record, place)
                continue
            self._check(record, found)
            found = next(there, None)
        while found is not None:
            self._without_source(found)
            found = next(there, None)
        return Alike(partition, self._checksum.records, str(self._checksum), self._gone)

    def _check(self, record: CopiedRecord, found: CopiedRecord) -> None:
        wanted = content(record, with_timestamp=self._with_timestamps)
        if wanted != content(found, with_timestamp=self._with_timestamps):
            raise CopyDiffers(
                f"{self._place}: the source's record at offset {record.offset} and the target's at {found.offset}"
                " differ"
            )
        self._checksum.add(wanted)

    def _without_source(self, found: CopiedRecord) -> None:
        offset = self._offsets.source_of(found.offset)
        if offset is None:
            raise CopyDiffers(f"{self._place}: the target's record at offset {found.offset} is no copy")
        if not self._source_may_lack(offset):
            raise CopyDiffers(
                f"{self._place}: the target has at offset {found.offset} a record that the source lacks at {offset}"
            )
        self._gone += 1

    def _without_target(self, record: CopiedRecord, place: int) -> None:
        if not self._target_may_lack(place):
            raise CopyDiffers(
                f"{self._place}: the target lacks at offset {place} the source's record at {record.offset}"
            )
        self._gone += 1
