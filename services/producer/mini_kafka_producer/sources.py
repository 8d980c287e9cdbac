"""Where the producer's values come from: a generator, a file that may grow and rotate, standard input.

A source hands out whole lines, in order, and reads no more than it needs to have as many as it is asked for: what it
read and nobody took stays in `ready` and `unfinished`, so that the runner can say what was not sent. Sources know
nothing of brokers.
"""

import errno
import logging
import os
import select
import stat
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

CHUNK_BYTES = 4096
"""How much is read at once: what may have to be sent in a hurry when the producer is told to end."""

MAX_LINE_BYTES = 8 * 1024 * 1024
"""A longer line is not kept in memory. The broker refuses such a body anyway."""

POLL_S = 0.2
"""How soon a grown file, or a signal during a read of standard input, is noticed."""

FOR_EVER = float("inf")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """A line's number, from 1, and its text without the line end; or the `fault` for which it cannot be sent."""

    number: int
    value: str = ""
    fault: str | None = None


class Source(Protocol):
    """A source of lines: `fill` reads, the caller takes from `ready`; of `size` bytes it has read `position`."""

    name: str
    ready: deque[Line]
    size: int | None
    position: int

    def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
        """Read until so many lines are ready, the time is over, or the source or the producer ends; tell if any is."""

    @property
    def unfinished(self) -> bytes:
        """What was read of a line whose end was not."""


class Greetings:
    """An endless source: `hello 1`, `hello 2` and so on."""

    name = "the generator"
    unfinished = b""
    size: int | None = None
    position = 0

    def __init__(self, stop: threading.Event) -> None:
        self.ready: deque[Line] = deque()
        self._stop = stop
        self._number = 0

    def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:  # noqa: ARG002 - it never waits
        """Make the next greetings, unless the producer was asked to end."""
        while len(self.ready) < lines and not self._stop.is_set():
            self._number += 1
            self.ready.append(Line(self._number, f"hello {self._number}"))
        return bool(self.ready)


class LineSplitter:
    r"""Cuts a stream of bytes into numbered lines at `\n` or `\r\n`, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._number = 0

    @property
    def unfinished(self) -> bytes:
        """The beginning of the line whose end has not come."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> list[Line]:
        """Take the next bytes, and return the lines that they end."""
        *ends, rest = data.split(b"\n")
        lines = [self._end_line(end) for end in ends]
        self._keep(rest)
        return lines

    def finish(self) -> list[Line]:
        r"""End the input: what came after the last `\n` is a line too, if it is anything."""
        return [self._end_line(b"", ended_by_newline=False)] if self._size else []

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= MAX_LINE_BYTES:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def _end_line(self, piece: bytes, *, ended_by_newline: bool = True) -> Line:
        self._keep(piece)
        raw, size = self.unfinished, self._size
        self._pieces, self._size = [], 0
        self._number += 1
        if size > MAX_LINE_BYTES:
            return Line(self._number, fault=f"it has {size} bytes, more than {MAX_LINE_BYTES}")
        return to_line(self._number, raw.removesuffix(b"\r") if ended_by_newline else raw)


def to_line(number: int, raw: bytes) -> Line:
    """Decode a line; one that is not UTF-8 becomes a line with a fault."""
    try:
        return Line(number, raw.decode())
    except UnicodeDecodeError as error:
        return Line(number, fault=f"it is not UTF-8: byte 0x{raw[error.start]:02x} at column {error.start + 1}")


class Bytes:
    """The lines of an open file, a pipe or a terminal, up to its end."""

    def __init__(self, descriptor: int, name: str, stop: threading.Event) -> None:
        self.name = name
        self.ready: deque[Line] = deque()
        self._descriptor = descriptor
        self._stop = stop
        self._splitter = LineSplitter()
        self._at_end = False
        self.size = _bytes_left(descriptor)
        self.position = 0

    @property
    def unfinished(self) -> bytes:
        """What was read of a line whose end was not."""
        return self._splitter.unfinished

    def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
        """Read until so many lines are ready, the time is over, or the input or the producer ends; tell if any is."""
        ends_at = time.monotonic() + wait_s
        while len(self.ready) < lines and not self._at_end and not self._stop.is_set():
            left_s = max(0.0, ends_at - time.monotonic())
            # A signal does not interrupt a read, but it ends the waiting for something to read.
            if not select.select([self._descriptor], [], [], min(POLL_S, left_s))[0]:
                if left_s <= POLL_S:
                    break
                continue
            data = os.read(self._descriptor, CHUNK_BYTES)
            self.position += len(data)
            self._at_end = not data
            self.ready.extend(self._splitter.feed(data) if data else self._splitter.finish())
        return bool(self.ready)


class FollowedFile:
    """The lines of a file from its beginning on, for ever: grown, truncated, rotated, or not there yet.

    Like `tail -F`: a line waits for its end, and a file that is cut and written anew to the same length or more
    between two looks cannot be told from one that grew.
    """

    size: int | None = None
    position = 0

    def __init__(self, path: str, stop: threading.Event) -> None:
        self.name = path
        self.ready: deque[Line] = deque()
        self._stop = stop
        self._splitter = LineSplitter()
        self._descriptor: int | None = None

    @property
    def unfinished(self) -> bytes:
        """What was read of a line whose end was not."""
        return self._splitter.unfinished

    def fill(self, lines: int = 1, wait_s: float = FOR_EVER) -> bool:
        """Read until so many lines are ready, the time is over, or the producer is to end; tell if any is."""
        ends_at = time.monotonic() + wait_s
        while len(self.ready) < lines and not self._stop.is_set():
            if not self._read() and not self._changed_file():
                left_s = ends_at - time.monotonic()
                if left_s <= 0:
                    break
                self._stop.wait(min(POLL_S, left_s))
        return bool(self.ready)

    def _read(self) -> bool:
        data = b"" if self._descriptor is None else os.read(self._descriptor, CHUNK_BYTES)
        self.ready.extend(self._splitter.feed(data))
        return bool(data)

    def _changed_file(self) -> bool:
        """Open the file that has the name now, or go back to the start of one that shrank; tell if so."""
        try:
            now = os.stat(self.name)
        except FileNotFoundError:
            return False  # between two files of a rotation, or not there yet
        if self._descriptor is not None:
            mine = os.fstat(self._descriptor)
            position = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if os.path.samestat(now, mine):
                if mine.st_size >= position:
                    return False
            elif mine.st_size > position:
                return True  # grew between the last read and the rotation: read that first
            os.close(self._descriptor)
        # What the old file left without a line end will not get one any more.
        self.ready.extend(self._splitter.finish())
        self._descriptor = os.open(self.name, os.O_RDONLY)
        return True


def _bytes_left(descriptor: int) -> int | None:
    """Tell how much of a regular file is still to be read; None for a pipe or a terminal."""
    about = os.fstat(descriptor)
    return about.st_size - os.lseek(descriptor, 0, os.SEEK_CUR) if stat.S_ISREG(about.st_mode) else None


def open_source(path: str | None, *, follow: bool, stop: threading.Event) -> Source:
    """Open what the settings name: no path is the generator, `-` is standard input.

    Raises:
        OSError: the file cannot be read.
    """
    if path is None:
        return Greetings(stop)
    if path == "-":
        os.fstat(0)  # closed, its number would go to the next thing that is opened: the connection to the broker
        return Bytes(0, "standard input", stop)
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if follow:
        if not os.path.exists(path):
            logger.warning("%s is not there yet: waiting for it", path)
        return FollowedFile(path, stop)
    return Bytes(os.open(path, os.O_RDONLY), path, stop)
