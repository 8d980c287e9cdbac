"""The `mini-kafka-producer` command: settings, signals, a progress bar on a terminal, one run."""

import sys
import threading

from mini_kafka_producer.runner import Runner
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_producer.sources import Source, open_source
from mini_kafka_shared.client import BrokerClient
from mini_kafka_shared.logging_setup import quiet_exit, reason_of, say, set_up_logging
from mini_kafka_shared.progress import ProgressBar
from mini_kafka_shared.retry import end_on_signals
from mini_kafka_shared.settings import load

PROG = "mini-kafka-producer"


def produce(settings: ProducerSettings) -> int:
    """Publish what the settings name, and return the exit code."""
    stop = threading.Event()
    with end_on_signals(stop):
        try:
            source = open_source(settings.input, follow=settings.follow, stop=stop)
        except OSError as error:
            problem = f"--input (PRODUCER_INPUT): {settings.input!r} cannot be read: {reason_of(error)}"
            print(f"{PROG}: {problem}", file=sys.stderr)  # noqa: T201
            return 2
        bar = progress_bar(settings, source)
        say_here = bar.above(say) if bar and sys.stdout is not None and sys.stdout.isatty() else say
        return Runner(BrokerClient(settings.broker), settings, source, stop, say=say_here, bar=bar).run()
    return 0  # a signal cut the last words short


def progress_bar(settings: ProducerSettings, source: Source) -> ProgressBar | None:
    """Make a bar where there is a terminal, and the end of the work is known."""
    return ProgressBar.on_a_terminal() if settings.count or source.size else None


def main() -> int:
    """Read the settings, publish until the end or a signal, and return the exit code."""
    settings = load(
        ProducerSettings,
        sys.argv[1:],
        prog=PROG,
        description="Publish lines to a Mini Kafka topic: of a file, of standard input, or made up.",
    ).settings
    set_up_logging(settings.log_level, log_format=settings.log_format)
    return quiet_exit(lambda: produce(settings))
