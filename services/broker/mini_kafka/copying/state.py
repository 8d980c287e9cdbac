"""How far a topic's copy is, in a file that is always whole: written beside, flushed to the disk, and renamed.

The file may be behind the target, never ahead of it: the copy compares what the target has beyond it with the
source. It is named after the two topics' ids, so a topic that was deleted and made again has another one.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka_shared.logging_setup import reason_of
from mini_kafka_shared.schemas_v1 import TopicDetails

NAME_BYTES = 6
SAVE_EVERY_S = 1.0
"""What was copied since the last save is read twice and compared by a run that goes on after a kill."""
SAVES_SHARE = 20
"""Saving a long map takes at most one part in so many of the time."""


class _Partition(msgspec.Struct):
    next_source: int
    next_target: int
    runs: list[tuple[int, int]]


class _State(msgspec.Struct):
    version: Literal[1]
    topic: str
    source_id: str
    target_id: str
    partitions: list[_Partition]
    ended: bool


_decode = msgspec.json.Decoder(_State).decode


def default_folder() -> Path:
    """Give the place for state of the user's programs (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "mini-kafka-copy"


class CopyState:
    """One topic's state file."""

    def __init__(
        self, folder: Path, source: TopicDetails, target: TopicDetails, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._topic, self._ids, self._clock = source.name, (str(source.topic_id), str(target.topic_id)), clock
        digest = blake2b("".join(self._ids).encode(), digest_size=NAME_BYTES).hexdigest()
        self.path = folder / f"{source.name}.{digest}.json"
        self.may_be_open = any(each.high_watermark > 0 for each in target.partitions)
        """Whether an earlier run may not have come to its end, and have left a request without an answer."""
        self._due_at = float("-inf")

    def load(self) -> list[OffsetMap] | None:
        """Read how far each partition is, or None where nothing was kept.

        Raises:
            CopyFailed: the file is damaged, or cannot be read.
        """
        try:
            state = _decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CopyFailed(
                f"the state file {self.path} cannot be read: {reason_of(error)}; give --state FOLDER"
            ) from error
        except msgspec.MsgspecError as error:
            raise CopyFailed(
                f"{self.path} is no state file of this version ({error}): delete it, and the copy compares what is at"
                " the target from its start"
            ) from error
        self.may_be_open = not state.ended
        return [OffsetMap(part.next_source, part.next_target, part.runs) for part in state.partitions]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run of this machine from copying the topic meanwhile.

        Raises:
            CopyFailed: another one does.
        """
        try:
            self._make_folder()
            lock = self.path.with_suffix(".lock").open("wb")
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:  # which the system takes from a process that is killed
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CopyFailed(f"another run copies {self._topic} now: let it come to its end") from error
            yield

    def save(self, maps: Sequence[OffsetMap], *, at_once: bool = True, ended: bool = False) -> None:
        """Write how far each partition is; without `at_once` only if the last time is long enough ago.

        Raises:
            CopyFailed: it cannot be written.
        """
        began_at = self._clock()
        if not at_once and began_at < self._due_at:
            return
        parts = [_Partition(each.next_source, each.next_target, each.runs) for each in maps]
        try:
            self._write(msgspec.json.encode(_State(1, self._topic, *self._ids, parts, ended)))
        except OSError as error:
            raise self._unwritable(error) from error
        now = self._clock()
        self._due_at = now + max(SAVE_EVERY_S, (now - began_at) * SAVES_SHARE)

    def _unwritable(self, error: OSError) -> CopyFailed:
        return CopyFailed(f"the state file {self.path} cannot be written: {reason_of(error)}; give --state FOLDER")

    def _make_folder(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, text: bytes) -> None:
        self._make_folder()
        beside = self.path.with_suffix(f".{os.getpid()}.new")
        with beside.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
