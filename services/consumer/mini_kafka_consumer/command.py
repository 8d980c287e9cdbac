"""The `mini-kafka-consumer` command: settings, output, signals, one run."""

import errno
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from mini_kafka_consumer.group_member import GroupMember
from mini_kafka_consumer.registered_consumer import RegisteredConsumer
from mini_kafka_consumer.settings import STANDARD_OUTPUT, ConsumerSettings
from mini_kafka_shared.client import BrokerClient
from mini_kafka_shared.logging_setup import quiet_exit, reason_of, say, set_up_logging
from mini_kafka_shared.retry import end_on_signals
from mini_kafka_shared.settings import load

PROG = "mini-kafka-consumer"


def open_output(path: str) -> BinaryIO:
    """Open where the lines of JSON go: at the end of a file, so that a consumer that goes on adds to it.

    Raises:
        OSError: the file cannot be written.
    """
    if path != STANDARD_OUTPUT:
        return open(path, "ab")
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdout.buffer


def write_line(stream: BinaryIO, text: str) -> None:
    """Write one line in UTF-8, whatever the terminal's encoding, and let nobody wait for it."""
    stream.write(text.encode() + b"\n")
    stream.flush()


def consume(settings: ConsumerSettings) -> int:
    """Consume what the settings name, and return the exit code."""
    stop = threading.Event()
    write: Callable[[str], None] | None = None
    say_to_people = partial(say, on_standard_error=settings.output == STANDARD_OUTPUT)
    with end_on_signals(stop):
        try:
            if settings.output is not None:
                write = partial(write_line, open_output(settings.output))
        except OSError as error:
            problem = f"--output (CONSUMER_OUTPUT): {settings.output!r} cannot be written: {reason_of(error)}"
            print(f"{PROG}: {problem}", file=sys.stderr)  # noqa: T201
            return 2
        consumer = GroupMember if settings.group else RegisteredConsumer
        return consumer(BrokerClient(settings.broker), settings, stop, say=say_to_people, write=write).run()
    return 0  # a signal cut the last words short


def main() -> int:
    """Read the settings, consume until a limit or a signal, and return the exit code."""
    settings = load(
        ConsumerSettings,
        sys.argv[1:],
        prog=PROG,
        description="Read messages from a Mini Kafka topic, and print each.",
    ).settings
    set_up_logging(settings.log_level, log_format=settings.log_format)
    return quiet_exit(lambda: consume(settings))
