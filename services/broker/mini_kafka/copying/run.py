"""A run: each topic is copied and verified, then the groups. What fails for one topic leaves the others alone."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from mini_kafka.copying.errors import CopyDiffers, CopyFailed
from mini_kafka.copying.group_offsets import GroupCopy
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.progress_report import ProgressReport
from mini_kafka.copying.settings import ALL, NONE, CopySettings
from mini_kafka.copying.sides import Side
from mini_kafka.copying.topic_copy import TopicCopy
from mini_kafka_shared.client import BrokerUnavailable, Overloaded
from mini_kafka_shared.retry import Stopped
from mini_kafka_shared.schemas_v1 import OffsetMove

DONE, NOT_DONE, WRONG_COMMAND, DIFFERS, STOPPED = range(5)
"""The exit codes: all is copied and alike; something is not copied; the command line is wrong; the sides differ; a
signal came first."""

logger = logging.getLogger(__name__)


class Run:
    """Does what the settings say.

    Args:
        source: the side to copy from.
        target: the side to copy to.
        settings: what to copy.
        progress: shows how far the work is.
        say: takes each line of the result, for standard output.
        now_ms: the time in milliseconds since 1970.
    """

    def __init__(
        self,
        source: Side,
        target: Side,
        settings: CopySettings,
        progress: ProgressReport,
        say: Callable[[str], None],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._source, self._target, self._settings = source, target, settings
        self._progress, self._say, self._now_ms = progress, say, now_ms
        self._code = DONE

    def run(self) -> int:
        """Copy, verify, move the groups, and return the exit code."""
        try:
            self._source.greet()
            self._target.greet()
            maps = self._copy_topics()
            if maps and not self._settings.verify_only:
                self._move_groups(maps)
        except CopyFailed as error:
            self._failed(error)
        except (BrokerUnavailable, Overloaded) as error:
            self._failed(CopyFailed(f"{error}; gave up after {self._settings.broker_wait:g} s"))
        except Stopped:
            logger.warning("asked to end: run the same command again to go on")
            return STOPPED
        finally:
            self._progress.end()
        return self._code

    def _copy_topics(self) -> dict[str, Sequence[OffsetMap]]:
        maps: dict[str, Sequence[OffsetMap]] = {}
        for name in self._settings.topic:
            try:
                maps[name] = self._copy_topic(name)
            except CopyFailed as error:
                self._progress.end()
                self._failed(error)
        return maps

    def _copy_topic(self, name: str) -> Sequence[OffsetMap]:
        topic = TopicCopy(self._source, self._target, name, self._settings.state, self._progress)
        if self._settings.verify_only:
            for number, offset in topic.check().items():
                missing = f"{name}-{number} is not copied to {self._target.url} from offset {offset} on"
                self._failed(CopyFailed(f"{missing}: leave --verify-only out to copy that too"))
        else:
            copied = topic.copy(self._now_ms(), with_configs=self._settings.configs == "source")
            found = f"; {_records(copied.found)} found there" if copied.found else ""
            self._say(f"copied {_records(copied.appended)} of {name} in {self._progress.end():.1f} s{found}")
        for alike in topic.verify():
            gone = f"; {_records(alike.gone)} only on one side by now" if alike.gone else ""
            partition = f"{name}-{alike.partition}"
            self._say(f"alike  {partition}  {_records(alike.records)}, checksum {alike.checksum}{gone}")
        return topic.maps

    def _move_groups(self, maps: Mapping[str, Sequence[OffsetMap]]) -> None:
        wanted = self._settings.groups
        groups = GroupCopy(self._source, self._target, maps, moved=self._moved, refused=self._refused)
        if wanted == (ALL,):
            groups.copy_all()
        elif wanted != (NONE,):
            for name in wanted:
                groups.copy(name)

    def _moved(self, group: str, move: OffsetMove) -> None:
        self._say(f"group  {group}  {move.topic}-{move.partition} at {move.after}")

    def _refused(self, reason: str) -> None:
        self._failed(CopyFailed(reason))

    def _failed(self, error: CopyFailed) -> None:
        logger.error("%s", error)
        self._code = max(self._code, DIFFERS if isinstance(error, CopyDiffers) else NOT_DONE)


def _records(count: int) -> str:
    return f"{count} {'record' if count == 1 else 'records'}"
