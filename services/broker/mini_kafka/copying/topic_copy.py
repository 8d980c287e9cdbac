"""One topic's copy: have it at the target, bring each partition's records, and verify them.

Partition after partition, each up to the high watermark that it had when the copy began. The source's records are
read ahead while the target takes those before.
"""

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mini_kafka.copying.appender import Appender
from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.partition_copy import PartitionCopy
from mini_kafka.copying.progress_report import ProgressReport
from mini_kafka.copying.read_ahead import read_ahead
from mini_kafka.copying.records import CopiedRecord
from mini_kafka.copying.sides import Side
from mini_kafka.copying.state import CopyState
from mini_kafka.copying.verification import Alike, MayLack, Verification
from mini_kafka_shared.client import NotRegistered, Refused
from mini_kafka_shared.schemas_v1 import TopicDetails, TopicWish

TIMESTAMP_TYPE, CREATE_TIME = "message.timestamp.type", "CreateTime"
ADVICE = {
    409: "; delete it there, make it alike, or leave it its own configs with --configs target",
    422: "; make it there with configs that it takes, and copy with --configs target",
}
"""What helps against an answer that refuses the topic, by its status."""

logger = logging.getLogger(__name__)


class Copied(NamedTuple):
    """How many records a run appended, and how many it found there that an earlier run had not noted."""

    appended: int
    found: int


class TopicCopy:
    """Copies one topic.

    Args:
        source: the side that has it.
        target: the side that gets it.
        name: the topic's name.
        folder: where its state is kept.
        progress: shows how far the work is.
    """

    def __init__(self, source: Side, target: Side, name: str, folder: Path, progress: ProgressReport) -> None:
        self._source, self._target, self._name, self._progress = source, target, name, progress
        self._folder = folder
        self._at_source = self._describe(source)
        self.maps: list[OffsetMap] = []
        self._has_moved_times = False
        self._appended = 0

    def copy(self, epoch: int, *, with_configs: bool) -> Copied:
        """Bring what the target has not, and count; `epoch` is higher than that of every run before.

        Raises:
            CopyFailed: the target's topic is another one, or refuses; what has been copied stays.
        """
        at_target = self._have(with_configs=with_configs)
        if not self._keeps_times(at_target):
            logger.warning(
                "%s has %s=%s at %s: the records get the time at which they are copied",
                self._name, TIMESTAMP_TYPE, at_target.configs.get(TIMESTAMP_TYPE), self._target.url,
            )  # fmt: skip
        state = CopyState(self._folder, self._at_source, at_target)
        with state.locked():
            return self._bring(at_target, state, Appender(self._target, self._name, self._at_source.topic_id, epoch))

    def _bring(self, at_target: TopicDetails, state: CopyState, appender: Appender) -> Copied:
        self._load(state, at_target)
        state.save(self.maps)  # before anything is appended: a folder that cannot be written is known now
        appender.fence()
        at_target = self._without_earlier_runs(at_target, state, appender)
        before = sum(each.next_target for each in self.maps)
        self._advance(at_target, appender, state)
        state.save(self.maps, ended=True)
        return Copied(self._appended, sum(each.next_target for each in self.maps) - before - self._appended)

    def check(self) -> dict[int, int]:
        """Compare what the target holds behind the state file, append nothing, and say what is not copied yet.

        Returns:
            By partition the source's first offset that the target has not.

        Raises:
            CopyDiffers: the target has other records.
        """
        at_target = self._describe(self._target)
        state = CopyState(self._folder, self._at_source, at_target)
        self._load(state, at_target)
        return self._advance(at_target, None, None)

    def verify(self) -> Iterator[Alike]:
        """Read both sides back, and give for each partition what is alike.

        Raises:
            CopyDiffers: it names the first offsets at which they differ.
        """
        source, target = self._same(self._source, self._at_source), self._describe(self._target)
        # A partition that is new since the copy began belongs to the next run.
        spans = list(zip(source.partitions, target.partitions, self.maps, strict=False))
        whole = sum(max(0, offsets.next_source - here.log_start_offset) for here, _, offsets in spans)
        self._progress.begin(f"verifying {self._name}", whole)
        for here, there, offsets in spans:
            number = here.partition
            verification = Verification(
                f"{self._name}-{number}",
                offsets,
                source_may_lack=self._may_lack(self._source, source, number),
                target_may_lack=self._may_lack(self._target, target, number),
                with_timestamps=self._keeps_times(target),
            )
            pages = self._from_source(number, here.log_start_offset, offsets.next_source)
            found = self._pages(self._target, number, there.log_start_offset, offsets.next_target)
            yield verification.compare(
                number, chain.from_iterable(pages), chain.from_iterable(found), self._progress.took
            )
        self._progress.end()

    def _advance(self, at_target: TopicDetails, appender: Appender | None, state: CopyState | None) -> dict[int, int]:
        missing: dict[int, int] = {}
        ends = [each.high_watermark for each in self._at_source.partitions]
        positions = [each.next_source for each in self.maps]
        self._progress.begin(
            f"copying {self._name}" if appender else f"comparing {self._name}",
            sum(max(0, end - position) for end, position in zip(ends, positions, strict=True)),
        )
        for number, offsets in enumerate(self.maps):
            part = PartitionCopy(
                self._target,
                self._name,
                number,
                offsets,
                appender,
                with_timestamps=self._keeps_times(at_target),
            )
            log_start = self._at_source.partitions[number].log_start_offset
            part.look(at_target.partitions[number].high_watermark, max(0, log_start - offsets.next_source))
            for records in self._from_source(number, offsets.next_source, ends[number]):
                part.take(records, self._progress.took)
                if part.missing_from is not None:
                    missing[number] = part.missing_from
                    break
                if state:
                    state.save(self.maps, at_once=False)
            part.finish()
            if part.appended_from is not None:
                self._appended += offsets.next_target - part.appended_from
        self._progress.end()
        return missing

    def _from_source(self, partition: int, start: int, end: int) -> Iterator[list[CopiedRecord]]:
        """Read records that the target can take: a time that it cannot becomes the first that it can."""
        earliest_ms = self._target.earliest_ms
        for records in self._pages(self._source, partition, start, end):
            for record in records:
                if record.timestamp < earliest_ms:
                    self._say_moved_time(record)
                    record.timestamp = earliest_ms
            yield records

    def _say_moved_time(self, record: CopiedRecord) -> None:
        if not self._has_moved_times:
            self._has_moved_times = True
            logger.warning(
                "%s-%d has at offset %d the timestamp %d, which %s does not take: that and all before %d become %d",
                self._name, record.partition, record.offset, record.timestamp, self._target.url,
                self._target.earliest_ms, self._target.earliest_ms,
            )  # fmt: skip

    def _pages(self, side: Side, partition: int, start: int, end: int) -> Iterator[list[CopiedRecord]]:
        return read_ahead(side.read(self._name, partition, start, end))

    def _load(self, state: CopyState, at_target: TopicDetails) -> None:
        """Find out how far the copy is: by the state file, or from the start of both sides."""
        if at_target.topic_id == self._at_source.topic_id:  # clusters may share an id, as those of one image do
            raise CopyFailed(
                f"{self._name} is the same log at {self._source.url} and {self._target.url}: nothing to copy"
            )
        if len(at_target.partitions) != len(self._at_source.partitions):
            raise CopyFailed(
                f"{self._name} has {len(self._at_source.partitions)} partitions at {self._source.url} and"
                f" {len(at_target.partitions)} at {self._target.url}: they have to be as many"
            )
        starts = [
            (here.log_start_offset, there.log_start_offset)
            for here, there in zip(self._at_source.partitions, at_target.partitions, strict=True)
        ]
        kept = state.load() or []
        self.maps = kept + [OffsetMap(here, there) for here, there in starts[len(kept) :]]
        for number, (offsets, (log_start, _)) in enumerate(zip(self.maps, starts, strict=True)):
            if offsets.next_source < log_start:
                logger.warning(
                    "%s-%d has lost the records from offset %d to %d at %s since the last run",
                    self._name, number, offsets.next_source, log_start - 1, self._source.url,
                )  # fmt: skip

    def _without_earlier_runs(self, at_target: TopicDetails, state: CopyState, appender: Appender) -> TopicDetails:
        """Look at the target's ends when no earlier run moves them any more.

        Where it was not shut out, and was killed, what it had under way at a gateway may still arrive.
        """
        if appender.is_numbered or not state.may_be_open:
            return self._same(self._target, at_target)
        logger.info("looking whether an earlier run still appends to %s at %s", self._name, self._target.url)
        return self._target.settled(lambda: self._same(self._target, at_target))

    def _have(self, *, with_configs: bool) -> TopicDetails:
        """Have the topic at the target, with as many partitions and the same configs."""
        configs = self._at_source.configs if with_configs else {}
        wish = TopicWish(partitions=len(self._at_source.partitions), configs=configs)
        try:
            return self._target.patiently(lambda: self._target.client.have_topic(self._name, wish))
        except Refused as refused:
            advice = ADVICE.get(refused.status, "")
            raise CopyFailed(
                f"{self._name} cannot be at {self._target.url} as it is at {self._source.url}: {refused}{advice}"
            ) from refused

    def _describe(self, side: Side) -> TopicDetails:
        try:
            return side.patiently(lambda: side.client.topic(self._name))
        except NotRegistered as unknown:
            raise CopyFailed(f"there is no topic {self._name!r} at {side.url}") from unknown
        except Refused as refused:
            raise CopyFailed(f"{self._name} cannot be read at {side.url}: {refused}") from refused

    def _same(self, side: Side, topic: TopicDetails) -> TopicDetails:
        """Look again, and make sure that it is the same topic still."""
        now = self._describe(side)
        if now.topic_id != topic.topic_id:
            raise CopyFailed(f"{self._name} was deleted and made again at {side.url} while it was copied: begin anew")
        return now

    def _may_lack(self, side: Side, topic: TopicDetails, partition: int) -> MayLack:
        """Make the question whether a side may have lost a record: compaction takes any, retention the oldest."""
        if "compact" in topic.configs.get("cleanup.policy", ""):
            return lambda _offset: True
        log_start = topic.partitions[partition].log_start_offset

        def may_lack(offset: int) -> bool:
            nonlocal log_start
            if offset >= log_start:  # unless it moved on since
                log_start = self._describe(side).partitions[partition].log_start_offset
            return offset < log_start

        return may_lack

    def _keeps_times(self, at_target: TopicDetails) -> bool:
        return at_target.configs.get(TIMESTAMP_TYPE, CREATE_TIME) == CREATE_TIME
