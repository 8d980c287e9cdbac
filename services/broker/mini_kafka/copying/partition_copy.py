"""One partition's copy: what the target has already is compared with the source, what it has not is appended.

The target's own end says how far the copy is, after a kill and after a request without an answer alike. So a record is
never appended twice, and whatever else somebody wrote there is found out, not built upon.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from mini_kafka.copying.appender import Appender
from mini_kafka.copying.errors import CopyDiffers, CopyFailed
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.records import CopiedRecord, content, encode
from mini_kafka.copying.sides import Side
from mini_kafka_shared.client import Refused


class PartitionCopy:
    """Takes the records of one partition in their order, until all are at the target.

    Args:
        target: the side to copy to.
        topic: the topic's name.
        partition: the partition's number, the same on both sides.
        offsets: how far the copy is; it is carried on.
        appender: the way to append, or None if nothing may be.
        with_timestamps: whether the target keeps the times of the source.
    """

    def __init__(
        self,
        target: Side,
        topic: str,
        partition: int,
        offsets: OffsetMap,
        appender: Appender | None,
        *,
        with_timestamps: bool,
    ) -> None:
        self._target, self._topic, self._partition = target, topic, partition
        self._offsets, self._appender, self._with_timestamps = offsets, appender, with_timestamps
        self.missing_from: int | None = None
        """The source's offset of the first record that the target lacks and that may not be appended."""
        self.appended_from: int | None = None
        """The target's offset of the first record that was appended; those before were there."""
        self._is_uncertain = False
        self._there: Iterator[CopiedRecord] = iter(())
        self._there_end = offsets.next_target
        self._next_there: CopiedRecord | None = None
        self._lost = 0

    def look(self, high_watermark: int, lost: int = 0) -> None:
        """Have what the target holds beyond the copy compared first.

        Args:
            high_watermark: where the target ends.
            lost: so many offsets the source has lost since, behind what is known to be copied.

        Raises:
            CopyFailed: it holds less than was copied.
        """
        if high_watermark < self._offsets.next_target:
            raise CopyFailed(
                f"{self._place} at {self._target.url} ends at {high_watermark}, and was copied up to"
                f" {self._offsets.next_target}: it has lost records; delete the topic there to begin anew"
            )
        self._there_end, self._lost = high_watermark, lost
        pages = self._target.read(self._topic, self._partition, self._offsets.next_target, high_watermark)
        self._there = chain.from_iterable(pages)
        self._next_there = next(self._there, None)

    def take(self, records: Sequence[CopiedRecord], took: Callable[[int], None]) -> None:
        """Bring the source's next records to the target; `took` hears how many more are there.

        Raises:
            CopyDiffers: the target has another record in the place of one of these.
        """
        if records and self._lost:
            self._pass_over_lost(content(records[0], with_timestamp=self._with_timestamps))
        while records:
            if self._offsets.next_target < self._there_end:
                count = self._match(records)
            elif self._appender is None:
                self.missing_from = records[0].offset
                return
            else:
                count = self._append(self._appender, records)
            records = records[count:]
            took(count)

    def finish(self) -> None:
        """Make sure that the target has no record more than the source.

        Raises:
            CopyDiffers: it has.
        """
        if self._offsets.next_target < self._there_end:
            raise CopyDiffers(
                f"{self._place} at {self._target.url} has records from offset {self._offsets.next_target} on that"
                f" the source has not: something else writes to it"
            )

    @property
    def _place(self) -> str:
        return f"{self._topic}-{self._partition}"

    def _pass_over_lost(self, wanted: bytes) -> None:
        """Take what the target has before the source's first record for copies of what the source has lost."""
        while (there := self._next_there) and content(there, with_timestamp=self._with_timestamps) != wanted:
            passed = there.offset + 1 - self._offsets.next_target
            if passed > self._lost:
                break
            self._lost -= passed
            first = self._offsets.next_source
            self._offsets.append(range(first, first + passed))
            self._next_there = next(self._there, None)
        self._lost = 0

    def _match(self, records: Sequence[CopiedRecord]) -> int:
        """Count the first records that are at the target already. What it has lost since counts as well."""
        count = 0
        for record in records:
            place = self._offsets.next_target + count
            if place == self._there_end:
                break
            if self._next_there is not None and self._next_there.offset == place:
                self._compare(record, self._next_there)
                self._next_there = next(self._there, None)
            count += 1
        self._offsets.append([record.offset for record in records[:count]])
        return count

    def _compare(self, record: CopiedRecord, there: CopiedRecord) -> None:
        wanted, found = (content(each, with_timestamp=self._with_timestamps) for each in (record, there))
        if wanted != found:
            raise CopyDiffers(
                f"{self._place} at {self._target.url} has another record at offset {there.offset} than the source at"
                f" offset {record.offset}: it is no copy, or something else writes to it; delete the topic there to"
                " begin anew"
            )

    def _append(self, appender: Appender, records: Sequence[CopiedRecord]) -> int:
        if self.appended_from is None:
            self.appended_from = self._offsets.next_target
        body, count = encode(records[: self._target.max_records], self._target.max_body_bytes)

        def attempt() -> list[int] | None:
            if self._is_uncertain and self._target.settled(self._end) > self._offsets.next_target:
                return None
            self._is_uncertain = not appender.is_numbered
            return appender.append(body)

        try:
            offsets = self._target.patiently(attempt)
        except Refused as refused:
            first, last = records[0].offset, records[count - 1].offset
            which = f"record of {self._place} at offset {first}"
            if first != last:
                which = f"records of {self._place} from offset {first} to {last}"
            raise CopyFailed(f"{self._target.url} refuses the {which}: {refused}") from refused
        self._is_uncertain = False
        if offsets is None:  # a request without an answer was heard after all, in whole or in part
            self.look(self._target.patiently(self._end))
            return 0
        first = self._offsets.next_target
        if offsets[0] != first or offsets[-1] != first + count - 1:
            raise CopyFailed(
                f"{self._place} at {self._target.url} gave offset {offsets[0]} to the record that was to have {first}:"
                " something else writes to the topic, or it was made anew; delete it there, and copy again"
            )
        self._offsets.append([record.offset for record in records[:count]])
        self._there_end = self._offsets.next_target
        return count

    def _end(self) -> int:
        return self._target.client.topic(self._topic).partitions[self._partition].high_watermark
