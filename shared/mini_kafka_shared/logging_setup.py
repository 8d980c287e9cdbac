"""What a program says and how: log lines on standard error, results on standard output.

One line a record, for people or as JSON for machines, each flushed at once, so that `docker logs` shows it when it
happens. No colours, no log files: whoever runs the program redirects its streams.
"""

import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, TextIO

from pydantic import BeforeValidator, Field

_Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)

LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    _Lower,
    Field(description="How much to log: debug, info, warning or error."),
]
LogFormat = Annotated[
    Literal["pretty", "json"],
    _Lower,
    Field(description="How to write the log: pretty for people, or json, one object a line, for machines."),
]

# C0 and C1 control characters, line and paragraph separators, what turns the writing direction of a whole
# terminal line around, and halves of surrogate pairs, which no terminal can show.
_UNFIT_FOR_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT_NAMES = {logging.WARNING: "WARN", logging.CRITICAL: "FATAL"}


def one_line(text: str, limit: int | None = None) -> str:
    """Make any text one printable line: escape control characters, and cut it with an ellipsis at `limit`."""
    shortened = text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
    return _UNFIT_FOR_A_LINE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), shortened)


def reason_of(error: OSError) -> str:
    """Say why the operating system refused, as the end of a sentence."""
    return (error.strerror or str(error) or type(error).__name__).lower()


class _PrettyFormatter(logging.Formatter):
    """Writes `12:01:02 INFO  text`; a traceback follows only where the code logged an exception, a bug."""

    def format(self, record: logging.LogRecord) -> str:
        level = _SHORT_NAMES.get(record.levelno, record.levelname)
        line = f"{self.formatTime(record, '%H:%M:%S')} {level:5} {one_line(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


_NOT_EXTRA = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _JsonFormatter(logging.Formatter):
    """Writes an object: time (RFC 3339), level, logger, message, what the code gave as `extra`, and a traceback.

    It is ASCII, so that no text in it can break the line or disturb a terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        content.update((name, value) for name, value in vars(record).items() if name not in _NOT_EXTRA)
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes and flushes each record; a reader that went away is `quiet_exit`'s, not a traceback's."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            raise
        super().handleError(record)


def set_up_logging(level: str, stream: TextIO | None = None, *, log_format: LogFormat = "pretty") -> None:
    """Send the log lines of `level` and above to a stream, standard error unless told otherwise.

    Also makes standard output write every line at once, and escape what the terminal's encoding cannot show.
    """
    for standard in (sys.stdout, sys.stderr):
        if isinstance(standard, io.TextIOWrapper):
            standard.reconfigure(errors="backslashreplace", line_buffering=True)
    handler = _Handler(sys.stderr if stream is None else stream)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _PrettyFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class OutputLost(OSError):
    """What a program has to say cannot be written; the text is a sentence."""


def say(text: str, *, on_standard_error: bool = False) -> None:
    """Print a line on standard output, at once.

    Raises:
        BrokenPipeError: the reader went away.
        OutputLost: it cannot be written for another reason, such as a full disk.
    """
    try:
        print(text, file=sys.stderr if on_standard_error else sys.stdout, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _output_lost(error) from error


def _output_lost(error: OSError) -> OutputLost:
    return OutputLost(f"the output cannot be written: {reason_of(error)}")


def quiet_exit(main: Callable[[], int]) -> int:
    """Run a program's main function and return its exit code, 1 when its output cannot be written.

    A reader that went away needs no words; a full disk gets a sentence.
    """
    try:
        code = main()
        _flush_standard_output()
    except (BrokenPipeError, OutputLost) as error:
        if isinstance(error, OutputLost):
            print(error, file=sys.stderr)  # noqa: T201
        _discard_standard_output()
        return 1
    return code


def _flush_standard_output() -> None:
    try:
        if sys.stdout is not None:  # the program may have been started with its output closed
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _output_lost(error) from error


def _discard_standard_output() -> None:
    """Let what is left go nowhere: the interpreter flushes once more when it ends, and would complain."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
